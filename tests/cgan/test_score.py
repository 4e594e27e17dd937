"""Contrast of places, and probabilities of marks."""

from __future__ import annotations

import numpy as np
import pytest

from napari_hydrapicker.cgan.predict import contrast, probability

SHAPE = (130, 210)
PLACES = np.array([[30.0, 150.0], [80.3, 40.4]])
EVERYWHERE = np.ones(SHAPE, bool)


def working(noise: float = 0.05) -> np.ndarray:
    """Noise around grey, with two dark squares of 11 x 11: the first darker by 0.3, the second by 0.15."""
    image = np.random.default_rng(1).normal(0.6, noise, SHAPE).astype(np.float32)
    image[25:36, 145:156] -= 0.3
    image[75:86, 35:46] -= 0.15
    return image


def test_contrast_is_the_difference_to_the_surroundings_in_deviations_of_the_noise() -> None:
    found = contrast(working(), EVERYWHERE, PLACES)
    # A mean of 11 x 11 pixels deviates by 1/11 of the noise; the squares are a fourteenth of 41 x 41.
    expected = np.array([0.3, 0.15]) * (1 - 121 / 41**2) / (0.05 / 11)
    assert found == pytest.approx(expected, rel=0.3)
    assert found[0] / found[1] == pytest.approx(2, rel=0.1)


def test_neither_brightness_nor_contrast_of_the_image_count() -> None:
    image = working()
    expected = contrast(image, EVERYWHERE, PLACES)
    assert contrast(image + 0.2, EVERYWHERE, PLACES) == pytest.approx(expected, rel=1e-3)
    assert contrast(image * 0.5, EVERYWHERE, PLACES) == pytest.approx(expected, rel=1e-3)
    assert (contrast(working(0.1), EVERYWHERE, PLACES) < 0.7 * expected).all()


def test_what_is_not_darker_has_the_least_contrast() -> None:
    assert contrast(1 - working(), EVERYWHERE, PLACES).tolist() == [0.1, 0.1]
    flat = np.full(SHAPE, 0.5, np.float32)
    assert contrast(flat, EVERYWHERE, PLACES).tolist() == [0.1, 0.1]


def test_areas_outside_the_mask_are_no_noise() -> None:
    image, mask = working(), EVERYWHERE.copy()
    mask[:, 160:] = False
    image[:, 172:] = 0.6  # flat
    usual = contrast(image, mask, PLACES)
    assert (contrast(image, EVERYWHERE, PLACES) > 1.1 * usual).all()
    assert contrast(image, np.zeros(SHAPE, bool), PLACES) == pytest.approx(
        contrast(image, EVERYWHERE, PLACES)
    )


def test_a_larger_particle_is_compared_over_a_larger_area() -> None:
    assert contrast(working(), EVERYWHERE, PLACES[:1], 40.0) < 0.7 * contrast(
        working(), EVERYWHERE, PLACES[:1]
    )


def test_borders_and_nothing_at_all() -> None:
    corners = np.array([[-0.5, 209.5], [129.5, -0.5]])
    assert contrast(working(), EVERYWHERE, corners).shape == (2,)
    assert contrast(working(), EVERYWHERE, np.empty((0, 2))).shape == (0,)
    assert probability(np.empty(0), np.empty(0), (1.0, 1.0, 0.0)).shape == (0,)


def test_probability_is_the_logistic_function_of_both() -> None:
    strength, contrasts = np.array([0.5, 0.5, 1.0]), np.array([1.0, np.e, 1.0])
    expected = 1 / (1 + np.exp(-np.array([0.0, 3.0, 2.0])))
    assert probability(strength, contrasts, (4.0, 3.0, -2.0)) == pytest.approx(expected)
    assert probability(strength, contrasts, (4e5, 0.0, 0.0)).tolist() == [1, 1, 1], "no overflow"
