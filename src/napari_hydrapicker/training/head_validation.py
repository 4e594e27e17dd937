"""How well a head does on held-out corrections, from features computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_hydrapicker.evaluation.curves import average_precision, best_f1
from napari_hydrapicker.evaluation.matching import Criterion, match
from napari_hydrapicker.hydra.anchors import BOX_WPX
from napari_hydrapicker.hydra.head import Head
from napari_hydrapicker.training.feature_windows import Window, precision
from napari_hydrapicker.training.validation import calibrate, distance_to, probability, read_answer


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


def score_head(head: Head, windows: Sequence[Window]) -> HeadScores:
    """Pick windows with a head and compare with the marks on them.

    On complete micrographs every pick counts that does not lie in the unusable area; on partial ones
    only those at a marked particle or at a deleted pick do.
    """
    logits, truth, particles = [np.empty(0)], [np.empty(0, np.bool_)], 0
    device = next(head.parameters()).device
    training = head.training
    head.eval()
    for window in windows:
        marks = window.marks
        with torch.inference_mode(), precision(device):
            features = window.features[None].to(device).contiguous(memory_format=torch.channels_last)
            raw = head.dense(features).float()
        centres, scores = read_answer(raw, window.shape, marks.yx, marks.unusable_yx)
        if not marks.complete:
            near = np.minimum(distance_to(centres, marks.yx), distance_to(centres, marks.negative_yx))
            centres, scores = centres[near <= BOX_WPX / 2], scores[near <= BOX_WPX / 2]
        logits.append(scores)
        truth.append(match(centres, scores, marks.yx, BOX_WPX, Criterion.IOU).is_true)
        particles += len(marks.yx)
    head.train(training)
    return HeadScores(np.concatenate(logits), np.concatenate(truth), particles)
