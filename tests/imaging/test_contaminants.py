"""Wide strong areas are found, strong particles are not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_hydrapicker.imaging.contaminants import contaminants


def noise(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def disc(shape: tuple[int, int], centre: tuple[float, float], diameter: float) -> np.ndarray:
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    return np.hypot(rows - centre[0], cols - centre[1]) < diameter / 2


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("centre", [(100, 260), (3, 150), (215, 330)])
def test_a_wide_strong_area_is_found_with_its_fringes(centre: tuple[float, float], sign: int) -> None:
    shape = (220, 340)
    where = disc(shape, centre, 60)
    found = contaminants(noise(shape) + np.float32(sign * 12) * where, np.ones(shape, bool))
    assert found[where].all()
    assert found.sum() < 4 * where.sum()
    assert not found[~ndimage.binary_dilation(where, iterations=25)].any()


@pytest.mark.parametrize("depth", [3, 8, 20])
def test_strong_particles_are_left(depth: float) -> None:
    shape, rng = (400, 500), np.random.default_rng(5)
    image = noise(shape)
    for row in range(30, 380, 45):
        for col in range(30, 480, 45):
            if rng.random() < 0.3:
                image[disc(shape, (row, col), 24)] -= depth
    assert not contaminants(image, np.ones(shape, bool)).any()


def test_a_lone_strong_particle_is_left() -> None:
    shape = (300, 260)
    image = noise(shape) - np.float32(15) * disc(shape, (120, 90), 23)
    assert not contaminants(image, np.ones(shape, bool)).any()


def test_strong_rings_are_left() -> None:
    shape = (300, 420)
    image = noise(shape)
    for centre in ((60, 80), (200, 300), (240, 60)):
        image[disc(shape, centre, 22) & ~disc(shape, centre, 13)] -= 10
    assert not contaminants(image, np.ones(shape, bool)).any()


def test_noise_and_slopes_are_left() -> None:
    shape = (300, 420)
    slope = np.linspace(0, 30, shape[1], dtype=np.float32)
    for seed in range(5):
        assert not contaminants(noise(shape, seed) + slope, np.ones(shape, bool)).any()


def test_what_is_unusable_does_not_count_and_is_not_found_again() -> None:
    shape = (300, 420)
    usable = np.ones(shape, bool)
    usable[:, :150] = False
    image = noise(shape)
    image[:, :150] = -200
    where = disc(shape, (150, 300), 60)
    image -= np.float32(12) * where
    found = contaminants(image, usable)
    assert found[where].all()
    assert not found[:, :150].any()


@pytest.mark.parametrize("shape", [(30, 40), (100, 20), (1, 1)])
def test_small_images_hold_none(shape: tuple[int, int]) -> None:
    assert not contaminants(noise(shape), np.ones(shape, bool)).any()


def test_images_without_contrast_or_usable_pixels() -> None:
    shape = (200, 300)
    assert not contaminants(np.zeros(shape, np.float32), np.ones(shape, bool)).any()
    assert not contaminants(noise(shape), np.zeros(shape, bool)).any()


@pytest.mark.parametrize("level", [-300, -5, 40])
def test_what_does_not_count_has_no_say_beside_it(level: float) -> None:
    shape = (300, 420)
    image, usable = noise(shape), np.ones(shape, bool)
    image[:, :90], usable[:, :90] = level, False
    assert not (contaminants(image, usable) & usable).any()
