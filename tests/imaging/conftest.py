"""Simulated micrographs at the working scale with bad ice of known extent laid over them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from napari_hydrapicker.simulation.conditions import Conditions
from napari_hydrapicker.simulation.micrograph import simulate
from napari_hydrapicker.simulation.procedural import procedural_complex
from napari_hydrapicker.simulation.projection import make_species

CLEAN = Conditions(blobs=0, crystals=0, carbon=0, thickness_gradient=1, dose_per_square_angstrom=30)
CHANGES = {
    "usual": {},
    "empty": {"density": 0.01, "fragments": 0},
    "crowded": {"density": 0.7, "spacing": 0.6, "clustering": 0.5},
    "denoised": {"density": 0.5, "smoothing_wpx": 2.0, "drift_noise": 0.6},
    "faint": {"signal": 0.3, "drift_noise": 0.8, "defocus_um": 1.0},
    "strong": {"signal": 1.6, "defocus_um": 3.0, "dose_per_square_angstrom": 60},
    "phase plate": {"defocus_um": 0.7, "phase_shift": 1.5, "clustering": 0.5},
    "steep": {"thickness_gradient": 10},
    "dirty": {"blobs": 0.01, "crystals": 0.01},
}


class Phantoms:
    """Micrographs, and patches to lay over them."""

    shape = (410, 583)
    diameter = 21
    mean_free_path_nm = 350.0  # inelastic, of 300 kV electrons in ice: what thicker ice takes away

    def __init__(self):
        self._made = {}

    def micrograph(self, name, seed):
        """Image of mean about 1, shape `shape`, and the (row, column) of its particles as integers."""
        if (name, seed) not in self._made:
            species = make_species(procedural_complex(seed, 180.0), 40, seed)
            pixel = species.diameter_angstrom / self.diameter
            conditions = dataclasses.replace(CLEAN, **CHANGES[name])
            self._made[name, seed] = simulate(species, self.shape, pixel, conditions, seed)
        made = self._made[name, seed]
        return made.image.numpy().copy(), np.clip(made.yx.round().astype(int), 0, np.array(self.shape) - 1)

    def lake(self, centre, diameters, edge):
        """A lobed patch, 1 inside, 0 outside, with an edge of so many particle diameters between."""
        row, col = np.indices(self.shape)
        turn = np.arctan2(row - centre[0], col - centre[1])
        radius = diameters * self.diameter / 2 * (1 + 0.2 * np.cos(2 * turn + 1) + 0.1 * np.cos(5 * turn))
        inside = radius - np.hypot(row - centre[0], col - centre[1])
        return 1 / (1 + np.exp(-4 * inside / (edge * self.diameter)))

    def thickened(self, image, ice, nm):
        """Add `nm` of ice where `ice` is 1: fewer electrons, and weaker contrast of what lies in it."""
        transmission = np.exp(-nm / self.mean_free_path_nm * ice)
        return ((1 + (image - 1) * (1 - 0.3 * ice)) * transmission).astype(np.float32)

    @staticmethod
    def masked(mask, ice):
        """What is masked of the ice, and of the area that is free of it."""
        return 1 - mask[ice > 0.5].mean(), 1 - mask[ice < 0.05].mean()


@pytest.fixture(scope="session")
def phantoms():
    """Simulated micrographs, each made once."""
    return Phantoms()
