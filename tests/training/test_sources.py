"""Crops: labels stay on their particles through cutting, turning and padding."""

from __future__ import annotations

import numpy as np
import pytest

from napari_hydrapicker.simulation.procedural import procedural_complex
from napari_hydrapicker.simulation.projection import make_species
from napari_hydrapicker.training.sources import (
    Crop,
    LabelledMicrograph,
    RealSource,
    SimulatedSource,
    masked_points,
)


@pytest.mark.parametrize("seed", range(16))
def test_turning_keeps_labels_on_their_pixels(seed: int) -> None:
    image = np.arange(12 * 12, dtype=np.float32).reshape(12, 12)
    yx = np.array([[2.0, 7.0], [9.0, 1.0]])
    turned = Crop(image, yx, yx[:1]).turned(np.random.default_rng(seed))
    found = [turned.image[int(r), int(c)] for r, c in turned.yx]
    assert found == [image[2, 7], image[9, 1]]
    np.testing.assert_array_equal(turned.ignore_yx, turned.yx[:1])


def test_a_real_window_keeps_labels_on_their_pixels() -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(size=(40, 90)).astype(np.float32)
    yx = np.array([[5.0, 70.0], [30.0, 12.0], [20.0, 45.0]])
    for (row, col), mark in zip(yx.astype(int), (100, 200, 300), strict=True):
        image[row, col] = mark
    source = RealSource("set", [LabelledMicrograph(image, np.ones(image.shape, bool), yx)])
    seen = set()
    for _ in range(30):
        crop = source.crop(rng, 32)
        assert crop.image.shape == (32, 32)
        marks = {float(crop.image[int(r), int(c)]) for r, c in crop.yx}
        assert marks <= {100.0, 200.0, 300.0}
        assert (crop.image >= 100).sum() == len(crop.yx)
        seen |= marks
    assert seen == {100.0, 200.0, 300.0}


def test_a_micrograph_smaller_than_the_crop_is_padded_with_noise() -> None:
    image = np.full((20, 30), 9, np.float32)
    micrograph = LabelledMicrograph(image, np.ones(image.shape, bool), np.array([[3.0, 25.0]]))
    crop = RealSource("set", [micrograph]).crop(np.random.default_rng(0), 48)
    assert (crop.image[:20, :30] == 9).all()
    assert 0.8 < crop.image[20:].std() < 1.2


def test_masked_points_are_in_pixels() -> None:
    mask = np.ones((8, 20), bool)
    mask[4:, 12:] = False
    np.testing.assert_array_equal(masked_points(mask), [[4, 12], [4, 16]])


def test_a_simulated_crop_has_its_particles_inside() -> None:
    source = SimulatedSource(make_species(procedural_complex(1, 150.0), 5))
    rng = np.random.default_rng(1)
    crops = [source.crop(rng, 96) for _ in range(5)]
    assert sum(len(c.yx) for c in crops) > 0
    for crop in crops:
        assert crop.image.shape == (96, 96)
        assert crop.image.dtype == np.float32
        assert np.isfinite(crop.image).all()
        assert (crop.yx > -0.5).all()
        assert (crop.yx < 95.5).all()
