"""Scores of picks."""

from __future__ import annotations

import numpy as np
import pytest

from napari_hydrapicker.gan.score import depth, score

SHAPE = (70, 130)
PLACES = np.array([[20.0, 100.0], [40.3, 30.4]])


def canvas() -> np.ndarray:
    """Grey, with two dark squares of 9 x 9: the first by 0.3, the second by 0.15."""
    image = np.full(SHAPE, 0.6, np.float32)
    image[16:25, 96:105] -= 0.3
    image[36:45, 26:35] -= 0.15
    return image


def test_depth_is_the_difference_to_the_surroundings() -> None:
    # The squares are a fourteenth of their surroundings of 33 x 33.
    share = 1 - 81 / 33**2
    assert depth(canvas(), PLACES) == pytest.approx([0.3 * share, 0.15 * share], abs=1e-4)


def test_what_is_not_darker_has_no_depth() -> None:
    bright = 1 - canvas()
    assert depth(bright, PLACES).tolist() == [0, 0]
    assert depth(canvas(), np.array([[60.0, 70.0]])) == pytest.approx([0], abs=1e-6)


def test_brightness_does_not_count() -> None:
    assert depth(canvas() + 0.2, PLACES) == pytest.approx(depth(canvas(), PLACES), abs=1e-5)


def test_a_larger_particle_is_compared_over_a_larger_area() -> None:
    assert depth(canvas(), PLACES[:1], 32.0) < 0.5 * depth(canvas(), PLACES[:1], 16.0)


def test_the_score_is_strength_times_depth() -> None:
    strength = np.array([0.5, 1.0])
    assert score(canvas(), PLACES, strength) == pytest.approx(strength * depth(canvas(), PLACES))


def test_borders_and_nothing_at_all() -> None:
    assert depth(canvas(), np.array([[-0.5, 129.5], [69.5, -0.5]])).shape == (2,)
    assert score(canvas(), np.empty((0, 2)), np.empty(0)).shape == (0,)
