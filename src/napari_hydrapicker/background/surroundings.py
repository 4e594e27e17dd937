"""The worker process among others: whom it gives way to, and its pipes when the window is gone."""

from __future__ import annotations

import contextlib
import os
import traceback

from napari_hydrapicker.background.autogroup import weigh_session


def give_way(by: int) -> None:
    """Let other processes, the window first of all, be served before this one: so many steps of niceness.

    On Linux this holds for the calling thread and those that it starts from then on.
    """
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):  # not allowed in some containers; slower, not wrong
            os.nice(by)


def stand_back(by: int) -> None:
    """Give way so many steps more, and at once: for work that takes all cores, for minutes.

    What is merely nice may finish its slice of some milliseconds before a thread of the window is served, and
    a frame that is drawn without a graphics card waits for a dozen of those. What runs on idle cores alone
    may not; but on a busy machine it would get nothing at all, unless its session has a share of its own.
    """
    give_way(by)
    if hasattr(os, "SCHED_IDLE") and weigh_session(os.nice(0)):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


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
