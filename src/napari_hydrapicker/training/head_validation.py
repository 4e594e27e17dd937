"""How well a head does on held-out corrections, from features computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from napari_hydrapicker.evaluation.curves import average_precision, best_f1
from napari_hydrapicker.evaluation.matching import Criterion, match
from napari_hydrapicker.hydra.anchors import BOX_WPX
from napari_hydrapicker.hydra.device import precision
from napari_hydrapicker.hydra.head import Head
from napari_hydrapicker.training.feature_windows import Window
from napari_hydrapicker.training.validation import calibrate, distance_to, probability, read_answer

TILE_WPX: Final = 128
"""Side of the squares that scores are told for: some dozens of particles."""


@dataclass(frozen=True, eq=False)
class HeadScores:
    """Picks of a head on corrected windows.

    Attributes
    ----------
    logits, truth : ndarray, shape (N,)
        Of every pick that counts, and whether it is a marked particle (box IoU > 0.6).
    particles : int
        Number of marked particles.
    """

    logits: NDArray[np.float64]
    truth: NDArray[np.bool_]
    particles: int

    @property
    def ap(self) -> float:
        """Average precision; 0 without particles."""
        return average_precision(self.logits, self.truth, self.particles) if self.particles else 0.0

    @property
    def f1(self) -> float:
        """Best F1 over all thresholds; 0 without a true pick."""
        return best_f1(self.logits, self.truth, self.particles).f1 if self.truth.any() else 0.0

    def threshold(self, calibration: tuple[float, float], default: float) -> float:
        """Probability of the best F1, within 0.05 to 0.95; `default` without a true pick."""
        if not self.truth.any():
            return default
        found = best_f1(probability(self.logits, *calibration), self.truth, self.particles).threshold
        return float(np.clip(found, 0.05, 0.95))

    def calibration(self, prior: tuple[float, float]) -> tuple[float, float]:
        """Calibration of the scores, near to `prior` where there are few picks."""
        return calibrate(self.logits, self.truth, prior)


def together(scores: Sequence[HeadScores]) -> HeadScores:
    """Scores on several images, or parts of them, as those on one."""
    return HeadScores(
        np.concatenate([np.empty(0), *(one.logits for one in scores)]),
        np.concatenate([np.empty(0, np.bool_), *(one.truth for one in scores)]),
        sum(one.particles for one in scores),
    )


def score_head(head: Head, windows: Sequence[Window]) -> HeadScores:
    """Pick windows with a head and compare with the marks on them.

    On complete micrographs every pick counts that does not lie in the unusable area; on partial ones
    only those at a marked particle or at a deleted pick do.
    """
    return together(score_tiles(head, windows))


def score_tiles(head: Head, windows: Sequence[Window]) -> list[HeadScores]:
    """Scores as of `score_head`, one for each square of `TILE_WPX` of all windows, in their order."""
    device = next(head.parameters()).device
    training = head.training
    head.eval()
    found: list[HeadScores] = []
    for window in windows:
        marks = window.marks
        with torch.inference_mode(), precision(device):
            features = window.features[None].to(device).contiguous(memory_format=torch.channels_last)
            raw = head.dense(features).float()
        centres, scores = read_answer(raw, window.shape, marks.yx, marks.unusable_yx)
        if not marks.complete:
            near = np.minimum(distance_to(centres, marks.yx), distance_to(centres, marks.negative_yx))
            centres, scores = centres[near <= BOX_WPX / 2], scores[near <= BOX_WPX / 2]
        found += _by_tile(window, centres, scores)
    head.train(training)
    return found


def _by_tile(window: Window, centres: NDArray[np.float64], scores: NDArray[np.float64]) -> list[HeadScores]:
    yx = window.marks.yx
    matched = match(centres, scores, yx, BOX_WPX, Criterion.IOU)
    places = centres.copy()
    places[matched.is_true] = yx[matched.truth_index[matched.is_true]]  # a pick goes with its particle
    rows, cols = (-(-side // TILE_WPX) for side in window.shape)

    def tile(at: NDArray[np.float64]) -> NDArray[np.float64]:
        row, col = np.clip(at // TILE_WPX, 0, (rows - 1, cols - 1)).T
        number: NDArray[np.float64] = row * cols + col
        return number

    of_pick, of_particle = tile(places), tile(yx)
    return [
        HeadScores(scores[of_pick == i], matched.is_true[of_pick == i], int(np.sum(of_particle == i)))
        for i in range(rows * cols)
    ]
