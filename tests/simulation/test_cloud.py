"""Point clouds from atoms and from density."""

from __future__ import annotations

import numpy as np
import pytest

from napari_hydrapicker.errors import StructureError
from napari_hydrapicker.simulation.structures import POTENTIAL_PER_ATOM, PointCloud, from_atoms, from_density


def test_atoms_are_centred_and_weighted_by_their_number() -> None:
    xyz = np.array([[10.0, 0, 5], [14, 2, 5], [12, 4, -1]])
    cloud = from_atoms("three", xyz, np.array([6, 6, 12]))
    np.testing.assert_allclose(cloud.xyz_angstrom, xyz - xyz.mean(axis=0), atol=1e-5)
    assert cloud.weight[2] == pytest.approx(2 * cloud.weight[0])
    assert cloud.weight[0] == pytest.approx(POTENTIAL_PER_ATOM * 6 / 6.7)


def test_a_thinned_file_keeps_the_strength_of_the_whole() -> None:
    xyz, number = np.random.default_rng(0).normal(size=(40, 3)), np.full(40, 6)
    whole, tenth = from_atoms("a", xyz, number), from_atoms("a", xyz[:4], number[:4], fraction=0.1)
    assert tenth.weight.sum() == pytest.approx(whole.weight.sum(), rel=1e-5)


def test_the_diameter_is_that_of_the_longest_axis() -> None:
    rng = np.random.default_rng(1)
    rod = rng.uniform(-1, 1, (3000, 3)) * (100, 15, 15)
    assert from_atoms("rod", rod, np.full(3000, 6)).diameter_angstrom == pytest.approx(200, rel=0.05)


def test_the_mass_is_that_of_protein() -> None:
    # 1 kDa of protein holds about 70 atoms other than hydrogen
    cloud = from_atoms("kDa", np.random.default_rng(0).normal(size=(7000, 3)), np.full(7000, 7))
    assert cloud.mass_kda == pytest.approx(100, rel=0.1)


def test_thinning_keeps_total_strength_and_is_repeatable() -> None:
    cloud = from_atoms("many", np.random.default_rng(2).normal(size=(500, 3)), np.full(500, 6))
    thin = cloud.thinned(50)
    assert len(thin.weight) == len(thin.xyz_angstrom) == 50
    assert thin.weight.sum() == pytest.approx(cloud.weight.sum(), rel=1e-5)
    np.testing.assert_array_equal(thin.xyz_angstrom, cloud.thinned(50).xyz_angstrom)
    assert cloud.thinned(500) is cloud


def test_a_map_is_read_as_z_y_x() -> None:
    density = np.zeros((5, 7, 9))
    density[1, 2, 3], density[1, 2, 7] = 2.0, 2.0
    cloud = from_density("map", density, 1.5)
    found = cloud.xyz_angstrom[np.argsort(cloud.xyz_angstrom[:, 0])]
    np.testing.assert_allclose(found, [[-3, 0, 0], [3, 0, 0]], atol=1e-5)


def test_the_mass_of_a_map_can_be_stated() -> None:
    density = np.random.default_rng(3).uniform(0.5, 1, (8, 8, 8))
    assert from_density("map", density, 2.0, mass_kda=123.0).mass_kda == pytest.approx(123, rel=1e-4)
    # 512 voxels of 8 A^3 at 0.82 Da/A^3
    assert from_density("map", density, 2.0).mass_kda == pytest.approx(3.36, rel=0.01)


@pytest.mark.parametrize(
    ("xyz", "fraction"), [(np.zeros((0, 3)), 1.0), (np.zeros((4, 2)), 1.0), (np.zeros((4, 3)), 0.0)]
)
def test_atoms_that_make_no_molecule(xyz: np.ndarray, fraction: float) -> None:
    with pytest.raises(StructureError, match="broken"):
        from_atoms("broken", xyz, np.full(len(xyz), 6), fraction)


def test_positions_that_are_not_finite() -> None:
    with pytest.raises(StructureError, match="finite"):
        PointCloud("nan", np.full((2, 3), np.nan, np.float32), np.ones(2, np.float32))


@pytest.mark.parametrize(
    ("density", "voxel"), [(np.ones((4, 4)), 1.0), (np.ones((4, 4, 4)), 0.0), (-np.ones((4, 4, 4)), 1.0)]
)
def test_maps_that_make_no_molecule(density: np.ndarray, voxel: float) -> None:
    with pytest.raises(StructureError, match="broken"):
        from_density("broken", density, voxel)
