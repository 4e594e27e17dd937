"""Single shapes of a synthetic pair: where one may lie, what it looks like, and taking it off an image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.gan.canvas import FLOOR
from napari_hydrapicker.gan.shapes import random_walk_shape, resized
from napari_hydrapicker.gan.synthesis_parameters import LEAST_SHAPE_CPX, SynthesisParameters

Box = tuple[slice, slice]
Corner = NDArray[np.intp]

_LEAST_VISIBLE = 0.5  # share of a shape that must show: contamination may be as dark as the darkest grey


@dataclass(frozen=True, eq=False)
class Particle:
    """A shape that may be placed.

    Attributes
    ----------
    patch : ndarray of float32, shape (h, w)
        Depth in grey levels; the deepest pixel's is `fade`.
    low, square : ndarray of int, shape (2,)
        Row and column of the first pixel of the patch, and of the marker.
    extent : (slice, slice)
        Pixels of the background that it covers, blur apart.
    side : int
    fade : float
    """

    patch: NDArray[np.float32]
    low: Corner
    square: Corner
    extent: Box
    side: int
    fade: float


def draw_square(rng: np.random.Generator, side: int, background: tuple[int, ...]) -> Corner:
    """Draw where a marker lies: its middle is anywhere on the background, borders included.

    Parameters
    ----------
    rng : numpy Generator
    side : int
        Of the marker, canvas pixels.
    background : (int, int)
        Shape of the background.

    Returns
    -------
    ndarray of int, shape (2,)
        Row and column of its first pixel, negative where it crosses the border.
    """
    half, last = (side - 1) / 2, np.array(background) - 1
    corner = np.round(rng.uniform(-0.5, last + 0.5) - half).astype(np.intp)
    return np.clip(corner, math.ceil(-half), np.floor(last - half).astype(np.intp))


def draw_particle(
    rng: np.random.Generator, p: SynthesisParameters, square: Corner, diameter: float, smoothing: float
) -> Particle:
    """Draw a shape and its fade, and put its centre of mass into the marker's middle.

    Parameters
    ----------
    rng : numpy Generator
    p : SynthesisParameters
    square : ndarray of int, shape (2,)
        First pixel of the marker, see `draw_square`.
    diameter, smoothing : float
        What was drawn for the whole pair, canvas pixels.
    """
    side = max(LEAST_SHAPE_CPX, round(diameter * rng.uniform(*p.variation)))
    steps = int(rng.integers(round(p.steps[0]), round(p.steps[1]), endpoint=True))
    fade = float(rng.uniform(*p.fade))
    margin = math.ceil(3 * smoothing)
    # One row and column more at the end: the shape is moved that way by part of a pixel.
    patch = np.zeros((side + 2 * margin + 1,) * 2, np.float32)
    patch[margin : margin + side, margin : margin + side] = resized(random_walk_shape(steps, rng), side)
    if smoothing > 0:
        patch = ndimage.gaussian_filter(patch, smoothing, truncate=3.0)
    places = np.arange(len(patch))
    mass = np.array([patch.sum(1) @ places, patch.sum(0) @ places]) / patch.sum()
    corner = square + (p.marker_cpx - 1) / 2 - mass
    low = np.floor(corner).astype(np.intp)
    patch = _shifted(patch, corner - low)
    return Particle(patch * (fade / patch.max()), low, square, square_box(low + margin, side + 1), side, fade)


def _shifted(patch: NDArray[np.float32], fraction: NDArray[np.float64]) -> NDArray[np.float32]:
    """Move a patch by parts of a pixel down and right, its mass exactly so; its last row and column are 0."""
    for axis, part in enumerate(fraction.astype(np.float32)):
        patch = patch * (1 - part) + np.roll(patch, 1, axis) * part
    return patch


def square_box(low: Corner, side: int) -> Box:
    """Return a square's part at positive rows and columns; slices may reach beyond an image's end."""
    row, col = low.tolist()
    return slice(max(row, 0), max(row + side, 0)), slice(max(col, 0), max(col + side, 0))


def take_off(image: NDArray[np.float32], new: Particle) -> bool:
    """Subtract a shape from an image (H, W) in place, which goes nowhere below `canvas.FLOOR`.

    Returns
    -------
    bool
        False where it is too dark there to see the shape; then the image stays as it is.
    """
    place = square_box(new.low, len(new.patch))
    under = image[place]
    row, col = np.maximum(-new.low, 0).tolist()
    patch = new.patch[row : row + under.shape[0], col : col + under.shape[1]]
    darkened = np.maximum(under - patch, np.minimum(under, np.float32(FLOOR)))
    visible = (under - darkened).sum() >= _LEAST_VISIBLE * patch.sum() > 0
    if visible:
        image[place] = darkened
    return bool(visible)
