"""Where particles are placed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from napari_hydrapicker.simulation.micrograph import place

SHAPE = (300, 700)


@pytest.mark.parametrize("clustering", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("spacing", [0.5, 1.0])
def test_the_spacing_is_kept_within_the_image(clustering: float, spacing: float) -> None:
    for seed in range(5):
        yx = place(np.random.default_rng(seed), SHAPE, 20.0, 0.4, spacing, clustering)
        assert len(yx) > 50
        assert pdist(yx).min() >= spacing * 20
        assert (yx > -0.5).all()
        assert (yx < np.array(SHAPE) - 0.5).all()


def test_particles_lie_all_over_a_non_square_image_at_the_density_asked_for() -> None:
    yx = np.concatenate([place(np.random.default_rng(i), SHAPE, 20.0, 0.1, 0.5, 0.0) for i in range(20)])
    assert len(yx) / 20 == pytest.approx(0.1 * SHAPE[0] * SHAPE[1] / 400, rel=0.1)
    assert yx[:, 0].max() > 290
    assert yx[:, 1].max() > 690
    np.testing.assert_allclose(yx.mean(axis=0), np.array(SHAPE) / 2, rtol=0.1)


def test_clustering_brings_particles_together() -> None:
    def nearest(clustering: float) -> float:
        yx = place(np.random.default_rng(3), (600, 900), 20.0, 0.1, 1.0, clustering)
        return float(np.median(cKDTree(yx).query(yx, 2)[0][:, 1]))

    assert nearest(0.8) < 0.9 * nearest(0.0)


def test_an_empty_image_keeps_its_two_columns() -> None:
    assert place(np.random.default_rng(0), (100, 50), 20.0, 0.0, 1.0, 0.1).shape == (0, 2)
