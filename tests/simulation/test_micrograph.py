"""Whole simulated micrographs."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.simulation import micrograph
from napari_hydrapicker.simulation.conditions import Conditions
from napari_hydrapicker.simulation.micrograph import simulate
from napari_hydrapicker.simulation.procedural import procedural_complex
from napari_hydrapicker.simulation.projection import Species, make_species

SHAPE = (120, 200)
# In focus, with a phase plate of a quarter wave: the image is the potential, dark, and nothing else.
IDEAL = Conditions(
    density=0.0, clustering=0.0, defocus_um=1e-6, astigmatism_um=0.0, cs_mm=0.0,
    phase_shift=math.pi / 2 - math.asin(0.07), dose_per_square_angstrom=1e9, envelope_angstrom2=0.0,
    structural_noise=0.0, drift_noise=0.0, thickness_gradient=0.0, blobs=0.0, crystals=0.0, fragments=0.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def species() -> Species:
    return make_species(procedural_complex(1, 120.0), 8)


def put(monkeypatch: pytest.MonkeyPatch, *yx: tuple[float, float]) -> None:
    monkeypatch.setattr(micrograph, "place", lambda *_: np.array(yx, np.float64).reshape(-1, 2))


@pytest.mark.parametrize("yx", [(60.0, 150.0), (41.25, 33.5), (85.7, 100.4)])
@pytest.mark.parametrize("conditions", [IDEAL, dataclasses.replace(IDEAL, smoothing_wpx=1.0)])
def test_the_centre_of_mass_is_the_centre_reported(
    species: Species, yx: tuple[float, float], conditions: Conditions, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, yx)
    made = simulate(species, SHAPE, 3.3, conditions, seed=4)
    dark = (made.image.median() - made.image).double()
    near = torch.zeros(SHAPE, dtype=torch.bool)
    near[int(yx[0]) - 32 : int(yx[0]) + 33, int(yx[1]) - 32 : int(yx[1]) + 33] = True
    dark = torch.where(near, dark, 0.0)
    rows, cols = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in SHAPE), indexing="ij")
    found = [float((dark * axis).sum() / dark.sum()) for axis in (rows, cols)]
    np.testing.assert_allclose(found, made.yx[0], atol=0.1)
    np.testing.assert_allclose(made.yx, [yx])


def test_particles_are_dark_and_as_strong_as_physics_says(
    species: Species, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, (60, 100))
    plain = simulate(species, SHAPE, 3.3, IDEAL, seed=1).image
    double = simulate(species, SHAPE, 3.3, dataclasses.replace(IDEAL, signal=2.0), seed=1).image
    potential = species.projections.float().amax(dim=(1, 2))
    depth = float(1 - plain.min())
    # 2 sigma V at 300 kV; resampling takes a little off the peak
    assert 0.8 * potential.min() < depth / (2 * 0.6526e-3) < 1.05 * potential.max()
    assert float(1 - double.min()) == pytest.approx(2 * depth, rel=0.01)
    assert float(plain.max()) < 1 + 0.02 * depth


def test_shot_noise_follows_the_dose(species: Species) -> None:
    for dose in (10.0, 40.0):
        image = simulate(species, SHAPE, 2.0, dataclasses.replace(IDEAL, dose_per_square_angstrom=dose)).image
        assert float(image.std()) == pytest.approx((4 * dose) ** -0.5, rel=0.03)
        assert float(image.mean()) == pytest.approx(1, abs=0.01)


def test_a_micrograph_stored_in_few_levels(species: Species) -> None:
    conditions = dataclasses.replace(IDEAL, dose_per_square_angstrom=20.0, grey_levels=2.0)
    assert len(simulate(species, SHAPE, 2.0, conditions).image.unique()) < 30


def test_the_thickness_gradient_is_slow_and_as_large_as_stated(species: Species) -> None:
    flat = simulate(species, SHAPE, 2.0, IDEAL).image
    tilted = simulate(species, SHAPE, 2.0, dataclasses.replace(IDEAL, thickness_gradient=1e4)).image
    slope = tilted - flat
    shot = (1e9 * 4) ** -0.5
    assert 0.99e4 * shot < float(slope.max() - slope.min()) < 1.42e4 * shot
    assert float((slope[1:-1] * 2 - slope[2:] - slope[:-2]).abs().max()) < 0.01 * float(slope.abs().max())


def test_noise_that_drifts_is_slow() -> None:
    noise = micrograph._pink((96, 160), torch.Generator().manual_seed(0))
    assert noise.shape == (96, 160)
    assert float(noise.std()) == pytest.approx(1, rel=1e-4)
    assert float((noise[:, 1:] * noise[:, :-1]).mean()) > 0.7


def test_the_same_seed_is_the_same_micrograph(species: Species) -> None:
    first, again, other = (simulate(species, SHAPE, 3.0, Conditions(density=0.5), s) for s in (1, 1, 2))
    torch.testing.assert_close(first.image, again.image, rtol=0, atol=0)
    np.testing.assert_array_equal(first.yx, again.yx)
    assert not torch.equal(first.image, other.image)
    assert first.image.shape == SHAPE
    assert first.image.dtype == torch.float32
    assert (first.yx < SHAPE).all()
    assert first.yx[:, 1].max() > SHAPE[0]


def test_particles_on_carbon_and_broken_ones_are_set_aside(species: Species) -> None:
    conditions = Conditions(density=0.6, carbon=1.0, fragments=0.0, clustering=0.0)
    set_aside = 0
    for seed in range(4):
        made = simulate(species, SHAPE, 3.0, conditions, seed)
        clean = simulate(species, SHAPE, 3.0, dataclasses.replace(conditions, carbon=0.0), seed)
        everything = np.concatenate([made.yx, made.ignore_yx])
        np.testing.assert_allclose(np.sort(everything, axis=0), np.sort(clean.yx, axis=0))
        set_aside += len(made.ignore_yx)
    assert set_aside > 0
    broken = simulate(species, SHAPE, 3.0, Conditions(density=0.0, fragments=3.0), 1)
    assert len(broken.yx) == 0 < len(broken.ignore_yx)


@pytest.mark.parametrize(("shape", "pixel"), [((8, 200), 2.0), ((100, 200), 0.0), ((100, 200), math.nan)])
def test_what_cannot_be_simulated(species: Species, shape: tuple[int, int], pixel: float) -> None:
    with pytest.raises(ParameterError, match="cannot simulate"):
        simulate(species, shape, pixel)
