"""Training pairs without any particle: shapes on a background, and the same with marks (Algorithm 2)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.gan.canvas import CANVAS_DIAMETER_CPX, FLOOR, PAPER_SIDE_CPX
from napari_hydrapicker.gan.shapes import random_walk_shape, resized

Range = tuple[float, float]
Box = tuple[slice, slice]
Corner = NDArray[np.intp]

_MARKER_DIAMETERS = 0.7
_SIZE_RANGE = (0.65, 1.1)  # of the stated diameter, which is the particle's longest
_COUNT_RANGE = (0.6, 1.8)  # of the stated number; the more are tried, the more of them do not fit
_LEAST_MARKER_CPX = 7  # the erosion takes 4: a mark of 3 x 3 is left
_LEAST_SHAPE_CPX = 3
_LEAST_VISIBLE = 0.5  # share of a shape that must show: contamination may be as dark as the darkest grey


@dataclass(frozen=True)
class SynthesisParameters:
    """The ranges that pairs are drawn from; (low, high), both included. The defaults follow the paper.

    Attributes
    ----------
    diameter_cpx : (float, float)
        Side of the square that shapes are resized to, canvas pixels; drawn once for each pair.
    coverage : (float, float)
        Number of shapes tried times their diameter squared, over the background's area: drawn once for each
        pair, at most 1. Shapes that would overlap earlier ones are left out, so that fewer are there.
    fade : (float, float)
        How far the darkest pixel of a shape goes below the background, in grey levels; drawn for each
        shape. The paper's full range is 0..1; what cannot be seen had better not be marked.
    steps : (float, float)
        Length of the random walks; drawn for each shape. Short walks make compact shapes.
    variation : (float, float)
        Factor on the diameter, drawn for each shape. Always 1 in the paper.
    smoothing_cpx : (float, float)
        Standard deviation of a Gaussian blur of the shapes, canvas pixels, drawn once for each pair: what low
        resolution does to particles. Always 0 in the paper. Blurred edges may reach into neighbours.
    marker_cpx : int
        Side of the black squares in the truth, canvas pixels.
    gap_cpx : int
        Least distance between two markers, canvas pixels.

    Raises
    ------
    ParameterError
        If a range is upside down or out of bounds.
    """

    diameter_cpx: Range = (10.0, 18.0)
    coverage: Range = (0.05, 0.7)
    fade: Range = (0.1, 0.5)
    steps: Range = (30, 1000)
    variation: Range = (1.0, 1.0)
    smoothing_cpx: Range = (0.0, 0.0)
    marker_cpx: int = 11
    gap_cpx: int = 2

    def __post_init__(self) -> None:
        limits: dict[str, Range] = {
            "diameter_cpx": (_LEAST_SHAPE_CPX, 512), "coverage": (0, 1), "fade": (0, 1), "steps": (1, 1e6),
            "variation": (0.1, 10), "smoothing_cpx": (0, 64), "marker_cpx": (1, 512), "gap_cpx": (0, 512),
        }  # fmt: skip
        for field in fields(self):
            value, (least, most) = getattr(self, field.name), limits[field.name]
            low, high = value if isinstance(value, tuple) else (value, value)
            if not (math.isfinite(low) and math.isfinite(high) and least <= low <= high <= most):
                raise ParameterError(
                    f"{field.name} {value}: give values from {least:g} to {most:g}, low first"
                )

    @classmethod
    def for_particles(
        cls,
        diameter_cpx: float = CANVAS_DIAMETER_CPX,
        number: float | None = None,
        shape_cpx: tuple[int, int] = (PAPER_SIDE_CPX, PAPER_SIDE_CPX),
    ) -> SynthesisParameters:
        """Ranges for particles of roughly this size and number, the others at their defaults.

        Parameters
        ----------
        diameter_cpx : float
            The longest diameter, canvas pixels.
        number : float, optional
            Particles on a micrograph; the default range of coverages without it.
        shape_cpx : (int, int)
            Canvas shape of the micrograph that `number` refers to.

        Raises
        ------
        ParameterError
            If the values are out of bounds, or so many particles do not fit.
        """
        low, high = _SIZE_RANGE
        marker = max(_LEAST_MARKER_CPX, round(_MARKER_DIAMETERS * diameter_cpx))
        coverage = cls.coverage
        if number is not None:
            middle = (low + high) / 2 * diameter_cpx
            share = number * middle**2 / (shape_cpx[0] * shape_cpx[1])
            if not 0 < share <= 1:
                raise ParameterError(
                    f"{number:g} particles of {diameter_cpx:g} canvas pixels do not fit on "
                    f"{shape_cpx[0]} x {shape_cpx[1]}: check number and diameter"
                )
            coverage = (_COUNT_RANGE[0] * share, min(1.0, _COUNT_RANGE[1] * share))
        return cls((low * diameter_cpx, high * diameter_cpx), coverage, marker_cpx=marker)


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
    placed: list[_Particle] = []
    for _ in range(round(rng.uniform(*p.coverage) * image.size / diameter**2)):
        square = _draw_square(rng, p.marker_cpx, image.shape)
        if taken[_box(square - p.gap_cpx, p.marker_cpx + 2 * p.gap_cpx)].any():
            continue
        new = _draw_particle(rng, p, square, diameter, smoothing)
        if not taken[new.extent].any() and _take_off(image, new):
            taken[new.extent] = taken[_box(square, p.marker_cpx)] = True
            placed.append(new)
    truth = image.copy()
    for one in placed:
        truth[_box(one.square, p.marker_cpx)] = 0
    yx = np.array([one.square for one in placed], np.float64).reshape(-1, 2) + (p.marker_cpx - 1) / 2
    sizes, fades = (np.array([getattr(one, name) for one in placed], float) for name in ("side", "fade"))
    return Pair(image, truth, yx, sizes, fades)


@dataclass(frozen=True, eq=False)
class _Particle:
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


def _draw_square(rng: np.random.Generator, side: int, background: tuple[int, ...]) -> Corner:
    """Draw the first pixel of a marker whose middle is anywhere on the background, borders included."""
    half, last = (side - 1) / 2, np.array(background) - 1
    corner = np.round(rng.uniform(-0.5, last + 0.5) - half).astype(np.intp)
    return np.clip(corner, math.ceil(-half), np.floor(last - half).astype(np.intp))


def _draw_particle(
    rng: np.random.Generator, p: SynthesisParameters, square: Corner, diameter: float, smoothing: float
) -> _Particle:
    """Draw a shape and its fade, and put its centre of mass into the marker's middle."""
    side = max(_LEAST_SHAPE_CPX, round(diameter * rng.uniform(*p.variation)))
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
    return _Particle(patch * (fade / patch.max()), low, square, _box(low + margin, side + 1), side, fade)


def _shifted(patch: NDArray[np.float32], fraction: NDArray[np.float64]) -> NDArray[np.float32]:
    """Move a patch by parts of a pixel down and right, its mass exactly so; its last row and column are 0."""
    for axis, part in enumerate(fraction.astype(np.float32)):
        patch = patch * (1 - part) + np.roll(patch, 1, axis) * part
    return patch


def _box(low: Corner, side: int) -> Box:
    """Return a square's part at positive rows and columns; slices may reach beyond an image's end."""
    row, col = low.tolist()
    return slice(max(row, 0), max(row + side, 0)), slice(max(col, 0), max(col + side, 0))


def _take_off(image: NDArray[np.float32], new: _Particle) -> bool:
    """Subtract a shape in place; leave it and return False where all is too dark to see it."""
    place = _box(new.low, len(new.patch))
    under = image[place]
    row, col = np.maximum(-new.low, 0).tolist()
    patch = new.patch[row : row + under.shape[0], col : col + under.shape[1]]
    darkened = np.maximum(under - patch, np.minimum(under, np.float32(FLOOR)))
    visible = (under - darkened).sum() >= _LEAST_VISIBLE * patch.sum() > 0
    if visible:
        image[place] = darkened
    return bool(visible)
