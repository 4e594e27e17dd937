"""Calibration of marks."""

from __future__ import annotations

import numpy as np
import pytest

from napari_hydrapicker.cgan.predict import Calibration, probability
from napari_hydrapicker.training.cgan_validation import fit_calibration

USUAL: Calibration = (6.5, 1.2, -3.5)


def marks(n: int, calibration: Calibration) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    strength, contrasts = rng.uniform(0, 1, n), rng.lognormal(1, 0.6, n)
    return strength, contrasts, rng.random(n) < probability(strength, contrasts, calibration)


def test_the_function_that_drew_the_truth_comes_back() -> None:
    wanted = (5.0, 2.0, -4.0)
    assert fit_calibration(*marks(20_000, wanted), USUAL) == pytest.approx(wanted, rel=0.1)


def test_no_slope_is_negative() -> None:
    strength, contrasts, truth = marks(3000, (6.0, 0.0, -3.0))
    of_strength, of_contrast, _ = fit_calibration(strength, 1 / contrasts**2, truth, USUAL)
    assert of_strength > 3
    assert 0 <= of_contrast < 0.3


def test_few_marks_change_little() -> None:
    assert fit_calibration(*marks(9, USUAL), USUAL) == USUAL
    strength, contrasts, _ = marks(500, USUAL)
    assert fit_calibration(strength, contrasts, np.ones(500, bool), USUAL) == USUAL
    assert fit_calibration(strength, contrasts, np.zeros(500, bool), USUAL) == USUAL
    sure = strength[:12] > np.median(strength[:12])
    fitted = fit_calibration(strength[:12], contrasts[:12], sure, USUAL)
    assert probability(strength[:12], contrasts[:12], fitted).max() < 0.999


def test_marks_that_are_all_alike() -> None:
    truth = np.arange(1000) % 4 > 0
    fitted = fit_calibration(np.full(1000, 0.7), np.full(1000, 2.0), truth, USUAL)
    assert probability(np.array([0.7]), np.array([2.0]), fitted)[0] == pytest.approx(0.75, abs=0.02)
