"""Ways to make the plugin's processes and disks fail, and what the user is told: for `drive_failures.py`."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari.utils.notifications import ErrorNotification, notification_manager
from window_driver import check, wait

from napari_hydrapicker.gui.controllers.jobs import Jobs

_CRASH = """
import {module} as module
whole, calls = module.{place}, []
def broken(*arguments):
    calls.append(1)
    if len(calls) > {good}:
        raise ZeroDivisionError("made to fail")
    return whole(*arguments)
module.{place} = broken
"""
_SHORT = """
from functools import partial
from napari_hydrapicker.training import finetune
finetune.FewShotParameters = partial(finetune.FewShotParameters, steps={}, batch_size={}, memory_bytes=0)
"""
_LARGE = _SHORT.format(4, 32)
_NOTE_SHRINKING = """
import os
from napari_hydrapicker.training import head_trainer
shrunk = head_trainer._smaller
def noting(parameters):
    smaller = shrunk(parameters)
    os.makedirs(os.path.join({!r}, f"{{smaller.batch_size}}-{{smaller.crop_wpx}}"), exist_ok=True)
    return smaller
head_trainer._smaller = noting
"""
_WORK = """
from napari_hydrapicker.worker import server
# The tour is not to wait for other programs.
server.give_way = server.stand_back = server.weigh_session = lambda by: None
server.main()
"""


class Told:
    """What napari has told the user since the last call."""

    def __init__(self) -> None:
        self._heard = 0

    def new(self) -> list[str]:
        """Return it; an error that nobody has caught, shown with its trace, ends the tour."""
        records = notification_manager.records[self._heard :]
        self._heard += len(records)
        for one in records:
            if isinstance(one, ErrorNotification):
                sys.exit(f"WRONG: the user is shown an error: {one.as_text()}")
        return [str(one.message) for one in records]

    def wait_for(self, *words: str) -> str:
        """Wait until something is told that has all the words; return and print it."""
        heard: list[str] = []

        def come() -> bool:
            heard.extend(self.new())
            return any(all(word in text for word in words) for text in heard)

        try:
            wait(come)
        except SystemExit:
            sys.exit(f"WRONG: nothing was told with the words {words}, only {heard}")
        text = next(text for text in heard if all(word in text for word in words))
        check(f"told in words: {text!r}", "Traceback" not in text and 'File "' not in text)
        return text


def pid_of(jobs: Jobs) -> int:
    """Return the number of the process at work for a part of the dock."""
    process = jobs._child._process
    number = None if process is None else process.pid
    if number is None:
        sys.exit("WRONG: there is no process at work")
    return number


def signal_worker(jobs: Jobs, signal: int) -> None:
    """Send the process a signal, as the system does where memory runs out, or the user by a task manager."""
    os.kill(pid_of(jobs), signal)


def crash_of(module: str, place: str, good: int) -> str:
    """Return what lets a function raise an error that nobody expects after some calls, for `changed`."""
    return _CRASH.format(module=module, place=place, good=good)


def undisturbed(jobs: Jobs, change: str = "") -> None:
    """Let the process that is started from now on give way to no other program, so that the tour ends."""
    jobs._child.close()
    jobs._child._command = (sys.executable, "-P", "-c", change + _WORK)


@contextmanager
def changed(jobs: Jobs, change: str = _SHORT.format(20, 4)) -> Iterator[None]:
    """Change the process that is started from now on: by default a training has few steps."""
    before = jobs._child._command
    undisturbed(jobs, change)
    try:
        yield
    finally:
        jobs._child._command = before


@contextmanager
def shrinking(jobs: Jobs) -> Iterator[list[str]]:
    """Begin with large batches; what is given has afterwards those, and the crops, that were gone on with.

    With batches of the usual size the optimiser's state takes more memory than they do.
    """
    with tempfile.TemporaryDirectory() as folder, changed(jobs, _LARGE + _NOTE_SHRINKING.format(folder)):
        sizes: list[str] = []
        yield sizes
        sizes += sorted(os.listdir(folder))


def squeeze(jobs: Jobs, spare_mb: float) -> None:
    """Let the process have so much memory beyond what it has, and not a byte more: real allocations fail."""
    pid = pid_of(jobs)
    size = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
    _, hard = resource.prlimit(pid, resource.RLIMIT_AS)
    resource.prlimit(pid, resource.RLIMIT_AS, (size + int(spare_mb * 2**20), hard))


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Take the right to write into a folder away."""
    mode = folder.stat().st_mode
    folder.chmod(0o555)
    try:
        if os.access(folder, os.W_OK):
            sys.exit(f"{folder} can be written none the less: run this as a user without special rights")
        yield
    finally:
        folder.chmod(mode)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Fill the disk that a folder is on; it should be a small one."""
    ballast = folder / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(2**16))
        yield
    finally:
        ballast.unlink()
