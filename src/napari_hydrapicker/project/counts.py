"""Counts of shown picks for every micrograph, fast enough to follow a slider."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.picks import Source
from napari_hydrapicker.project.labels import Labels

ALWAYS = np.float32(np.inf)  # what a user put there is shown at any threshold


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

    def set(self, micrograph_id: int, labels: Labels) -> None:
        """Take in a micrograph's picks."""
        self._sorted[micrograph_id] = np.sort(shown_scores(labels)[~labels.deleted])

    def forget(self, micrograph_id: int) -> None:
        """Leave a micrograph out."""
        self._sorted.pop(micrograph_id, None)

    def count(self, micrograph_id: int, threshold: float) -> int:
        """Return the number of picks shown on a micrograph."""
        return len(self._shown(micrograph_id, threshold))

    def mean(self, micrograph_id: int, threshold: float) -> float:
        """Mean score of the shown picks that have one; NaN if there is none."""
        shown = self._shown(micrograph_id, threshold)
        scored = shown[np.isfinite(shown)]
        return float(scored.mean(dtype=np.float64)) if len(scored) else float("nan")

    def scores(self, micrograph_id: int | None = None) -> NDArray[np.float32]:
        """Return the scores that a threshold acts on: of one micrograph, or of all."""
        chosen = list(self._sorted.values()) if micrograph_id is None else [self._of(micrograph_id)]
        values = np.concatenate([np.empty(0, np.float32), *chosen])
        return np.asarray(values[np.isfinite(values)], np.float32)

    def _of(self, micrograph_id: int) -> NDArray[np.float32]:
        return self._sorted.get(micrograph_id, np.empty(0, np.float32))

    def _shown(self, micrograph_id: int, threshold: float) -> NDArray[np.float32]:
        values = self._of(micrograph_id)
        return values[np.searchsorted(values, np.float32(threshold)) :]
