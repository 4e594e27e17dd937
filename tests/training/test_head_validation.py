"""Scores of a head on corrected windows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_hydrapicker.hydra.layers import Head
from napari_hydrapicker.training.features import Window
from napari_hydrapicker.training.labelled_image import Marks
from napari_hydrapicker.training.validation import HeadScores, score_head, score_tiles

NONE = np.empty((0, 2))


class Says(Head):
    """Answers with fixed logits at chosen cells of the dense grid, at the cells' centres."""

    def __init__(self, logits: dict[tuple[int, int], float]) -> None:
        nn.Module.__init__(self)
        self.logits, self.weight = logits, nn.Parameter(torch.zeros(1))

    def dense(self, features: Tensor) -> Tensor:
        assert not self.training
        rows, cols = features.shape[2] // 8, features.shape[3] // 8
        raw = torch.zeros(1, 3, rows, cols)
        raw[:, 0] = -20
        for (row, col), logit in self.logits.items():
            raw[0, 0, row, col] = logit
        return raw


def window(marks: Marks) -> Window:
    return Window("m", torch.zeros(4, 96, 160, dtype=torch.bfloat16), marks)


def centre(row: int, col: int) -> tuple[float, float]:
    return 7.5 + 8 * row, 7.5 + 8 * col


def test_on_a_complete_window_every_pick_counts() -> None:
    head = Says({(2, 12): 3.0, (6, 4): 2.0, (9, 15): 1.0})
    head.train()
    scores = score_head(head, [window(Marks(np.array([centre(2, 12), centre(9, 15)]), NONE, NONE, True))])
    assert scores.logits.tolist() == [3.0, 2.0, 1.0]
    assert scores.truth.tolist() == [True, False, True]
    assert scores.particles == 2
    assert 0.7 < scores.ap < 0.9
    assert scores.f1 == pytest.approx(0.8)
    assert head.training


def test_on_a_partial_window_only_the_marks_count() -> None:
    head = Says({(2, 12): 3.0, (6, 4): 2.0, (9, 15): 1.0, (4, 8): 0.5})
    marks = Marks(np.array([centre(2, 12)]), np.array([centre(9, 15)]), NONE, False)
    scores = score_head(head, [window(marks)])
    assert scores.logits.tolist() == [3.0, 1.0]
    assert scores.truth.tolist() == [True, False]


def test_the_unusable_area_does_not_count() -> None:
    marks = Marks(np.array([centre(2, 12)]), NONE, np.array([centre(6, 4)]), True)
    scores = score_head(Says({(2, 12): 3.0, (6, 4): 2.0}), [window(marks)])
    assert scores.logits.tolist() == [3.0]


def test_windows_are_pooled() -> None:
    head = Says({(2, 12): 3.0})
    there, elsewhere = (window(Marks(np.array([centre(*at)]), NONE, NONE, True)) for at in ((2, 12), (8, 3)))
    scores = score_head(head, [there, elsewhere])
    assert scores.truth.tolist() == [True, False]
    assert scores.particles == 2
    # Of two equal scores neither is the first: precision and recall are 1/2 from the start.
    assert scores.ap == pytest.approx(0.25)


def test_tiles_part_picks_and_particles_alike() -> None:
    marks = Marks(np.array([centre(2, 12), (40.0, 129.0), (80.0, 20.0)]), NONE, NONE, True)
    # The second pick lies to the left of the line at 128 between the tiles, its particle to the right.
    head = Says({(2, 12): 3.0, (4, 15): 2.0, (8, 18): 1.0})
    left, right = score_tiles(head, [window(marks)])
    assert (left.logits.tolist(), left.truth.tolist(), left.particles) == ([3.0], [True], 2)
    assert (right.logits.tolist(), right.truth.tolist(), right.particles) == ([2.0, 1.0], [True, False], 1)
    whole = score_head(head, [window(marks)])
    assert (whole.particles, sorted(whole.logits)) == (3, [1.0, 2.0, 3.0])


def test_nothing_to_find_and_nothing_found() -> None:
    empty = HeadScores(np.empty(0), np.empty(0, np.bool_), 0)
    assert empty.ap == empty.f1 == 0
    assert empty.threshold((1, 0), 0.37) == 0.37
    assert empty.calibration((2.5, 0.9)) == (2.5, 0.9)


def test_few_picks_leave_the_calibration_near_the_prior() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=2000) * 2
    truth = rng.random(2000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))
    few = HeadScores(logits[:12], truth[:12], 12).calibration((2.5, 0.9))
    many = HeadScores(logits, truth, 2000).calibration((2.5, 0.9))
    assert many == pytest.approx((0.5, -1), abs=0.15)
    assert abs(np.log(few[0]) - np.log(2.5)) < abs(np.log(many[0]) - np.log(2.5))
