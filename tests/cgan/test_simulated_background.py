"""Simulated backgrounds."""

from __future__ import annotations

import numpy as np
import pytest

from napari_hydrapicker.cgan.background import simulated_background
from napari_hydrapicker.cgan.preprocess import FLOOR
from napari_hydrapicker.errors import ParameterError


def test_simulated_backgrounds_are_working_images_and_all_different() -> None:
    made = [simulated_background((100, 140), np.random.default_rng(seed)) for seed in (1, 2, 1)]
    for image in made:
        assert image.shape == (100, 140)
        assert image.dtype == np.float32
        assert image.min() >= FLOOR - 1e-6
        assert image.max() <= 1
        assert image.std() > 0.03
    np.testing.assert_array_equal(made[0], made[2])
    assert not np.array_equal(made[0], made[1])
    with pytest.raises(ParameterError):
        simulated_background((8, 100), np.random.default_rng(1))
