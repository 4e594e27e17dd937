"""The worker process among others: whom it gives way to, and its pipes when the window is gone."""

from __future__ import annotations

import contextlib
import os
import traceback
from pathlib import Path


def give_way(by: int) -> None:
    """Let other processes, the window first of all, be served before this one: so many steps of niceness.

    On Linux this holds for the calling thread and those that it starts from then on.
    """
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):  # not allowed in some containers; slower, not wrong
            os.nice(by)


def weigh_session(niceness: int) -> None:
    """Do the same for this process' session: Linux desktops weigh these before processes.

    A session that other processes share is not ours to change.
    """
    if hasattr(os, "getsid") and os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(niceness))


def go_on_alone(answers: int) -> None:
    """Let nothing that is written from now on meet a pipe that nobody reads; the descriptor `answers` too."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2, answers):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def print_trace() -> None:
    """Print the trace of the error being handled, if anybody reads it."""
    with contextlib.suppress(OSError):
        traceback.print_exc()
