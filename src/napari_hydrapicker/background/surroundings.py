"""The worker process among others: whom it gives way to, and its pipes when the window is gone."""

from __future__ import annotations

import contextlib
import os

from napari_hydrapicker.background.autogroup import weigh_session


def give_way(by: int) -> None:
    """Let other processes, the window first of all, be served before this one: so many steps of niceness.

    On Linux this holds for the calling thread and those that it starts from then on.
    """
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):  # not allowed in some containers; slower, not wrong
            os.nice(by)


def stand_back(by: int) -> None:
    """Give way so many steps more, with the whole session: for work that takes all cores, for minutes.

    It stays merely nice: what runs on idle cores alone gets next to nothing on a busy machine.
    """
    give_way(by)
    if hasattr(os, "nice"):
        weigh_session(os.nice(0))


def go_on_alone(answers: int) -> None:
    """Let nothing that is written from now on meet a pipe that nobody reads; the descriptor `answers` too."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2, answers):
        os.dup2(nothing, descriptor)
    os.close(nothing)
