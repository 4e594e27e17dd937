"""Potentials of particles and of contamination."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_hydrapicker.simulation import specimen
from napari_hydrapicker.simulation.procedural import procedural_complex
from napari_hydrapicker.simulation.projection import Species, make_species

SHAPE = (90, 140)


@pytest.fixture(scope="module")
def species() -> Species:
    return make_species(procedural_complex(2, 120.0), 6)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def centre_of_mass(image: torch.Tensor) -> np.ndarray:
    grid = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in image.shape), indexing="ij")
    return np.array([float((image * axis).sum() / image.sum()) for axis in grid])


@pytest.mark.parametrize("pixel", [2.5, 4.0])
@pytest.mark.parametrize("yx", [(44.0, 100.0), (40.3, 35.75), (50.5, 70.49)])
def test_a_particle_lies_where_it_was_put(species: Species, pixel: float, yx: tuple[float, float]) -> None:
    potential = specimen.paste(SHAPE, species, np.array([yx]), pixel, generator())
    np.testing.assert_allclose(centre_of_mass(potential), yx, atol=0.1)
    stored = species.projections.float().sum(dim=(1, 2)).mean() * species.pixel_angstrom**2
    assert float(potential.sum()) * pixel**2 == pytest.approx(float(stored), rel=0.02)


def test_the_extent_follows_pixel_size_and_scale(species: Species) -> None:
    def width(pixel: float, scale: float) -> float:
        at = np.array([[45.0, 70.0]])
        potential = specimen.paste(SHAPE, species, at, pixel, generator(), scale=scale)
        return float((potential > 0.02 * potential.max()).sum()) ** 0.5

    assert width(2.0, 1.0) / width(4.0, 1.0) == pytest.approx(2, rel=0.1)
    assert width(2.0, 0.5) / width(2.0, 1.0) == pytest.approx(0.5, rel=0.1)


def test_particles_add_up_and_may_straddle_the_edges(species: Species) -> None:
    yx = np.array([[-0.4, 139.4], [89.0, 0.0]])
    potential = specimen.paste(SHAPE, species, yx, 3.0, generator())
    assert potential.shape == SHAPE
    assert potential[:20, 120:].sum() > 0
    assert potential[70:, :20].sum() > 0
    assert potential[:20, :100].abs().max() == 0
    assert specimen.paste(SHAPE, species, np.empty((0, 2)), 3.0, generator()).abs().max() == 0


def test_a_broken_particle_lacks_a_part(species: Species) -> None:
    at = np.array([[45.0, 70.0]])
    whole = specimen.paste(SHAPE, species, at, 3.0, generator())
    part = specimen.paste(SHAPE, species, at, 3.0, generator(), broken=True)
    assert 0.05 * whole.sum() < part.sum() < 0.95 * whole.sum()
    assert ((part == 0) | (part == whole)).all()


def test_blobs_and_crystals_need_no_square(species: Species) -> None:
    for make in (specimen.blobs, specimen.crystals):
        image = make(np.random.default_rng(1), SHAPE, 4, 20.0, 7.0)
        assert image.shape == SHAPE
        assert image.dtype == torch.float32
        assert image.abs().max() > 2
        assert make(np.random.default_rng(1), SHAPE, 0, 20.0, 7.0).abs().max() < 1e-6
        assert not torch.equal(image, make(np.random.default_rng(2), SHAPE, 4, 20.0, 7.0))


def test_blobs_are_dense_and_crystals_may_be_either() -> None:
    rng = np.random.default_rng(0)
    assert specimen.blobs(rng, SHAPE, 10, 20.0, 7.0).min() >= 0
    assert specimen.crystals(rng, SHAPE, 30, 10.0, 7.0).min() < -1


def test_carbon_covers_a_side_and_says_where() -> None:
    for seed in range(8):
        potential, on = specimen.carbon_edge(np.random.default_rng(seed), SHAPE, 5.0)
        assert potential.shape == on.shape == SHAPE
        assert 0.01 < on.float().mean() < 0.99
        assert potential[~on].abs().max() == 0
        assert (potential[on] != 0).all()
