"""The sample micrograph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picks import Source
from napari_hydrapicker.simulation.sample import sample_micrograph, simulate


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


def test_what_is_simulated_can_be_picked_as_a_micrograph() -> None:
    made = simulate(shape=(200, 320), pixel_size_angstrom=2.0, diameter_angstrom=120, seed=3)
    assert (made.micrograph.shape, made.micrograph.pixel_size_angstrom) == ((200, 320), 2.0)
    assert made.micrograph.name == made.name == "procedural-3"
    np.testing.assert_array_equal(made.micrograph.pixels(), made.image)
    assert made.picks.diameter_px == pytest.approx(60, rel=1e-3)
    again = simulate(shape=(200, 320), pixel_size_angstrom=2.0, diameter_angstrom=120, seed=3)
    np.testing.assert_array_equal(again.image, made.image)


def test_conditions_are_what_is_given() -> None:
    def n_particles(**given: float) -> int:
        return len(simulate(shape=(400, 640), diameter_angstrom=120, **given).picks)  # type: ignore[arg-type]

    assert n_particles(density=0.4) > 2 * n_particles(density=0.1) > 0
    drawn = [simulate(shape=(200, 320), random_conditions=True, seed=seed) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(drawn[0].image, drawn[1].image)
    plain = simulate(shape=(200, 320), seed=1)
    assert not np.array_equal(drawn[0].image, plain.image)


def test_a_structure_brings_its_diameter(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    xyz = rng.normal(size=(400, 3)) * 30
    np.savez(tmp_path / "protein.npz", xyz=xyz, Z=np.full(400, 7))
    made = simulate(tmp_path / "protein.npz", shape=(200, 320))
    assert made.name == "protein"
    assert 100 < made.diameter_angstrom < 300


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"pixel_size_angstrom": 0}, "`pixel_size_angstrom`: 0"),
        ({"density": -1.0}, r"`density`: -1\.0"),
        ({"defocus_um": "deep"}, "`defocus_um`: 'deep'"),
        ({"shape": (20, 320)}, r"`shape`: \(20, 320\)"),
        ({"shape": (200,)}, "`shape`: "),
        ({"seed": -1}, "`seed`: -1"),
        ({"pixel_size_angstrom": 50.0}, "`pixel_size_angstrom`: procedural-1 is 3.6 pixels across"),
        ({"pixel_size_angstrom": 0.5}, "`pixel_size_angstrom`: procedural-1 is 360 pixels across"),
        ({"structure": "a.pdb", "diameter_angstrom": 100.0}, "`diameter_angstrom`: a structure has its own"),
    ],
)
def test_wrong_parameters_are_named(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ParameterError, match=f"^{complaint}"):
        simulate(**{"shape": (200, 320), **given})
