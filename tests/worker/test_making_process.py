"""The process that makes a cGAN picker, whole: cancelled, killed, left, and gone on with."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.library import GeneratorLibrary
from napari_hydrapicker.simulation.sample import Sample
from napari_hydrapicker.worker.client import WorkerClient
from napari_hydrapicker.worker.job_directory import DetachedJob, JobDirectory
from napari_hydrapicker.worker.messages import Broken, Finished, Made, MakeRequest, Message, Training

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

# The worker itself, but for small pairs, a checkpoint after each step, and a wait for a file before step 3.
PROGRAM = """
import os, time
from functools import partial
os.cpu_count = lambda: 1
from napari_hydrapicker.worker import cgan_training
from napari_hydrapicker.training import cgan, cgan_publish
cgan_training.PairMaker = partial(cgan_training.PairMaker, side_wpx=64)
cgan_training.CGanParameters = partial(cgan_training.CGanParameters, batch_size=1)
cgan_training._CHECKPOINT_STEPS, cgan_training._REPORT_SECONDS = 1, 0.0
cgan_publish.HELD_OUT_PAIRS = 1
step = cgan._Training.step
def waiting(self, number):
    while number == 2 and not os.path.exists(GATE):
        time.sleep(0.01)
    return step(self, number)
cgan._Training.step = waiting
from napari_hydrapicker.worker import server
server.give_way = server.stand_back = lambda by: None  # the tests wait for nothing else on the machine
server.main()
"""


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """The file whose coming lets a training go beyond its second step."""
    return tmp_path / "gate"


@pytest.fixture
def child(gate: Path, no_thread_left: None) -> Iterator[WorkerClient]:
    """The window's end; nothing is left of it, nor of what it has let go and what is done."""
    with WorkerClient((sys.executable, "-c", PROGRAM.replace("GATE", repr(str(gate))))) as made:
        yield made
    del made
    gc.collect()  # a process that nobody waited for would warn, which is an error


@pytest.fixture
def make_request(simulated: tuple[Path, Sample], tmp_path: Path) -> MakeRequest:
    """Four steps on a micrograph that is not square."""
    path, sample = simulated
    library = tmp_path / "library"
    request = MakeRequest(
        1, "mine", (Micrograph(path, (480, 640), sample.pixel_size_angstrom),), sample.diameter_angstrom,
        30, 4, "cpu", (str(library),), tmp_path / "job",
    )  # fmt: skip
    JobDirectory(request.folder).begin(request)
    return request


def until(poll: Callable[[], list[Message]], enough: Callable[[Message], bool]) -> list[Message]:
    """All messages up to the first that is enough."""
    heard: list[Message] = []
    deadline = time.monotonic() + 120
    while not any(map(enough, heard)):
        assert time.monotonic() < deadline, f"only {heard}"
        heard += poll()
        time.sleep(0.01)
    return heard


def at_the_gate(message: Message) -> bool:
    return isinstance(message, Training) and message.stage == "training" and message.done == 2


def is_last(message: Message) -> bool:
    return isinstance(message, Finished | Broken)


def goes_on(child: WorkerClient, gate: Path, request: MakeRequest) -> None:
    """A new job does the steps that are missing, and keeps the picker."""
    assert JobDirectory(request.folder).resumable() == request
    assert GeneratorLibrary(Path(request.libraries[0])).names() == []
    gate.touch()
    child.send(replace(request, job=2))
    *told, made, finished = until(child.poll, is_last)
    steps = [p.done for p in told if isinstance(p, Training) and p.stage == "training"]
    assert steps in ([3, 4], [2, 3, 4]), "a step is told of just before its checkpoint is written"
    assert isinstance(made, Made)
    assert finished == Finished(2, cancelled=False)
    assert GeneratorLibrary(Path(request.libraries[0])).names() == ["mine"]
    assert JobDirectory(request.folder).resumable() is None


def test_one_that_is_cancelled_ends_within_a_second_and_goes_on(
    child: WorkerClient, gate: Path, make_request: MakeRequest
) -> None:
    child.send(make_request)
    until(child.poll, at_the_gate)
    start = time.monotonic()
    child.cancel(1)
    assert until(child.poll, is_last)[-1] == Finished(1, cancelled=True)
    assert time.monotonic() - start < 1.2  # the deadline, and what a busy test machine adds
    goes_on(child, gate, make_request)


def test_one_that_is_killed_is_told_of_and_goes_on(
    child: WorkerClient, gate: Path, make_request: MakeRequest
) -> None:
    child.send(make_request)
    until(child.poll, at_the_gate)
    assert child._process is not None
    pid = child._process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    broken = until(child.poll, is_last)[-1]
    assert isinstance(broken, Broken)
    assert "memory may have run out" in broken.text
    goes_on(child, gate, make_request)


def test_one_that_is_left_is_made_and_found(
    child: WorkerClient, gate: Path, make_request: MakeRequest
) -> None:
    child.send(make_request)
    until(child.poll, at_the_gate)
    child.leave()
    directory = JobDirectory(make_request.folder)
    assert directory.is_held()
    gate.touch()
    *_, made, finished = until(DetachedJob(directory, 9).poll, is_last)
    assert isinstance(made, Made)
    assert (made.job, made.name, finished) == (9, "mine", Finished(9, cancelled=False))
    assert GeneratorLibrary(Path(make_request.libraries[0])).names() == ["mine"]
