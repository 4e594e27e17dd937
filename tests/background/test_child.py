"""The worker process, seen from the window's end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.background.child import Child
from napari_hydrapicker.background.messages import (
    Broken,
    Failed,
    Finished,
    Message,
    Picked,
    PickRequest,
    Ready,
)
from napari_hydrapicker.simulation.sample import Sample

Make = Callable[..., PickRequest]


@pytest.fixture
def child() -> Iterator[Child]:
    """A child that is gone after the test, with all its threads."""
    threads = set(threading.enumerate())
    made = Child()
    yield made
    made.close()
    assert not made.running
    assert set(threading.enumerate()) <= threads


def _until(child: Child, kind: type, seconds: float = 60) -> list[Message]:
    """All messages up to the first of a kind."""
    heard: list[Message] = []
    deadline = time.monotonic() + seconds
    while not any(isinstance(message, kind) for message in heard):
        assert time.monotonic() < deadline, f"only {heard}"
        heard += child.poll()
        time.sleep(0.01)
    return heard


def test_it_picks_what_can_be_picked(
    child: Child, request_of: Make, simulated: tuple[Path, Sample], tmp_path: Path
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
    child.send(request_of(2))
    assert isinstance(_until(child, Finished, 20)[-1], Finished), "the process is still there"


def test_cancelling_takes_less_than_a_second(
    child: Child, request_of: Make, simulated: tuple[Path, Sample]
) -> None:
    child.send(request_of(5, [simulated[0]] * 500))
    _until(child, Picked)
    start = time.monotonic()
    child.cancel(5)
    last = _until(child, Finished)[-1]
    assert time.monotonic() - start < 1.5  # a second, and what a busy test machine adds
    assert last == Finished(5, cancelled=True)


def test_cancelling_a_stuck_process_ends_it(child: Child, request_of: Make) -> None:
    child.send(request_of(6))
    assert child._process is not None
    os.kill(child._process.pid, signal.SIGSTOP)
    child.cancel(6)
    assert _until(child, Finished, 10) == [Finished(6, cancelled=True)]
    assert not child.running


def test_a_killed_process_is_reported_and_replaced(child: Child, request_of: Make) -> None:
    child.send(request_of(7))
    _until(child, Ready)
    assert child._process is not None
    child._process.kill()
    broken = _until(child, Broken)[-1]
    assert isinstance(broken, Broken)
    assert "memory may have run out" in broken.text
    child.send(request_of(8))
    assert _until(child, Finished)[-1] == Finished(8, cancelled=False)


def test_an_impossible_request_is_answered_in_words(child: Child, request_of: Make) -> None:
    child.send(request_of(9, head="no-such-head"))
    broken = _until(child, Broken)[-1]
    assert isinstance(broken, Broken)
    assert "no-such-head" in broken.text


def test_closing_during_work_leaves_nothing(child: Child, request_of: Make) -> None:
    child.send(request_of(10))
    process = child._process
    assert process is not None
    start = time.monotonic()
    child.close()
    child.close()
    assert time.monotonic() - start < 2
    assert process.poll() is not None
    assert child.poll() == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the process in /proc")
def test_it_does_not_outlive_the_window() -> None:
    window = (
        "from napari_hydrapicker.background.child import Child\n"
        "from napari_hydrapicker.background.messages import Cancel\n"
        "import os, time\n"
        "child = Child(); child.send(Cancel(1)); print(child._process.pid, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", window], stdout=subprocess.PIPE)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    assert Path(f"/proc/{pid}").exists()
    process.kill()
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.05)
