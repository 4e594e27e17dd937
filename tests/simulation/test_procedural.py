"""Procedural complexes."""

from __future__ import annotations

import numpy as np
import pytest

from napari_hydrapicker.simulation.procedural import procedural_complex


@pytest.mark.parametrize("seed", range(6))
def test_the_diameter_is_the_one_asked_for(seed: int) -> None:
    cloud = procedural_complex(seed, 150.0)
    assert cloud.diameter_angstrom == pytest.approx(150, rel=1e-3)
    np.testing.assert_allclose(cloud.xyz_angstrom.mean(axis=0), 0, atol=1e-2)


def test_without_one_it_is_drawn() -> None:
    diameters = [procedural_complex(seed).diameter_angstrom for seed in range(12)]
    assert min(diameters) >= 79
    assert max(diameters) <= 401
    assert max(diameters) > 1.5 * min(diameters)


def test_a_seed_is_one_molecule() -> None:
    first, again, other = (procedural_complex(seed, 120.0) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.xyz_angstrom, again.xyz_angstrom)
    assert first.name == again.name != other.name
    assert first.xyz_angstrom.shape != other.xyz_angstrom.shape


def test_it_weighs_what_a_protein_of_its_size_does() -> None:
    for seed in range(6):
        cloud = procedural_complex(seed, 150.0)
        ball_kda = 4 / 3 * np.pi * 75**3 * 0.82 / 1000
        assert 0.005 * ball_kda < cloud.mass_kda < 1.5 * ball_kda
