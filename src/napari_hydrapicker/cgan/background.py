"""Backgrounds for synthetic pairs: particle-free regions of micrographs, or simulated ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.cgan.preprocess import CGAN_DIAMETER_WPX, FLOOR, WorkingImage, to_working_image
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.imaging.augment import TURNS, turn

if TYPE_CHECKING:
    from napari_hydrapicker.simulation.projection import Species


PATCH_WPX = 6 * CGAN_DIAMETER_WPX
"""Side of the patches that backgrounds are made of, working pixels: six particles."""

DEPTH = 2.2
"""How dark a spot must be to be taken for a particle, in deviations of the noise.

At 2.2 about five in six labelled particles of EMPIAR-10017 and all of EMPIAR-10028 are kept out of the
backgrounds. Less keeps out more of them, and with them the darkest spots of the noise.
"""

_BLOB_DIAMETERS = 0.15  # standard deviation of the blur that makes a particle one dark spot
_WIDE_DIAMETERS = 1.5  # of the blur that is its surroundings
_REACH_DIAMETERS = 0.4  # how far a particle extends around the pixels of its spot
_MAD_TO_SIGMA = 1.4826
_RAMP_WPX = 5.0  # over which a patch fades out
_WHOLE, _COVERED = 0.95, 0.9  # weight of a patch's inside, and sum of squared weights that is enough
_LEAST_INSIDE = 0.02  # share of a patch that must be inside


@dataclass(frozen=True, eq=False)
class Patch:
    """Part of a micrograph with regions free of particles.

    Attributes
    ----------
    image : ndarray of float32, shape (h, w)
        Grey levels of the working image.
    weight : ndarray of float32, shape (h, w)
        1 well within the free regions, falling to 0 at their edges and at the patch's.
    """

    image: NDArray[np.float32]
    weight: NDArray[np.float32]


def particle_mask(
    working: WorkingImage, diameter_wpx: float = CGAN_DIAMETER_WPX, depth: float = DEPTH
) -> NDArray[np.bool_]:
    """Find the pixels that may belong to particles, or to anything dark of their size.

    The working image is blurred until a particle is one spot. Spots are dark, so the noise is judged by
    what is brighter than the median.

    Parameters
    ----------
    working : WorkingImage
    diameter_wpx : float
        Particle diameter, working pixels.
    depth : float
        What a spot must be below the median, in deviations of the noise.

    Returns
    -------
    ndarray of bool, shape (H, W)
    """
    spots = ndimage.gaussian_filter(working.image, _BLOB_DIAMETERS * diameter_wpx)
    spots -= ndimage.gaussian_filter(working.image, _WIDE_DIAMETERS * diameter_wpx)
    usable = spots[working.mask] if working.mask.any() else spots.ravel()
    middle = float(np.median(usable))
    spread = _MAD_TO_SIGMA * float(np.median(usable[usable >= middle] - middle))
    dark: NDArray[np.bool_] = spots < middle - depth * spread
    near: NDArray[np.bool_] = ndimage.distance_transform_edt(~dark) <= _REACH_DIAMETERS * diameter_wpx
    return near if dark.any() else dark


def free_patches(
    working: WorkingImage,
    diameter_wpx: float = CGAN_DIAMETER_WPX,
    *,
    depth: float = DEPTH,
    known_empty: bool = False,
    side_wpx: int = PATCH_WPX,
) -> list[Patch]:
    """Cut a micrograph into patches, and find what is free of particles on each.

    Parameters
    ----------
    working : WorkingImage
        Areas outside its mask are left out.
    diameter_wpx, depth : float
        See `particle_mask`.
    known_empty : bool
        Whether there are no particles on this micrograph: then they are not looked for, and all of it serves.
    side_wpx : int
        Side of the patches, working pixels; those at the lower and right edges may be smaller.

    Returns
    -------
    list of Patch
        Those that have some free region.
    """
    free = working.mask
    if not known_empty:
        free = free & ~particle_mask(working, diameter_wpx, depth)
    patches = []
    for row in range(0, free.shape[0], side_wpx):
        for col in range(0, free.shape[1], side_wpx):
            place = slice(row, row + side_wpx), slice(col, col + side_wpx)
            depth_inside = ndimage.distance_transform_edt(np.pad(free[place], 1))[1:-1, 1:-1]
            weight = np.sin(np.pi / 2 * np.minimum(depth_inside / _RAMP_WPX, 1)).astype(np.float32)
            if (weight >= _WHOLE).mean() >= _LEAST_INSIDE:
                patches.append(Patch(working.image[place].copy(), weight))
    return patches


def mosaic(
    patches: Sequence[Patch], shape_wpx: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Lay patches side by side, in random order and orientation, to a background of any shape.

    Where patches fade into each other the squares of their weights add up to 1, so that independent noise
    keeps its variance across the seams.

    Parameters
    ----------
    patches : sequence of Patch
    shape_wpx : (int, int)
    rng : numpy Generator

    Returns
    -------
    ndarray of float32, shape `shape_wpx`
        `preprocess.FLOOR`..1.

    Raises
    ------
    ParameterError
        If there are no patches.
    """
    if not patches:
        raise ParameterError(
            "no particle-free region was found: give more micrographs, empty ones, or take simulated noise"
        )
    total = np.sum([(patch.image * patch.weight).sum(dtype=np.float64) for patch in patches])
    mean = np.float32(total / np.sum([patch.weight.sum(dtype=np.float64) for patch in patches]))
    deviation = np.zeros(shape_wpx, np.float32)
    covered = np.zeros(shape_wpx, np.float32)  # sum of squared weights, at most 1
    while len(bare := np.flatnonzero(covered < _COVERED)):
        target = np.array(np.unravel_index(rng.choice(bare), shape_wpx))
        patch = _turned(patches[int(rng.integers(len(patches)))], rng)
        inside = np.argwhere(patch.weight >= _WHOLE)
        corner = target - inside[rng.integers(len(inside))]
        low, high = np.maximum(corner, 0), np.minimum(corner + patch.weight.shape, shape_wpx)
        place = slice(low[0], high[0]), slice(low[1], high[1])
        part = tuple(slice(a, b) for a, b in zip(low - corner, high - corner, strict=True))
        added = np.minimum(patch.weight[part] ** 2, 1 - covered[place])
        deviation[place] += np.sqrt(added) * (patch.image[part] - mean)
        covered[place] += added
    return np.clip(deviation / np.sqrt(covered) + mean, np.float32(FLOOR), np.float32(1))


def _turned(patch: Patch, rng: np.random.Generator) -> Patch:
    which = int(rng.integers(TURNS))
    return Patch(*(turn(part, [], which)[0] for part in (patch.image, patch.weight)))


def simulated_background(
    shape_wpx: tuple[int, int], rng: np.random.Generator, diameter_wpx: float = CGAN_DIAMETER_WPX
) -> NDArray[np.float32]:
    """Simulate a micrograph without particles and bring it to the working image.

    Noise, optics and contamination are drawn from the ranges that the other picker's training uses:
    raw and denoised, thick and thin ice, dark blobs and ice crystals.

    Parameters
    ----------
    shape_wpx : (int, int)
        At least 16 x 16.
    rng : numpy Generator
    diameter_wpx : float
        Diameter of the particle that the image could hold: the scale of noise and contamination.

    Returns
    -------
    ndarray of float32, shape `shape_wpx`
        `preprocess.FLOOR`..1.

    Raises
    ------
    ParameterError
        If the shape is too small.
    """
    from napari_hydrapicker.simulation.conditions import draw_conditions
    from napari_hydrapicker.simulation.micrograph import simulate

    species = _species()
    empty = replace(draw_conditions(rng), density=0.0, fragments=0.0, carbon=0.0)
    pixel_angstrom = species.diameter_angstrom / diameter_wpx
    made = simulate(species, shape_wpx, pixel_angstrom, empty, int(rng.integers(2**31)))
    return to_working_image(made.image.numpy(), diameter_wpx, use_mask=False, diameter_wpx=diameter_wpx).image


@cache
def _species() -> Species:
    """A molecule that is never placed: it sets how strong contamination is."""
    from napari_hydrapicker.simulation.procedural import procedural_complex
    from napari_hydrapicker.simulation.projection import make_species

    return make_species(procedural_complex(1, 180.0), 8, 1)
