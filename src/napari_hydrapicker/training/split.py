"""Which corrected micrographs judge a new head, and are not trained on; without a trace of torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

MARKS_DO_NOT_TELL: Final = (
    "Marks are mostly the picker's mistakes, so they do not tell which head is better: {}, or complete two "
    "micrographs"
)
"""What to say of AP on some marks of partial micrographs; with what to do."""


def is_gain(before: float, after: float, error: float) -> bool:
    """Whether AP on held-out micrographs has risen by more than the standard error of the difference.

    Of two heads that are alike the new one is chosen as the best of several, so that it mostly looks a little
    better.
    """
    return after - before > error


class Marked(NamedTuple):
    """What decides about a micrograph: how many particles are marked, its name, whether it is complete."""

    particles: int
    name: str
    complete: bool


def held_out(marked: Sequence[Marked]) -> list[int]:
    """Hold out micrographs to validate on: none of one, one of two to five, then one in five.

    Where two or more are complete they are chosen from these: the marks on a partial one are mostly the
    mistakes of the head before, and say little of how well one picks. Of those with particles the ones in
    the middle by their number are held out, so that neither the richest is lost to training, nor the verdict
    rests on a handful of particles.

    Returns
    -------
    list of int
        Indices into `marked`.
    """
    eligible = [i for i, one in enumerate(marked) if one.particles]
    complete = [i for i in eligible if marked[i].complete]
    count = 0 if len(eligible) < 2 else max(1, len(eligible) // 5)
    among = complete if len(complete) > 1 else eligible
    count = min(count, len(among) - 1)
    ranked = sorted(among, key=lambda i: (marked[i].particles, marked[i].name))
    first = (len(ranked) - count) // 2
    return ranked[first : first + max(0, count)]
