"""The worker process, seen from the window's end."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.picking.parameters import HydraSpec
from napari_hydrapicker.simulation.sample import Sample
from napari_hydrapicker.worker.client import WorkerClient
from napari_hydrapicker.worker.messages import Broken, Failed, Finished, Message, Picked, PickRequest, Ready

Make = Callable[..., PickRequest]
needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")


@pytest.fixture
def child(no_thread_left: None) -> Iterator[WorkerClient]:
    """A child that is gone after the test, with all its threads and pipes."""
    with WorkerClient() as made:
        yield made
    assert not made.running
    del made
    gc.collect()  # a pipe or a process that was left would warn, which is an error


def _pid(child: WorkerClient) -> int:
    assert child._process is not None
    pid = child._process.pid
    assert pid is not None
    return pid


def _until(child: WorkerClient, kind: type, seconds: float = 60) -> list[Message]:
    """All messages up to the first of a kind."""
    heard: list[Message] = []
    deadline = time.monotonic() + seconds
    while not any(isinstance(message, kind) for message in heard):
        assert time.monotonic() < deadline, f"only {heard}"
        heard += child.poll()
        time.sleep(0.01)
    return heard


def test_it_picks_what_can_be_picked(
    child: WorkerClient, request_of: Make, simulated: tuple[Path, Sample], tmp_path: Path
) -> None:
    path, sample = simulated
    damaged = tmp_path / "damaged.mrc"
    damaged.write_bytes(b"\0" * 100)
    child.send(request_of(1, [damaged, path, tmp_path / "gone.mrc"]))
    heard = _until(child, Finished)
    assert [type(m) for m in heard] == [Ready, Failed, Picked, Failed, Finished]
    assert isinstance(heard[0], Ready)
    assert "CPU" in heard[0].device
    assert 0 < heard[0].threshold < 1
    assert isinstance(heard[1], Failed)
    assert "damaged.mrc" in heard[1].error
    picked = heard[2]
    assert isinstance(picked, Picked)
    good = np.array(picked.yx)[np.array(picked.score) > 0.5]
    gap = np.linalg.norm(good[:, None] - sample.picks.yx[None], axis=2).min(axis=1)
    assert np.median(gap) < 5, "rows and columns as in the file, pixels of the file"
    assert min(picked.score) < 0.1, "the confidence slider has something to filter"
    pid = _pid(child)
    child.send(request_of(2))
    assert _until(child, Finished, 20)[-1] == Finished(2, cancelled=False)
    assert _pid(child) == pid, "the process stays, with its network"


def test_cancelling_breaks_off_the_micrograph_under_way(
    child: WorkerClient, request_of: Make, simulated: tuple[Path, Sample]
) -> None:
    child.send(request_of(5, [simulated[0]] * 500))
    _until(child, Picked)
    pid = _pid(child)
    for job in (5, 6, 7):
        start = time.monotonic()
        child.cancel(job)
        assert _until(child, Finished)[-1] == Finished(job, cancelled=True)
        assert time.monotonic() - start < 5  # about a second; a busy machine adds, the job would take minutes
        assert child.job is None
        child.send(request_of(job + 1, [simulated[0]] * 500))
        _until(child, Ready)
    assert _pid(child) == pid, "and keeps the network loaded"


@needs_signals
def test_cancelling_a_stuck_process_ends_it(child: WorkerClient, request_of: Make) -> None:
    child.send(request_of(6))
    os.kill(_pid(child), signal.SIGSTOP)
    start = time.monotonic()
    child.cancel(6)
    assert _until(child, Finished, 10) == [Finished(6, cancelled=True)]
    assert time.monotonic() - start < 5
    assert not child.running


@needs_signals
def test_a_killed_process_is_reported_and_replaced(
    child: WorkerClient, request_of: Make, simulated: tuple[Path, Sample]
) -> None:
    child.send(request_of(7, [simulated[0]] * 500))
    _until(child, Picked)
    os.kill(_pid(child), signal.SIGKILL)
    broken = _until(child, Broken)[-1]
    assert isinstance(broken, Broken)
    assert "memory may have run out" in broken.text
    assert child.poll() == []
    child.send(request_of(8))
    assert _until(child, Finished)[-1] == Finished(8, cancelled=False)


@needs_signals
def test_a_process_that_dies_idle_is_replaced_without_a_word(child: WorkerClient, request_of: Make) -> None:
    child.start()
    os.kill(_pid(child), signal.SIGKILL)
    while child.running:
        time.sleep(0.01)
    assert child.poll() == []
    child.send(request_of(3))
    assert [type(m) for m in _until(child, Finished)] == [Ready, Picked, Finished]


@needs_signals
def test_the_terminals_interrupt_does_not_reach_the_job(child: WorkerClient, request_of: Make) -> None:
    child.send(request_of(4))
    _until(child, Ready)
    os.kill(_pid(child), signal.SIGINT)
    assert _until(child, Finished)[-1] == Finished(4, cancelled=False)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Lets a shell script take the worker's place."""

    def make(script: str) -> None:
        path = tmp_path / "stand_in.sh"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(path))

    return make


def _all_for(child: WorkerClient, seconds: float) -> list[Message]:
    heard: list[Message] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        heard += child.poll()
        time.sleep(0.01)
    return heard


@needs_signals
def test_a_process_killed_in_the_middle_of_an_answer_is_reported_once(
    child: WorkerClient, request_of: Make, stand_in: Callable[[str], None]
) -> None:
    stand_in("""read line; printf '{"type": "Picked", "job'; kill -9 $$""")
    child.send(request_of(11))
    heard = _until(child, Broken, 10) + _all_for(child, 0.3)
    assert len(heard) == 1
    assert "memory may have run out" in heard[0].text  # type: ignore[union-attr]


@needs_signals
def test_a_process_that_dies_at_once_is_reported_once(
    child: WorkerClient, request_of: Make, stand_in: Callable[[str], None]
) -> None:
    stand_in("echo 'no such module' >&2; exec 0<&-; exit 3")
    child.send(request_of(12, [Path("x" * 200)] * 2000))  # more than a pipe holds
    heard = _until(child, Broken, 10) + _all_for(child, 0.3)
    assert len(heard) == 1
    assert "exit code 3: no such module" in heard[0].text  # type: ignore[union-attr]


def test_cancelling_what_is_finished_ends_no_process(child: WorkerClient, request_of: Make) -> None:
    child.send(request_of(13))
    _until(child, Finished)
    child.cancel(13)
    assert _all_for(child, 1.2) == []
    assert child.running


def test_an_impossible_request_is_answered_in_words(child: WorkerClient, request_of: Make) -> None:
    child.send(request_of(9, picker=HydraSpec(head="no-such-head")))
    broken = _until(child, Broken)[-1]
    assert isinstance(broken, Broken)
    assert "no-such-head" in broken.text
    child.send(request_of(10))
    assert _until(child, Finished)[-1] == Finished(10, cancelled=False)


def test_one_job_at_a_time(child: WorkerClient, request_of: Make) -> None:
    child.send(request_of(1))
    with pytest.raises(RuntimeError, match="job 1 is under way"):
        child.send(request_of(2))
    child.cancel(2)  # not under way: nothing to do
    assert _until(child, Finished)[-1] == Finished(1, cancelled=False)


@pytest.mark.parametrize("after", [None, Ready, Picked])
def test_closing_during_work_leaves_nothing(
    child: WorkerClient, request_of: Make, simulated: tuple[Path, Sample], after: type | None
) -> None:
    child.send(request_of(10, [simulated[0]] * 500))
    if after is not None:
        _until(child, after)
    process = child._process
    assert process is not None
    start = time.monotonic()
    child.close()
    child.close()
    assert time.monotonic() - start < 1
    assert process.ended
    assert child.poll() == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the process in /proc")
def test_it_does_not_outlive_the_window(simulated: tuple[Path, Sample]) -> None:
    window = f"""
import time
from napari_hydrapicker.worker.client import WorkerClient
from pathlib import Path
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.parameters import HydraSpec, PickParameters
from napari_hydrapicker.worker.messages import (Picked, PickRequest)
child = WorkerClient()
many = dict.fromkeys(range(500), Micrograph(Path({str(simulated[0])!r}), (480, 640), 2.0))
child.send(PickRequest(1, many, PickParameters(diameter_angstrom=150), HydraSpec(), "cpu", Path("picking")))
while not any(isinstance(m, Picked) for m in child.poll()):
    time.sleep(0.01)
print(child._process.pid, flush=True)
time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", window], stdout=subprocess.PIPE)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    assert Path(f"/proc/{pid}").exists()
    process.kill()
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_picking_does_not_go_on_when_it_is_left(
    child: WorkerClient, request_of: Make, simulated: tuple[Path, Sample]
) -> None:
    child.send(request_of(11, [simulated[0]] * 500))
    _until(child, Ready)
    process = child._process
    assert process is not None
    child.leave()
    assert not child.running
    deadline = time.monotonic() + 20
    while not process.ended:
        assert time.monotonic() < deadline
        time.sleep(0.01)
