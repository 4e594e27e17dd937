"""The sample micrograph."""

from __future__ import annotations

import numpy as np
import pytest

from napari_hydrapicker.picks import Source
from napari_hydrapicker.simulation.sample import sample_micrograph


def test_a_sample_has_particles_darker_than_what_surrounds_them() -> None:
    sample = sample_micrograph(seed=1, shape=(300, 480))
    assert sample.image.shape == (300, 480)
    assert sample.image.dtype == np.float32
    assert sample.pixel_size_angstrom == 3.0
    assert sample.diameter_angstrom == pytest.approx(180, rel=1e-3)
    assert sample.picks.diameter_px == pytest.approx(60, rel=1e-3)
    assert (sample.picks.source == Source.IMPORTED).all()
    yx = sample.picks.yx
    assert len(yx) >= 2
    assert ((yx > -0.5) & (yx < np.array([299.5, 479.5]))).all()
    rows, cols = np.ogrid[:300, :480]
    near = np.zeros((300, 480), bool)
    for y, x in yx:
        near |= np.hypot(rows - y, cols - x) < 20
    noise_of_mean = sample.image.std() / np.sqrt(near.sum())
    assert sample.image[near].mean() < sample.image[~near].mean() - 5 * noise_of_mean


def test_another_seed_is_another_sample() -> None:
    first, other = (sample_micrograph(seed, (200, 320)).image for seed in (1, 2))
    assert not np.array_equal(first, other)
