"""All that is known about the picks of one micrograph, deleted ones included, and counts of those shown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picks import Picks, Source
from napari_hydrapicker.project.database import known
from napari_hydrapicker.wording import counted

# One row on disk: little-endian, packed, 30 bytes.
ROW = np.dtype(
    [("id", "<i8"), ("y", "<f8"), ("x", "<f8"), ("score", "<f4"), ("source", "i1"), ("deleted", "?")]
)

ALWAYS = np.float32(np.inf)  # what a user put there is shown at any threshold


@dataclass(frozen=True, eq=False)
class Labels:
    """Picks of one micrograph, rows ordered by their numbers.

    Attributes
    ----------
    id : ndarray of int64, shape (N,)
        Numbers, unique in the project and never used again.
    yx : ndarray of float64, shape (N, 2)
        Centres (row, column), micrograph pixels.
    score : ndarray of float32, shape (N,)
        Probabilities; NaN for none.
    source : ndarray of int8, shape (N,)
        `Source` of each.
    deleted : ndarray of bool, shape (N,)
        What the user rejected: kept as a hard negative.

    Raises
    ------
    ParameterError
        If the columns differ in length, or a number occurs twice.
    """

    id: NDArray[np.int64]
    yx: NDArray[np.float64]
    score: NDArray[np.float32]
    source: NDArray[np.int8]
    deleted: NDArray[np.bool_]

    def __post_init__(self) -> None:
        ids = np.asarray(self.id, np.int64)
        order = np.argsort(ids, kind="stable")
        columns: dict[str, NDArray[Any]] = {
            "id": ids,
            "yx": np.asarray(self.yx, np.float64).reshape(-1, 2),
            "score": np.asarray(self.score, np.float32),
            "source": np.asarray(self.source, np.int8),
            "deleted": np.asarray(self.deleted, np.bool_),
        }
        for name, column in columns.items():
            if len(column) != len(ids):
                raise ParameterError(
                    f"{name} has {counted(len(column), 'row')}, not {len(ids):,} as the numbers have"
                )
            sorted_column = column[order]
            sorted_column.flags.writeable = False
            object.__setattr__(self, name, sorted_column)
        if (np.diff(self.id) == 0).any():
            raise ParameterError("two picks have the same number")

    @classmethod
    def empty(cls) -> Labels:
        """No picks."""
        return cls.from_bytes(b"")

    def rows(self, ids: ArrayLike) -> Labels:
        """Return the rows with these numbers (M,), those that there are."""
        return self._select(np.isin(self.id, np.atleast_1d(np.asarray(ids, np.int64))))

    def where(self, which: NDArray[np.bool_]) -> Labels:
        """Return the rows that a mask (N,) names."""
        return self._select(which)

    def without(self, ids: ArrayLike) -> Labels:
        """Return all rows but those with these numbers (M,)."""
        return self._select(~np.isin(self.id, np.atleast_1d(np.asarray(ids, np.int64))))

    def with_rows(self, other: Labels) -> Labels:
        """Return these rows with another's added, which replace those of the same number."""
        rest = self.without(other.id)
        return Labels(
            np.concatenate([rest.id, other.id]),
            np.concatenate([rest.yx, other.yx]),
            np.concatenate([rest.score, other.score]),
            np.concatenate([rest.source, other.source]),
            np.concatenate([rest.deleted, other.deleted]),
        )

    def to_picks(self, which: NDArray[np.bool_]) -> Picks:
        """Return the rows of a mask (N,) as picks, by falling score."""
        return Picks(self.yx[which], self.score[which], self.source[which]).sorted()

    def to_bytes(self) -> bytes:
        """Return the rows as they are stored."""
        table = np.empty(len(self), ROW)
        table["id"], table["y"], table["x"] = self.id, self.yx[:, 0], self.yx[:, 1]
        table["score"], table["source"], table["deleted"] = self.score, self.source, self.deleted
        return table.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Labels:
        """Read what `to_bytes` gave.

        Raises
        ------
        ParameterError
            If these are no whole rows, or a pick is from where none can be.
        """
        if len(data) % ROW.itemsize:
            raise ParameterError(f"{counted(len(data), 'byte')} are no whole number of picks")
        table = np.frombuffer(data, ROW)
        for source in np.unique(table["source"]):
            known(Source, int(source))
        yx = np.stack([table["y"], table["x"]], axis=1)
        return cls(table["id"], yx, table["score"], table["source"], table["deleted"])

    def equals(self, other: Labels) -> bool:
        """Whether two tables hold the same rows, bit for bit."""
        return self.to_bytes() == other.to_bytes()

    def _select(self, which: NDArray[np.bool_]) -> Labels:
        return Labels(
            self.id[which], self.yx[which], self.score[which], self.source[which], self.deleted[which]
        )

    def __len__(self) -> int:
        return len(self.id)


def shown_scores(labels: Labels) -> NDArray[np.float32]:
    """Scores (N,) of the rows as the threshold sees them; infinite where it does not apply."""
    by_hand = (labels.source == Source.MANUAL) | (labels.source == Source.MOVED)
    return np.where(by_hand | np.isnan(labels.score), ALWAYS, labels.score).astype(np.float32)


def is_shown(labels: Labels, threshold: float) -> NDArray[np.bool_]:
    """Which rows (N,) are shown: not deleted, and made by hand or with at least this score."""
    return np.asarray(~labels.deleted & (shown_scores(labels) >= np.float32(threshold)))


class ScoreTable:
    """Sorted scores of each micrograph's picks; a deleted pick is not in it."""

    def __init__(self) -> None:
        self._sorted: dict[int, NDArray[np.float32]] = {}
        # Threshold, number and mean as last asked for: windows ask for all micrographs again and again.
        self._known: dict[int, tuple[float, int, float]] = {}
        self._doubt: dict[int, float] = {}

    def set(self, micrograph_id: int, labels: Labels) -> None:
        """Take in a micrograph's picks."""
        self._known.pop(micrograph_id, None)
        self._sorted[micrograph_id] = np.sort(shown_scores(labels)[~labels.deleted])
        self._doubt[micrograph_id] = _doubt(labels)

    def forget(self, micrograph_id: int) -> None:
        """Leave a micrograph out."""
        self._known.pop(micrograph_id, None)
        self._sorted.pop(micrograph_id, None)
        self._doubt.pop(micrograph_id, None)

    def count(self, micrograph_id: int, threshold: float) -> int:
        """Return the number of picks shown on a micrograph."""
        return self._figures(micrograph_id, threshold)[1]

    def mean(self, micrograph_id: int, threshold: float) -> float:
        """Mean score of the shown picks that have one; NaN if there is none."""
        return self._figures(micrograph_id, threshold)[2]

    def doubt(self, micrograph_id: int) -> float:
        """Share of what a picker found on a micrograph that should be wrong; NaN where none has picked."""
        return self._doubt.get(micrograph_id, math.nan)

    def scores(self, micrograph_id: int | None = None) -> NDArray[np.float32]:
        """Return the scores that a threshold acts on: of one micrograph, or of all."""
        chosen = list(self._sorted.values()) if micrograph_id is None else [self._of(micrograph_id)]
        values = np.concatenate([np.empty(0, np.float32), *chosen])
        return np.asarray(values[np.isfinite(values)], np.float32)

    def _of(self, micrograph_id: int) -> NDArray[np.float32]:
        return self._sorted.get(micrograph_id, np.empty(0, np.float32))

    def _figures(self, micrograph_id: int, threshold: float) -> tuple[float, int, float]:
        known = self._known.get(micrograph_id)
        if known is not None and known[0] == threshold:
            return known
        values = self._of(micrograph_id)
        shown = values[np.searchsorted(values, np.float32(threshold)) :]
        scored = shown[np.isfinite(shown)]
        mean = float(scored.mean(dtype=np.float64)) if len(scored) else float("nan")
        self._known[micrograph_id] = threshold, len(shown), mean
        return self._known[micrograph_id]


def _doubt(labels: Labels) -> float:
    """As `picking.base.doubt`, of all that a picker found, whatever the user has made of it since."""
    own = labels.score[(labels.source == Source.PICKER) & np.isfinite(labels.score)].astype(np.float64)
    return float((own * (1 - own)).sum() / own.sum()) if own.sum() > 0 else math.nan
