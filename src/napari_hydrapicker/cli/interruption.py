"""What becomes of a command that is interrupted, and the folder of a training that goes on afterwards."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.files import locked

logger = logging.getLogger(__name__)

EXIT_CODE: Final = 130  # as a shell reports it: 128 and the signal's number
_SIGNALS = ("SIGTERM", "SIGHUP")  # where the system has them


class Terminated(KeyboardInterrupt):
    """Somebody has ended the command with a signal other than that of Ctrl-C.

    Attributes
    ----------
    number
        The signal's.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Signals:
    """Signals that have been met, and what they mean for the command's exit code."""

    def __init__(self) -> None:
        self.number: int | None = None

    @property
    def exit_code(self) -> int:
        """The code of an interrupted command."""
        return EXIT_CODE if self.number is None else 128 + self.number

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """Break off what is under way, as Ctrl-C does; a second signal must not keep results from disk."""
        if self.number is None:
            self.number = number
            if number == getattr(signal, "SIGHUP", None):
                _speak_to_nobody()
            raise Terminated(number)


def _speak_to_nobody() -> None:
    """Let nothing be written to a terminal that is gone: it would end in an error."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # a stream without a file, as in tests
            if stat.S_ISCHR(os.fstat(stream.fileno()).st_mode):  # not a log
                os.dup2(nothing, stream.fileno())
    os.close(nothing)


@contextmanager
def signals_interrupt() -> Iterator[Signals]:
    """Treat the signals that end a process as Ctrl-C; those that are ignored (`nohup`) stay so.

    Yields
    ------
    Signals
        What has been met.
    """
    met = Signals()
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # no other may set handlers
        numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
        before = {number: signal.getsignal(number) for number in numbers}
        for number, handler in before.items():
            if handler is signal.SIG_DFL:
                signal.signal(number, met.interrupt)
    try:
        yield met
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interruptible(left: Callable[[], str]) -> Iterator[None]:
    """Say on standard error what is left of the work if it is interrupted, and end the command.

    Raises
    ------
    SystemExit
        With the interruption's exit code, in place of it: no more is to be said of it.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        number = stop.number if isinstance(stop, Terminated) else None
        how = "interrupted" if number is None else f"ended by {signal.Signals(number).name}"
        logger.warning("%s: %s", how, left())
        raise SystemExit(EXIT_CODE if number is None else 128 + number) from None


@contextmanager
def training_in(out: Path) -> Iterator[None]:
    """Make the folder and keep other trainings out of it; says what is left of an interrupted one.

    Raises
    ------
    ParameterError
        If another training writes there, or the folder cannot be written.
    """
    busy = "another training is writing there; wait for it, or choose another folder"
    with (
        locked(out, 0, lambda what: ParameterError(f"--out {out}: {what}"), busy, "choose another folder"),
        interruptible(lambda: _left(out)),
    ):
        yield


def has_checkpoint(out: Path) -> bool:
    """Whether there is a training to go on with."""
    return (out / "checkpoint.safetensors").exists()


def _left(out: Path) -> str:
    if has_checkpoint(out):
        return "the same command goes on from the latest checkpoint"
    return "before the first checkpoint"
