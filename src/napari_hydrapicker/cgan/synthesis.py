"""Training pairs without any particle: random-walk shapes on a background, and marks (Algorithms 1, 2)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.cgan.preprocess import FLOOR
from napari_hydrapicker.cgan.synthesis_parameters import LEAST_SHAPE_WPX, SynthesisParameters
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.wording import counted

_NEIGHBOURS = np.array([(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)])
_MAX_STEPS = 1_000_000

Box = tuple[slice, slice]
Corner = NDArray[np.intp]
_LEAST_VISIBLE = 0.5  # share of a shape that must show: contamination may be as dark as the darkest grey


def random_walk_shape(steps: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw the pixels that a walk over the 8 neighbours visits (Algorithm 1).

    Every step goes to one of the 8 neighbours, all equally likely; the places after each step make the
    shape. The start counts only if the walk comes back to it.

    Parameters
    ----------
    steps : int
        Length of the walk.
    rng : numpy Generator

    Returns
    -------
    ndarray of bool, shape (H, W)
        As large as the walk's extent: the first and last rows and columns are visited.

    Raises
    ------
    ParameterError
        If the number of steps is not from 1 to a million.
    """
    if not 1 <= steps <= _MAX_STEPS:
        raise ParameterError(f"a random walk of {counted(steps, 'step')}: give 1 to {_MAX_STEPS}")
    places = np.cumsum(_NEIGHBOURS[rng.integers(8, size=steps)], axis=0)  # (steps, 2), row and column
    places -= places.min(axis=0)
    shape = np.zeros(places.max(axis=0) + 1, np.bool_)
    shape[tuple(places.T)] = True
    return shape


def resized(shape: NDArray[np.bool_], side: int) -> NDArray[np.float32]:
    """Bring a shape to a square, as Algorithm 2 does, whatever its extents.

    Parameters
    ----------
    shape : ndarray of bool, shape (H, W)
    side : int
        Pixels, at least 1.

    Returns
    -------
    ndarray of float32, shape (side, side)
        0..1: the share of each pixel's area that the shape covers, exact also where the shape's pixels
        end within it.
    """
    rows, cols = (_overlaps(n, side) for n in shape.shape)
    return np.asarray(rows @ shape.astype(np.float32) @ cols.T, np.float32)


def _overlaps(n: int, side: int) -> NDArray[np.float32]:
    """Matrix (side, n): the share of each of `side` equal parts of a line that each of `n` parts covers."""
    ends, source = np.arange(side + 1) / side, np.arange(n + 1) / n
    low = np.maximum(ends[:-1, None], source[None, :-1])
    high = np.minimum(ends[1:, None], source[None, 1:])
    return np.asarray(np.maximum(high - low, 0) * side, np.float32)


@dataclass(frozen=True, eq=False)
class Particle:
    """A shape that may be placed.

    Attributes
    ----------
    patch : ndarray of float32, shape (h, w)
        Depth in grey levels; the deepest pixel's is `contrast`.
    low, square : ndarray of int, shape (2,)
        Row and column of the first pixel of the patch, and of the marker.
    extent : (slice, slice)
        Pixels of the background that it covers, blur apart.
    side : int
    contrast : float
    """

    patch: NDArray[np.float32]
    low: Corner
    square: Corner
    extent: Box
    side: int
    contrast: float


def draw_square(rng: np.random.Generator, side: int, background: tuple[int, ...]) -> Corner:
    """Draw where a marker lies: its middle is anywhere on the background, borders included.

    Parameters
    ----------
    rng : numpy Generator
    side : int
        Of the marker, working pixels.
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
    """Draw a shape and its contrast, and put its centre of mass into the marker's middle.

    Parameters
    ----------
    rng : numpy Generator
    p : SynthesisParameters
    square : ndarray of int, shape (2,)
        First pixel of the marker, see `draw_square`.
    diameter, smoothing : float
        What was drawn for the whole pair, working pixels.
    """
    side = max(LEAST_SHAPE_WPX, round(diameter * rng.uniform(*p.variation)))
    steps = int(rng.integers(round(p.steps[0]), round(p.steps[1]), endpoint=True))
    contrast = float(rng.uniform(*p.contrast))
    margin = math.ceil(3 * smoothing)
    # One row and column more at the end: the shape is moved that way by part of a pixel.
    patch = np.zeros((side + 2 * margin + 1,) * 2, np.float32)
    patch[margin : margin + side, margin : margin + side] = resized(random_walk_shape(steps, rng), side)
    if smoothing > 0:
        patch = ndimage.gaussian_filter(patch, smoothing, truncate=3.0)
    places = np.arange(len(patch))
    mass = np.array([patch.sum(1) @ places, patch.sum(0) @ places]) / patch.sum()
    corner = square + (p.marker_wpx - 1) / 2 - mass
    low = np.floor(corner).astype(np.intp)
    patch = _shifted(patch, corner - low)
    return Particle(
        patch * (contrast / patch.max()), low, square, square_box(low + margin, side + 1), side, contrast
    )


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
    """Subtract a shape from an image (H, W) in place, which goes nowhere below `preprocess.FLOOR`.

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


@dataclass(frozen=True, eq=False)
class Pair:
    """A synthetic micrograph and what the generator shall make of it.

    Attributes
    ----------
    image, truth : ndarray of float32, shape (H, W)
        Grey levels 0..1. They differ in black squares around the shapes' centres.
    yx : ndarray of float64, shape (N, 2)
        Centres of mass of the shapes, which are the squares' middles: (row, column), working pixels.
    sizes_px : ndarray of float64, shape (N,)
        Sides of the squares that the shapes were resized to, working pixels.
    contrasts : ndarray of float64, shape (N,)
        Depth of each shape's darkest pixel, grey levels.
    """

    image: NDArray[np.float32]
    truth: NDArray[np.float32]
    yx: NDArray[np.float64]
    sizes_px: NDArray[np.float64]
    contrasts: NDArray[np.float64]


def synthesise_pair(
    background: NDArray[np.float32],
    rng: np.random.Generator,
    parameters: SynthesisParameters | None = None,
) -> Pair:
    """Make one pair of synthetic micrograph and truth (Algorithm 2).

    For each of a random number of shapes a place is drawn; where nothing lies yet, the shape times a random
    contrast is taken off the background, and a black square of the truth covers its centre of mass. Both may
    cross the border. No pixel goes below `preprocess.FLOOR`, as on real working images, and shapes that would
    hardly show for that reason are left out.

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
    diameter, smoothing = rng.uniform(*p.diameter_wpx), rng.uniform(*p.smoothing_wpx)
    taken = np.zeros(image.shape, np.bool_)
    placed: list[Particle] = []
    for _ in range(round(rng.uniform(*p.coverage) * image.size / diameter**2)):
        square = draw_square(rng, p.marker_wpx, image.shape)
        if taken[square_box(square - p.gap_wpx, p.marker_wpx + 2 * p.gap_wpx)].any():
            continue
        new = draw_particle(rng, p, square, diameter, smoothing)
        if not taken[new.extent].any() and take_off(image, new):
            taken[new.extent] = taken[square_box(square, p.marker_wpx)] = True
            placed.append(new)
    truth = image.copy()
    for one in placed:
        truth[square_box(one.square, p.marker_wpx)] = 0
    yx = np.array([one.square for one in placed], np.float64).reshape(-1, 2) + (p.marker_wpx - 1) / 2
    sizes, contrasts = (
        np.array([getattr(one, name) for one in placed], float) for name in ("side", "contrast")
    )
    return Pair(image, truth, yx, sizes, contrasts)
