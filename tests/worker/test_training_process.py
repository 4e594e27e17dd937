"""The process that trains, whole: with its window, without it, and when it is killed."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from napari_hydrapicker.picking.library import HeadLibrary
from napari_hydrapicker.worker.client import WorkerClient
from napari_hydrapicker.worker.job_directory import DetachedJob, JobDirectory
from napari_hydrapicker.worker.messages import (
    Broken,
    Finished,
    Message,
    Trained,
    Training,
    TrainRequest,
    to_line,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

# The worker itself, but for a training that takes a moment, and that waits for a file before its first step.
PROGRAM = """
import os, sys, time
from functools import partial
os.cpu_count = lambda: 1
from napari_hydrapicker.training import few_shot, finetune
small = dict(steps=3, batch_size=2, crop_wpx=64, memory_bytes=0)
finetune.FewShotParameters = partial(few_shot.FewShotParameters, **small)
class Waiting(few_shot.HeadTrainer):
    def step(self, number):
        while not os.path.exists(GATE):
            time.sleep(0.01)
        return super().step(number)
few_shot.HeadTrainer = Waiting
from napari_hydrapicker.worker import server
server.give_way = server.stand_back = lambda by: None  # the tests wait for nothing else on the machine
server.main()
"""


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """The file whose coming lets a training begin its steps."""
    return tmp_path / "gate"


@pytest.fixture
def command(gate: Path) -> tuple[str, ...]:
    """How the worker is started."""
    return (sys.executable, "-c", PROGRAM.replace("GATE", repr(str(gate))))


@pytest.fixture
def child(command: tuple[str, ...], no_thread_left: None) -> Iterator[WorkerClient]:
    """The window's end; nothing is left of it, nor of what it has let go and what is done."""
    with WorkerClient(command) as made:
        yield made
    del made
    gc.collect()  # a process that nobody waited for would warn, which is an error


def pid_of(child: WorkerClient) -> int:
    assert child._process is not None
    pid = child._process.pid
    assert pid is not None
    return pid


def until(poll: Callable[[], list[Message]], kind: type, seconds: float = 120) -> list[Message]:
    """All messages up to the first of a kind."""
    heard: list[Message] = []
    deadline = time.monotonic() + seconds
    while not any(isinstance(message, kind) for message in heard):
        assert time.monotonic() < deadline, f"only {heard}"
        heard += poll()
        time.sleep(0.01)
    return heard


def names(request: TrainRequest) -> list[list[str]]:
    return [HeadLibrary(Path(folder)).names() for folder in request.libraries]


def ends(pid: int) -> bool:
    """Whether a process ends soon; a zombie, whose parent is gone, has ended."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_a_training_that_is_left_is_finished_and_found(
    child: WorkerClient, gate: Path, train_request: TrainRequest
) -> None:
    child.send(train_request)
    until(child.poll, Training)
    pid = pid_of(child)
    child.leave()
    assert not child.running
    directory = JobDirectory(train_request.folder)
    assert directory.is_held()
    left = DetachedJob(directory, 9)
    os.kill(pid, signal.SIGHUP)  # the terminal is closed as well
    gate.touch()
    heard = until(left.poll, Finished)
    trained = heard[-2]
    assert isinstance(trained, Trained)
    assert (trained.job, trained.name, trained.steps) == (9, "mine", 3)
    assert heard[-1] == Finished(9, cancelled=False)
    assert names(train_request) == [["mine"], ["mine"]]
    assert ends(pid)
    assert not directory.is_held()


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the process in /proc")
def test_a_training_outlives_a_window_that_is_killed(
    command: tuple[str, ...], gate: Path, train_request: TrainRequest, tmp_path: Path
) -> None:
    (tmp_path / "request").write_bytes(to_line(train_request))
    window = f"""
import json, time
from pathlib import Path
from napari_hydrapicker.worker.client import WorkerClient
from napari_hydrapicker.worker.messages import from_line
from napari_hydrapicker.worker.messages import Training
child = WorkerClient(json.loads({json.dumps(json.dumps(command))}))
child.send(from_line(Path({str(tmp_path / "request")!r}).read_bytes()))
while not any(isinstance(m, Training) for m in child.poll()):
    time.sleep(0.01)
print(child._process.pid, flush=True)
time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", window], stdout=subprocess.PIPE)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()
    gate.touch()
    directory = JobDirectory(train_request.folder)
    heard = until(DetachedJob(directory, 1).poll, Finished)
    assert isinstance(heard[-2], Trained)
    assert names(train_request) == [["mine"], ["mine"]]
    assert ends(pid), "a process that nobody knows of must not stay"


def test_a_training_that_is_left_can_be_cancelled(child: WorkerClient, train_request: TrainRequest) -> None:
    child.send(train_request)
    until(child.poll, Training)
    pid = pid_of(child)
    child.leave()
    left = DetachedJob(JobDirectory(train_request.folder), 9)
    start = time.monotonic()
    left.cancel()
    assert until(left.poll, Finished)[-1] == Finished(9, cancelled=True)
    assert time.monotonic() - start < 2  # a second, and what a busy test machine adds
    assert ends(pid)
    assert names(train_request) == [[], []]


def test_one_that_is_killed_when_left_is_told_of_and_another_can_be_trained(
    child: WorkerClient, gate: Path, train_request: TrainRequest
) -> None:
    child.send(train_request)
    until(child.poll, Training)
    pid = pid_of(child)
    child.leave()
    os.kill(pid, signal.SIGKILL)
    assert ends(pid)
    directory = JobDirectory(train_request.folder)
    broken = until(DetachedJob(directory, 9).poll, Broken)[-1]
    assert isinstance(broken, Broken)
    assert "was killed" in broken.text
    directory.forget()
    assert names(train_request) == [[], []]
    gate.touch()
    child.send(replace(train_request, job=2, name="other"))
    assert isinstance(until(child.poll, Finished)[-2], Trained)
    assert names(train_request) == [["other"], ["other"]]


@pytest.mark.parametrize(
    ("number", "words"), [(signal.SIGKILL, "memory may have run out"), (signal.SIGSEGV, "crashed (SIGSEGV)")]
)
def test_one_that_is_killed_under_the_windows_eyes_is_told_of(
    child: WorkerClient, gate: Path, train_request: TrainRequest, number: signal.Signals, words: str
) -> None:
    child.send(train_request)
    until(child.poll, Training)
    os.kill(pid_of(child), number)
    broken = until(child.poll, Broken)[-1]
    assert isinstance(broken, Broken)
    assert words in broken.text
    assert names(train_request) == [[], []]
    gate.touch()
    child.send(replace(train_request, job=2))
    assert until(child.poll, Finished)[-1] == Finished(2, cancelled=False)
    assert names(train_request) == [["mine"], ["mine"]]


@pytest.mark.skipif(sys.platform != "linux", reason="limits another process' memory")
def test_one_whose_memory_runs_out_says_so(
    child: WorkerClient, gate: Path, train_request: TrainRequest
) -> None:
    import resource

    child.send(train_request)
    until(child.poll, Training)
    pid = pid_of(child)
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    now = pages * resource.getpagesize()
    resource.prlimit(pid, resource.RLIMIT_AS, (now, now))
    gate.touch()
    broken = until(child.poll, Broken)[-1]
    assert isinstance(broken, Broken)
    assert "memory" in broken.text
    assert names(train_request) == [[], []]


def test_cancelling_is_done_within_a_second(child: WorkerClient, train_request: TrainRequest) -> None:
    child.send(train_request)
    until(child.poll, Training)
    start = time.monotonic()
    child.cancel(1)
    assert until(child.poll, Finished)[-1] == Finished(1, cancelled=True)
    assert time.monotonic() - start < 1.2  # the deadline, and what a busy test machine adds
    assert names(train_request) == [[], []]
