"""Micrographs that a user corrected, and which of them judge a new head; without a trace of torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import ConfigDict, PlainSerializer, PlainValidator

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.micrograph import Micrograph


def _centres(yx: ArrayLike) -> NDArray[np.float64]:
    """Return an array (N, 2) of any list of places.

    Raises
    ------
    ParameterError
        If these are no finite places.
    """
    try:
        made = np.array(yx, np.float64).reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"not a list of (row, column): {error}") from error
    if not np.isfinite(made).all():
        raise ParameterError("not a list of (row, column): some are not finite")
    return made


Centres = Annotated[NDArray[np.float64], PlainValidator(_centres), PlainSerializer(lambda yx: yx.tolist())]


@dataclass(frozen=True, eq=False)
class AnnotatedMicrograph:
    """A micrograph with what a user said of it: the same type in a project, in requests and in training.

    Attributes
    ----------
    micrograph : Micrograph
        Its file, with the pixel size and the mask that hold.
    yx : ndarray of float64, shape (N, 2)
        Particles, (row, column), micrograph pixels.
    negative_yx : ndarray of float64, shape (M, 2)
        Deleted picks: what is no particle.
    complete : bool
        Whether every particle is marked, so that all else is background.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    micrograph: Micrograph
    yx: Centres
    negative_yx: Centres
    complete: bool = True

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, AnnotatedMicrograph)
            and (self.micrograph, self.complete) == (other.micrograph, other.complete)
            and np.array_equal(self.yx, other.yx)
            and np.array_equal(self.negative_yx, other.negative_yx)
        )

    __hash__ = None  # type: ignore[assignment]


def held_out(annotated: Sequence[AnnotatedMicrograph]) -> list[int]:
    """Hold out micrographs to validate on: none of one, one of two to five, then one in five.

    Where two or more are complete they are chosen from these: the marks on a partial one are mostly the
    mistakes of the head before, and say little of how well one picks. Of those with particles the ones in
    the middle by their number are held out, so that neither the richest is lost to training, nor the verdict
    rests on a handful of particles.

    Returns
    -------
    list of int
        Indices into `annotated`.
    """
    eligible = [i for i, one in enumerate(annotated) if len(one.yx)]
    complete = [i for i in eligible if annotated[i].complete]
    count = 0 if len(eligible) < 2 else max(1, len(eligible) // 5)
    among = complete if len(complete) > 1 else eligible
    count = min(count, len(among) - 1)
    ranked = sorted(among, key=lambda i: (len(annotated[i].yx), annotated[i].micrograph.name))
    first = (len(ranked) - count) // 2
    return ranked[first : first + max(0, count)]


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
