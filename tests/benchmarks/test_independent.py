"""The other simulator: particles lie where it says, under every trouble."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks import independent
from benchmarks.independent import TROUBLES, make
from napari_hydrapicker.simulation.procedural import procedural_complex
from napari_hydrapicker.simulation.structures import PointCloud

SHAPE, LENGTH = (340, 420), 30


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ROWS": SHAPE[0], "COLS": SHAPE[1], "LENGTH": LENGTH, "PATCH": 64}.items():
        monkeypatch.setattr(independent, name, value)


@pytest.fixture(scope="module")
def cloud() -> PointCloud:
    whole = procedural_complex(1, 150.0)
    step = len(whole.weight) // 2000 + 1
    return dataclasses.replace(whole, xyz_angstrom=whole.xyz_angstrom[::step], weight=whole.weight[::step])


def test_every_trouble_leaves_an_image_with_particles(cloud: PointCloud) -> None:
    """On a micrograph that is not square."""
    plain, all_yx = make(cloud, TROUBLES["nothing"], snr=0.1, seed=3)
    for name, trouble in TROUBLES.items():
        image, yx = make(cloud, trouble, snr=0.1, seed=3)
        assert image.shape == SHAPE
        assert np.isfinite(image).all()
        assert (image == plain).all() == (name == "nothing")
        assert 0 < len(yx) <= len(all_yx)
        assert {tuple(one) for one in yx} <= {tuple(one) for one in all_yx}


def test_particles_are_dark_where_they_are_said_to_be(cloud: PointCloud) -> None:
    dark = []
    for seed in range(3):
        image, yx = make(cloud, TROUBLES["nothing"], snr=0.5, seed=seed)
        rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
        near = np.zeros(SHAPE, np.bool_)
        for row, col in yx:
            near |= np.hypot(rows - row, cols - col) < LENGTH / 4
        dark.append((image[near].mean() - image[~near].mean()) / image.std())
    assert max(dark) < -0.3
