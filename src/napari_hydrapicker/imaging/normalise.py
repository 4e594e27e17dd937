"""Making micrographs comparable: repaired, flat, background at mean 0 and std 1, padded with noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.errors import MicrographError, ParameterError

_SAMPLES = 2**16
_HOT_SIGMA = 8.0
_CLIP_SIGMA = 6.0
_MAD_TO_SIGMA = 1.4826
_CURVED = 2.5  # extent, in widths of the blur, from which on slow changes may be curved
_NO_CONTRAST = "the image has no contrast: all of its pixels are equal or not numbers"


def _subsample(values: NDArray[Any]) -> NDArray[Any]:
    """About `_SAMPLES` values of an image on a regular grid, or of a vector."""
    stride = max(1, int((values.size / _SAMPLES) ** (1 / values.ndim)))
    return values[(slice(None, None, stride),) * values.ndim].ravel()


def _centre_and_spread(values: NDArray[np.float32]) -> tuple[float, float]:
    """Median and robust standard deviation; the plain one where over half of the values are equal."""
    if not values.size:
        return 0.0, 0.0
    centre = float(np.median(values))
    spread = _MAD_TO_SIGMA * float(np.median(np.abs(values - centre)))
    return centre, spread if spread > 0 else float(values.std(dtype=np.float64))


@dataclass(frozen=True)
class Cleaner:
    """Replaces NaN, Inf and blank rows, and clips hot and dead pixels, block by block.

    Attributes
    ----------
    fill : float
        The median, which stands in for pixels that are no numbers.
    low, high : float
        Grey levels that no pixel may pass.
    """

    fill: float
    low: float
    high: float

    @classmethod
    def estimate(cls, image: NDArray[Any]) -> Cleaner:
        """Take the limits from a subsample of an image of shape (H, W).

        Raises
        ------
        MicrographError
            If the image is constant or holds no finite pixel.
        """
        with np.errstate(over="ignore"):
            sample = _subsample(image).astype(np.float32)
        sample = sample[np.isfinite(sample)]
        centre, spread = _centre_and_spread(sample)
        if not (math.isfinite(spread) and spread > 0):
            # The grid may have missed all contrast there is: look at everything before giving up.
            with np.errstate(over="ignore", invalid="ignore"):
                everything = np.asarray(image, np.float32).ravel()
            centre, spread = _centre_and_spread(everything[np.isfinite(everything)])
        if not (math.isfinite(spread) and spread > 0):
            raise MicrographError(_NO_CONTRAST)
        return cls(centre, centre - _HOT_SIGMA * spread, centre + _HOT_SIGMA * spread)

    def __call__(self, block: NDArray[Any]) -> NDArray[np.float32]:
        """Return a clean float32 copy of a block of pixels."""
        with np.errstate(over="ignore", invalid="ignore"):
            clean = np.array(block, np.float32)
            # One sum finds out whether any pixel is not finite; that is rare, and cheap to rule out.
            if not (np.issubdtype(block.dtype, np.integer) or np.isfinite(clean.sum())):
                clean[~np.isfinite(clean)] = self.fill
        # A blank row far from the median would ring into its neighbours when the image is rescaled.
        ends = clean[:, 0] == clean[:, -1]
        if ends.any():
            blank = np.flatnonzero(ends)
            blank = blank[(clean[blank] == clean[blank, :1]).all(axis=1)]
            clean[blank] = self.fill
        return np.clip(clean, np.float32(self.low), np.float32(self.high), out=clean)


def clean(image: NDArray[Any]) -> NDArray[np.float32]:
    """Replace NaN and Inf by the median, and clip hot and dead pixels at 8 robust standard deviations.

    Raises
    ------
    MicrographError
        If the image is constant or holds no finite pixel.
    """
    return Cleaner.estimate(image)(image)


def background_statistics(
    image_w: NDArray[np.float32], mask: NDArray[np.bool_] | None = None
) -> tuple[float, float]:
    """Mean and standard deviation of an image's background, by sigma clipping from median and MAD.

    Parameters
    ----------
    image_w : ndarray of float32, shape (H, W)
        Image at the working scale.
    mask : ndarray of bool, shape (H, W), optional
        True where a pixel is usable. A mask that leaves nothing is ignored.

    Returns
    -------
    (float, float)
        Mean and standard deviation; the latter is 0 for a constant image.
    """
    usable = image_w if mask is None or not mask.any() else image_w[mask]
    sample = _subsample(usable)
    centre, spread = _centre_and_spread(sample)
    for _ in range(3):
        inside = sample[np.abs(sample - np.float32(centre)) <= 3 * spread]
        if not inside.size:
            break
        centre, spread = float(inside.mean(dtype=np.float64)), float(inside.std(dtype=np.float64))
    return centre, spread


def normalise(image_w: NDArray[np.float32], mask: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    """Bring the background to mean 0 and standard deviation 1, and clip at 6.

    Parameters
    ----------
    image_w : ndarray of float32, shape (H, W)
        Image at the working scale.
    mask : ndarray of bool, shape (H, W), optional
        True where a pixel is usable; the others do not count for the statistics.

    Raises
    ------
    MicrographError
        If the usable part of the image is constant.
    """
    mean, std = background_statistics(image_w, mask)
    if not (math.isfinite(std) and std > 0):
        raise MicrographError(_NO_CONTRAST)
    scaled = image_w - np.float32(mean)
    scaled *= np.float32(1 / std)
    return np.clip(scaled, np.float32(-_CLIP_SIGMA), np.float32(_CLIP_SIGMA), out=scaled)


def flatten(
    image_w: NDArray[np.float32], sigma_wpx: float = 60, mask: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Subtract slow gradients (ice thickness, illumination): a surface, quadratic where there is room, and a
    Gaussian blur of the usable pixels.

    Parameters
    ----------
    image_w : ndarray of float32, shape (H, W)
        Image at the working scale.
    sigma_wpx : float
        Standard deviation of the blur, working pixels; about three particle diameters by default.
    mask : ndarray of bool, shape (H, W), optional
        True where a pixel is usable; the others do not pull on the background.

    Returns
    -------
    ndarray of float32, shape (H, W)
    """
    if mask is not None and not mask.any():
        mask = None
    block = max(1, int(sigma_wpx / 4))
    weight = np.ones(image_w.shape, np.float32) if mask is None else mask.astype(np.float32)
    sigma = sigma_wpx / block
    # Without the mean first: beside a large one sums of float32 are coarse.
    image_w = image_w - np.float32(image_w.mean(where=True if mask is None else mask, dtype=np.float64))
    sums, counts = _block_sums(image_w * weight, block), _block_sums(weight, block)
    # A blur bends a slope at the edges: the surface that fits best is taken out first.
    surface = _surface(sums, counts, [_centres(n, block) for n in image_w.shape], _CURVED * sigma_wpx)
    sums = sums - surface * counts
    blurred = [ndimage.gaussian_filter(layer, sigma, mode="reflect") for layer in (sums, counts)]
    # Far from any usable pixel both vanish; the floor turns 0 / 0 into 0.
    background = surface + blurred[0] / np.maximum(blurred[1], np.float32(1e-6))
    down, across = (_interpolation(n, block).astype(np.float32) for n in image_w.shape)
    # Not `@`: for matrices this small BLAS spends its time waking threads.
    flat: NDArray[np.float32] = image_w - np.einsum(
        "ij,kj->ik", np.einsum("ij,jk->ik", down, background), across
    )
    return flat


def _surface(
    sums: NDArray[np.float32],
    counts: NDArray[np.float32],
    centres: Sequence[NDArray[np.float64]],
    curved_from: float,
) -> NDArray[np.float32]:
    """Surface through the means of tiles, by least squares weighted with their number of pixels.

    It is quadratic where the pixels that count extend over `curved_from` pixels in both directions, a plane
    elsewhere: on a small area a curve follows the particles themselves. `centres` are those of the tiles
    along both axes, pixels.
    """
    places = [(one - one.mean()) / max(1.0, float(np.ptp(one))) for one in centres]
    order = 2 if min(_extents(counts, centres)) >= curved_from else 1
    terms = [(i, j) for i in range(order + 1) for j in range(order + 1 - i)]
    design = np.stack([np.outer(places[0] ** i, places[1] ** j).ravel() for i, j in terms])  # (6, tiles)
    matrix = np.einsum("in,jn,n->ij", design, design, counts.ravel(), dtype=np.float64)
    # Tiles in one line say nothing of the other direction: a trace on the diagonal keeps that flat.
    matrix += np.eye(len(terms)) * max(float(np.trace(matrix)), 1e-6) * 1e-6
    fit = np.linalg.solve(matrix, np.einsum("in,n->i", design, sums.ravel(), dtype=np.float64))
    return np.asarray(np.einsum("i,in->n", fit, design).reshape(sums.shape), np.float32)


def _extents(counts: NDArray[np.float32], centres: Sequence[NDArray[np.float64]]) -> list[float]:
    """Over how many pixels tiles with these numbers of pixels extend, along rows and columns."""
    found = []
    for axis, places in enumerate(centres):
        weight = counts.sum(axis=1 - axis, dtype=np.float64)
        mean = np.average(places, weights=weight)
        step = float(places[1] - places[0]) if len(places) > 1 else 0.0
        found.append(math.sqrt(12 * np.average((places - mean) ** 2, weights=weight) + step**2))
    return found


def _block_sums(image: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    """Sums over `block` x `block` tiles; those at the lower and right edge may be smaller."""
    rows, cols = (np.arange(0, n, block) for n in image.shape)
    sums: NDArray[np.float32] = np.add.reduceat(np.add.reduceat(image, rows, axis=0), cols, axis=1)
    return sums


def _centres(n: int, block: int) -> NDArray[np.float64]:
    """Centres of the tiles along a side of `n` pixels; the last tile may be smaller."""
    starts = np.arange(0, n, block)
    return np.asarray((starts + np.minimum(starts + block, n) - 1) / 2)


def _interpolation(n: int, block: int) -> NDArray[np.float64]:
    """Matrix (n, tiles) that interpolates linearly between the tiles' centres, and goes on beyond them."""
    centres = _centres(n, block)
    if len(centres) == 1:
        return np.ones((n, 1))
    places = np.arange(n)
    before = np.clip(np.searchsorted(centres, places) - 1, 0, len(centres) - 2)
    share = (places - centres[before]) / (centres[before + 1] - centres[before])
    matrix = np.zeros((n, len(centres)))
    matrix[places, before], matrix[places, before + 1] = 1 - share, share
    return matrix


def pad_with_noise(
    image_w: NDArray[np.float32], multiple: int = 16, margin_wpx: int = 0, seed: int = 0
) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """Pad an image with Gaussian noise of its background's mean and standard deviation.

    Parameters
    ----------
    image_w : ndarray of float32, shape (H, W)
        Image at the working scale.
    multiple : int
        Both sides of the result are multiples of this.
    margin_wpx : int
        Least width of the padding on all four sides, working pixels. What is missing to a multiple
        is added at the bottom and at the right.
    seed : int
        Of the noise: the same seed gives the same padding.

    Returns
    -------
    padded : ndarray of float32, shape (H', W')
    offset : (int, int)
        (row, column) of the image's sample (0, 0) in `padded`: subtract it from coordinates found there.

    Raises
    ------
    ParameterError
        If `multiple` is under 1 or the margin is negative.
    """
    if multiple < 1 or margin_wpx < 0:
        raise ParameterError(f"cannot pad to a multiple of {multiple} with a margin of {margin_wpx}")
    rows, cols = image_w.shape
    top = left = margin_wpx
    full_rows, full_cols = (-(-(n + 2 * margin_wpx) // multiple) * multiple for n in (rows, cols))
    padded = np.empty((full_rows, full_cols), np.float32)
    padded[top : top + rows, left : left + cols] = image_w

    mean, std = background_statistics(image_w)
    rng = np.random.default_rng(seed)
    frame = (
        padded[:top],
        padded[top + rows :],
        padded[top : top + rows, :left],
        padded[top : top + rows, left + cols :],
    )
    for strip in frame:
        strip[...] = rng.standard_normal(strip.shape, np.float32) * np.float32(std) + np.float32(mean)
    return padded, (top, left)
