"""How far chance goes."""

from __future__ import annotations

import numpy as np
import pytest

from napari_hydrapicker.training.few_shot import UNKNOWN, jackknife_error
from napari_hydrapicker.training.validation import HeadScores, merged


def tiles(rng: np.random.Generator, n: int, quality: float) -> list[HeadScores]:
    """Of each tile six particles are picked, and six times nothing; better heads tell them apart better."""
    truth = np.arange(12) < 6
    return [HeadScores(rng.normal(0, 1, 12) + quality * truth, truth, 6) for _ in range(n)]


def test_the_error_is_what_repeated_measurements_scatter_by() -> None:
    rng = np.random.default_rng(0)
    gains, errors = [], []
    for _ in range(150):
        before, after = tiles(rng, 20, 1.0), tiles(rng, 20, 1.5)
        gains.append(merged(after).ap - merged(before).ap)
        errors.append(jackknife_error(before, after))
    assert np.mean(errors) == pytest.approx(np.std(gains), rel=0.2)


def test_the_same_head_gains_nothing_and_that_for_sure() -> None:
    scores = tiles(np.random.default_rng(1), 9, 1.0)
    assert jackknife_error(scores, scores) == 0


def test_one_tile_tells_nothing() -> None:
    scores = tiles(np.random.default_rng(2), 1, 1.0)
    assert jackknife_error(scores, scores) == jackknife_error([], []) == UNKNOWN
