"""Backgrounds for synthetic pairs: simulated micrographs without particles."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.gan.canvas import CANVAS_DIAMETER_CPX, to_canvas

if TYPE_CHECKING:
    from napari_hydrapicker.simulation.projection import Species


def simulated_background(
    shape_cpx: tuple[int, int], rng: np.random.Generator, diameter_cpx: float = CANVAS_DIAMETER_CPX
) -> NDArray[np.float32]:
    """Simulate a micrograph without particles and bring it to the canvas.

    Noise, optics and contamination are drawn from the ranges that the other picker's training uses:
    raw and denoised, thick and thin ice, dark blobs and ice crystals.

    Parameters
    ----------
    shape_cpx : (int, int)
        At least 16 x 16.
    rng : numpy Generator
    diameter_cpx : float
        Diameter of the particle that the image could hold: the scale of noise and contamination.

    Returns
    -------
    ndarray of float32, shape `shape_cpx`
        `canvas.FLOOR`..1.

    Raises
    ------
    ParameterError
        If the shape is too small.
    """
    from napari_hydrapicker.simulation.conditions import draw_conditions
    from napari_hydrapicker.simulation.micrograph import simulate

    species = _species()
    empty = replace(draw_conditions(rng), density=0.0, fragments=0.0, carbon=0.0)
    pixel_angstrom = species.diameter_angstrom / diameter_cpx
    made = simulate(species, shape_cpx, pixel_angstrom, empty, int(rng.integers(2**31)))
    return to_canvas(made.image.numpy(), diameter_cpx, use_mask=False, diameter_cpx=diameter_cpx).image


@cache
def _species() -> Species:
    """A molecule that is never placed: it sets how strong contamination is."""
    from napari_hydrapicker.simulation.procedural import procedural_complex
    from napari_hydrapicker.simulation.projection import make_species

    return make_species(procedural_complex(1, 180.0), 8, 1)
