"""Picks: the particle centres of one micrograph.

This is the one place where ``(row, column)`` meets ``(x, y)``. Inside the package a centre is always
``yx``: (row, column) in pixels of the original, unbinned micrograph, pixel centres at integers, as in
numpy and napari. Files that hold (x, y) or lower corners convert through the methods here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.wording import counted


class Source(IntEnum):
    """Where a pick comes from."""

    PICKER = 0
    MANUAL = 1
    MOVED = 2
    IMPORTED = 3


def _yx_array(yx: ArrayLike) -> NDArray[np.float64]:
    centres = np.array(yx, dtype=np.float64)
    if centres.size == 0:
        return np.empty((0, 2))
    if centres.ndim != 2 or centres.shape[1] != 2:
        raise ParameterError(f"centres must have shape (N, 2), not {centres.shape}")
    if not np.isfinite(centres).all():
        raise ParameterError("centres must be finite numbers")
    return centres


@dataclass(frozen=True, eq=False, repr=False)
class Picks:
    """Particle centres of one micrograph with their scores and provenance.

    Attributes
    ----------
    yx : ndarray of float64, shape (N, 2)
        Centres as (row, column), micrograph pixels, pixel centres at integers.
    score : ndarray of float32, shape (N,)
        Figure of merit; NaN where a pick has none. The picker's own are probabilities.
    source : ndarray of int8, shape (N,)
        One of `Source` for each pick.
    diameter_px : float or None
        Particle diameter in micrograph pixels, where the file or the picker states one.
    masked_share : float or None
        Share of the micrograph, 0..1, that the picker left out: carbon, bad ice, what the user has painted.

    Raises
    ------
    ParameterError
        If the arrays' shapes do not agree or a centre is not finite.

    Examples
    --------
    >>> picks = Picks([[120.0, 30.5], [60.25, 99.0]], score=[0.5, 0.75], diameter_px=40)
    >>> picks
    <2 picks, scores 0.50 to 0.75, diameter 40 px>
    >>> picks.above(0.7).yx
    array([[60.25, 99.  ]])
    """

    yx: NDArray[np.float64]
    score: NDArray[np.float32] = None  # type: ignore[assignment]
    source: NDArray[np.int8] = None  # type: ignore[assignment]
    diameter_px: float | None = None
    masked_share: float | None = None

    def __post_init__(self) -> None:
        yx = _yx_array(self.yx)
        n = len(yx)
        score = np.full(n, np.nan) if self.score is None else self.score
        source = np.full(n, Source.PICKER) if self.source is None else self.source
        columns: dict[str, NDArray[Any]] = {
            "yx": yx,
            "score": np.array(score, np.float32),
            "source": np.array(source, np.int8),
        }
        for name, column in columns.items():
            if len(column) != n or (name != "yx" and column.ndim != 1):
                raise ParameterError(f"{name} has shape {column.shape}, but there are {n} centres")
            column.flags.writeable = False
            object.__setattr__(self, name, column)

    @classmethod
    def from_xy(
        cls,
        x: ArrayLike,
        y: ArrayLike,
        score: ArrayLike | None = None,
        source: Source = Source.IMPORTED,
        diameter_px: float | None = None,
    ) -> Picks:
        """Make picks from columns of centre x (= column) and y (= row), in pixels."""
        xs, ys = np.atleast_1d(np.asarray(x, np.float64)), np.atleast_1d(np.asarray(y, np.float64))
        if xs.shape != ys.shape:
            raise ParameterError(
                f"{counted(xs.size, 'x coordinate')}, but {counted(ys.size, 'y coordinate')}"
            )
        yx = np.stack([ys, xs], axis=1)
        return cls(yx, score, np.full(len(yx), source), diameter_px)  # type: ignore[arg-type]

    @classmethod
    def from_lower_corner(
        cls,
        x_low: ArrayLike,
        y_low: ArrayLike,
        width: ArrayLike,
        height: ArrayLike,
        score: ArrayLike | None = None,
    ) -> Picks:
        """Make picks from boxes: the centre is the lower corner plus half the width and height."""
        w, h = np.asarray(width, np.float64), np.asarray(height, np.float64)
        x = np.asarray(x_low, np.float64) + w / 2
        y = np.asarray(y_low, np.float64) + h / 2
        diameter = float(np.median(w)) if w.size else None
        return cls.from_xy(x, y, score, diameter_px=diameter)

    @property
    def x(self) -> NDArray[np.float64]:
        """Centre columns in micrograph pixels, shape (N,)."""
        return self.yx[:, 1]

    @property
    def y(self) -> NDArray[np.float64]:
        """Centre rows in micrograph pixels, shape (N,)."""
        return self.yx[:, 0]

    def lower_corner(self, box_px: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the columns (x_low, y_low) of boxes `box_px` wide around the centres."""
        return self.x - box_px / 2, self.y - box_px / 2

    def flipped_y(self, height_px: int) -> Picks:
        """Mirror the rows of a micrograph `height_px` high: row r becomes height - 1 - r."""
        yx = np.stack([height_px - 1 - self.y, self.x], axis=1)
        return replace(self, yx=yx)

    def joined(self, other: Picks) -> Picks:
        """Return these picks followed by others of the same micrograph."""
        return Picks(
            np.concatenate([self.yx, other.yx]),
            np.concatenate([self.score, other.score]),
            np.concatenate([self.source, other.source]),
            self.diameter_px if self.diameter_px is not None else other.diameter_px,
            self.masked_share if self.masked_share is not None else other.masked_share,
        )

    def select(self, which: ArrayLike) -> Picks:
        """Return the picks named by a boolean mask or by indices, in that order."""
        index = np.asarray(which)
        if index.size == 0:
            index = index.astype(np.intp)
        return replace(self, yx=self.yx[index], score=self.score[index], source=self.source[index])

    def above(self, threshold: float) -> Picks:
        """Return the picks whose score is at least `threshold`, and those that have none."""
        return self.select(~(self.score < threshold))

    def sorted(self) -> Picks:
        """Return the picks by falling score; those without one come last."""
        return self.select(np.argsort(-self.score, kind="stable"))

    def __repr__(self) -> str:
        parts = [f"{len(self)} pick{'s' * (len(self) != 1)}"]
        if not np.isnan(self.score).all():
            parts.append(f"scores {np.nanmin(self.score):.2f} to {np.nanmax(self.score):.2f}")
        if self.diameter_px is not None:
            parts.append(f"diameter {self.diameter_px:g} px")
        return f"<{', '.join(parts)}>"

    def __len__(self) -> int:
        return len(self.yx)
