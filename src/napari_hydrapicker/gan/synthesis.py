"""Training pairs without any particle: shapes on a background, and the same with marks (Algorithm 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.gan.particles import Particle, draw_particle, draw_square, square_box, take_off
from napari_hydrapicker.gan.synthesis_parameters import SynthesisParameters


@dataclass(frozen=True, eq=False)
class Pair:
    """A synthetic micrograph and what the generator shall make of it.

    Attributes
    ----------
    image, truth : ndarray of float32, shape (H, W)
        Grey levels 0..1. They differ in black squares around the shapes' centres.
    yx : ndarray of float64, shape (N, 2)
        Centres of mass of the shapes, which are the squares' middles: (row, column), canvas pixels.
    sizes_px : ndarray of float64, shape (N,)
        Sides of the squares that the shapes were resized to, canvas pixels.
    fades : ndarray of float64, shape (N,)
        Depth of each shape's darkest pixel, grey levels.
    """

    image: NDArray[np.float32]
    truth: NDArray[np.float32]
    yx: NDArray[np.float64]
    sizes_px: NDArray[np.float64]
    fades: NDArray[np.float64]


def synthesise_pair(
    background: NDArray[np.float32],
    rng: np.random.Generator,
    parameters: SynthesisParameters | None = None,
) -> Pair:
    """Make one pair of synthetic micrograph and truth (Algorithm 2).

    For each of a random number of shapes a place is drawn; where nothing lies yet, the shape times a random
    fade is taken off the background, and a black square of the truth covers its centre of mass. Both may
    cross the border. No pixel goes below `canvas.FLOOR`, as on real canvases, and shapes that would hardly
    show for that reason are left out.

    Parameters
    ----------
    background : ndarray of float32, shape (H, W)
        Grey levels 0..1 without particles, such as `background.mosaic` returns.
    rng : numpy Generator
        The same state gives the same pair.
    parameters : SynthesisParameters, optional

    Raises
    ------
    ParameterError
        If the background is no image of grey levels 0..1.
    """
    if background.ndim != 2 or not background.size or not (background.min() >= 0 and background.max() <= 1):
        raise ParameterError(f"a background of shape {background.shape}: give (rows, columns), levels 0..1")
    p = parameters or SynthesisParameters()
    image = np.array(background, np.float32)
    diameter, smoothing = rng.uniform(*p.diameter_cpx), rng.uniform(*p.smoothing_cpx)
    taken = np.zeros(image.shape, np.bool_)
    placed: list[Particle] = []
    for _ in range(round(rng.uniform(*p.coverage) * image.size / diameter**2)):
        square = draw_square(rng, p.marker_cpx, image.shape)
        if taken[square_box(square - p.gap_cpx, p.marker_cpx + 2 * p.gap_cpx)].any():
            continue
        new = draw_particle(rng, p, square, diameter, smoothing)
        if not taken[new.extent].any() and take_off(image, new):
            taken[new.extent] = taken[square_box(square, p.marker_cpx)] = True
            placed.append(new)
    truth = image.copy()
    for one in placed:
        truth[square_box(one.square, p.marker_cpx)] = 0
    yx = np.array([one.square for one in placed], np.float64).reshape(-1, 2) + (p.marker_cpx - 1) / 2
    sizes, fades = (np.array([getattr(one, name) for one in placed], float) for name in ("side", "fade"))
    return Pair(image, truth, yx, sizes, fades)
