"""The worker process among others: whom it gives way to, and its pipes when the window is gone."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path, PurePosixPath

_PROC, _CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
_TRIES, _BETWEEN_SECONDS = 5, 0.11  # Linux takes one weight in a tenth of a second, of all sessions


def weigh_session(niceness: int) -> bool:
    """Give this process' session a niceness; returns whether it counts, and its share is therefore its own.

    A session that other processes share is not ours to change.
    """
    if not hasattr(os, "getsid") or os.getsid(0) != os.getpid():
        return False
    for _ in range(_TRIES):
        try:
            (_PROC / "self/autogroup").write_text(str(niceness))
        except BlockingIOError:
            time.sleep(_BETWEEN_SECONDS)
        except OSError:
            return False  # not Linux, or not allowed in some container: slower, not wrong
        else:
            return counts()
    return False


def counts() -> bool:
    """Whether sessions are weighed here: they are not where a control group has the processor's shares."""
    try:
        if int((_PROC / "sys/kernel/sched_autogroup_enabled").read_text()) != 1:
            return False
        groups = [line.split(":", 2) for line in (_PROC / "self/cgroup").read_text().splitlines()]
    except (OSError, ValueError):
        return False
    return not any(_has_shares(controllers, path) for _, controllers, path in groups)


def _has_shares(controllers: str, path: str) -> bool:
    if controllers:  # version 1: a hierarchy for each
        return "cpu" in controllers.split(",") and path != "/"
    group = PurePosixPath(path.lstrip("/"))
    return any((_CGROUPS / one / "cpu.weight").exists() for one in (group, *group.parents))


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
