"""A simulated micrograph with truth, for the demo and napari's sample data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.picks import Picks, Source
from napari_hydrapicker.simulation.conditions import Conditions
from napari_hydrapicker.simulation.micrograph import simulate
from napari_hydrapicker.simulation.procedural import procedural_complex
from napari_hydrapicker.simulation.projection import make_species


@dataclass(frozen=True, eq=False)
class Sample:
    """A micrograph (H, W) with its truth, pixel size and particle diameter."""

    image: NDArray[np.float32]
    picks: Picks
    pixel_size_angstrom: float
    diameter_angstrom: float


def sample_micrograph(seed: int = 1, shape: tuple[int, int] = (960, 1280)) -> Sample:
    """Simulate a micrograph of a procedural complex 180 Angstrom across, at 3 A/px."""
    species = make_species(procedural_complex(seed, 180.0), n_views=100, seed=seed)
    conditions = Conditions(density=0.15, dose_per_square_angstrom=30, carbon=0.0)
    made = simulate(species, shape, 3.0, conditions, seed)
    picks = Picks(made.yx, None, np.full(len(made.yx), Source.IMPORTED), 60.0)  # type: ignore[arg-type]
    return Sample(made.image.numpy(), picks, 3.0, species.diameter_angstrom)
