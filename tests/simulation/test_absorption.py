"""Dirt, support films and uneven ice that take electrons away, and what they hide."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from napari_hydrapicker.simulation.absorption import HIDING, absorption
from napari_hydrapicker.simulation.conditions import Conditions
from napari_hydrapicker.simulation.micrograph import simulate
from napari_hydrapicker.simulation.procedural import procedural_complex
from napari_hydrapicker.simulation.projection import make_species

SHAPE = (210, 320)
CLEAN = Conditions(density=0.5)


def drawn(seed: int, **conditions: float) -> tuple[np.ndarray, np.ndarray]:
    made = absorption(np.random.default_rng(seed), SHAPE, 21.0, dataclasses.replace(CLEAN, **conditions))
    assert made is not None
    return made[0].numpy(), made[1].numpy()


def test_nothing_is_drawn_where_nothing_is_asked_for() -> None:
    assert absorption(np.random.default_rng(1), SHAPE, 21.0, CLEAN) is None


def test_dirt_is_dark_and_sometimes_bright() -> None:
    signs = set()
    for seed in range(30):
        darkness, hidden = drawn(seed, absorbers=0.1)
        assert darkness.shape == SHAPE
        assert 0 < (darkness != 0).mean() < 0.6
        assert (np.abs(darkness[hidden]) > HIDING).all()
        signs |= {float(np.sign(darkness.sum()))}
        assert (darkness >= 0).all() or (darkness <= 0).all()
    assert signs == {1.0, -1.0}


def test_a_support_film_covers_a_part_and_hides_what_lies_on_it() -> None:
    shares = []
    for seed in range(40):
        darkness, hidden = drawn(seed, support=1.0)
        assert darkness.min() >= 0
        assert not hidden[darkness < 0.5].any()
        shares.append(hidden.mean())
    assert max(shares) < 0.9
    assert np.mean(np.array(shares) > 0.02) > 0.4


def test_uneven_ice_hides_nothing() -> None:
    darkness, hidden = drawn(2, patches=3.0)
    assert not hidden.any()
    assert darkness.std() == pytest.approx(3, rel=0.01)
    assert np.abs(np.diff(darkness, axis=1)).max() < 2


def test_particles_under_dirt_are_neither_particles_nor_background() -> None:
    species = make_species(procedural_complex(1, 120.0), 8)
    dirty = dataclasses.replace(CLEAN, absorbers=0.15)
    without, made = (simulate(species, SHAPE, 5.0, c, seed=3) for c in (CLEAN, dirty))
    assert 0 < len(made.yx) < len(without.yx)
    assert len(made.yx) + len(made.ignore_yx) == len(without.yx) + len(without.ignore_yx)
    change = np.abs((without.image - made.image).numpy())
    row, col = np.clip(np.round(made.yx).astype(int), 0, np.array(SHAPE) - 1).T
    assert (change[row, col] <= HIDING * float(without.image.std()) + 1e-4).all()


def test_stripes_are_whole_rows_and_columns() -> None:
    species = make_species(procedural_complex(1, 120.0), 8)
    striped = dataclasses.replace(CLEAN, stripes=0.5)
    without, made = (simulate(species, SHAPE, 5.0, c, seed=3) for c in (CLEAN, striped))
    lines = (made.image - without.image).numpy()
    across, down = lines - lines[:1], lines - lines[:, :1]
    np.testing.assert_allclose(across, across[:, :1].repeat(SHAPE[1], 1), atol=1e-4)
    np.testing.assert_allclose(down, down[:1].repeat(SHAPE[0], 0), atol=1e-4)
    assert lines.std() > 0.1 * float(without.image.std())


def test_dirt_of_a_particles_size_is_darker_than_particles() -> None:
    """Of draws with one lump alone, inside the image."""
    few = dataclasses.replace(CLEAN, absorbers=0.004)
    darkest = []
    for seed in range(300):
        one = absorption(np.random.default_rng(seed), SHAPE, 21.0, few)
        lump = np.zeros(SHAPE) if one is None else np.abs(one[0].numpy())
        at_the_edge = any(side.any() for side in (lump[0], lump[-1], lump[:, 0], lump[:, -1]))
        length = 2 * np.sqrt((lump > 0).sum() / np.pi)
        if ndimage.label(lump)[1] == 1 and not at_the_edge and 16 < length < 27:
            darkest.append(lump.max())
    assert len(darkest) > 5
    assert min(darkest) > 2
