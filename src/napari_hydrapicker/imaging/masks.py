"""Where a micrograph can hold particles: no blank strips, no padding, no carbon film.

Everything is decided on a copy binned to a fifth of a particle's diameter, and conservatively: what
might be ice with particles stays usable. Particles and carbon are taken to be dark.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.imaging.rescale import DIAMETER_WPX

Mask = NDArray[np.bool_]
_MAD_TO_SIGMA = 1.4826

_BINS_PER_DIAMETER = 5
_FLAT = 0.35  # a strip's variation across, relative to the interior's
_BLANK = 0.1  # a blank patch's local deviation, relative to the median one
_EDGE_LINK = 5.0  # gradient of a film's edge at a diameter's resolution, in robust deviations
_EDGE_PEAK, _EDGE_DIAMETERS = 10.0, 6.0  # what an edge reaches, and its least extent
_CORNER_PEAK, _CORNER_DIAMETERS = 15.0, 2.5  # the same where it only cuts off a corner
_DARKER = 0.5  # how much darker than the ice the carbon is, in robust deviations
_ICE_FRACTION = 0.15  # least part of the image for a region to be the ice itself


def usable_mask(image_w: NDArray[np.float32], diameter_wpx: float = DIAMETER_WPX) -> Mask:
    """Find the part of a micrograph that can hold particles.

    Left out are strips along the sides that repeat one row or column, blank patches (zero padding),
    and the carbon film where an edge of several diameters sets it off from brighter ice.

    Parameters
    ----------
    image_w : ndarray of float32, shape (H, W)
        Clean image at the working scale, particles dark.
    diameter_wpx : float
        Particle diameter, working pixels.

    Returns
    -------
    ndarray of bool, shape (H, W)
        True where usable. All True for images too small to judge.
    """
    size = max(1, round(diameter_wpx / _BINS_PER_DIAMETER))
    if min(image_w.shape) < 4 * _BINS_PER_DIAMETER * size:
        return np.ones(image_w.shape, np.bool_)
    binned, deviation = _bin(image_w, size)
    usable = ~_blank_patches(deviation)
    top, bottom = _strips(binned)
    left, right = _strips(binned.T)
    inner = (slice(top, binned.shape[0] - bottom), slice(left, binned.shape[1] - right))
    usable[inner] &= ~_carbon(binned[inner], usable[inner])
    usable[:top], usable[usable.shape[0] - bottom :] = False, False
    usable[:, :left], usable[:, usable.shape[1] - right :] = False, False
    # Pixels left over by the binning follow their last whole neighbour.
    rows, cols = (
        np.minimum(np.arange(n) // size, tiles - 1)
        for n, tiles in zip(image_w.shape, usable.shape, strict=True)
    )
    return usable[np.ix_(rows, cols)]


def _bin(image: NDArray[np.float32], size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation of each `size` x `size` tile; incomplete tiles are left out."""
    rows, cols = image.shape[0] // size, image.shape[1] // size
    whole = image[: rows * size, : cols * size] - image.mean(dtype=np.float64).astype(np.float32)

    def tile_mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        strips = values.reshape(rows, size, -1).sum(1)
        tiles: NDArray[np.float32] = strips.reshape(rows, cols, size).sum(2)
        return tiles / np.float32(size * size)

    mean = tile_mean(whole)
    return mean, np.sqrt(np.maximum(tile_mean(whole * whole) - mean * mean, 0))


def _robust(values: NDArray[Any]) -> tuple[float, float]:
    """Median and robust standard deviation, of every third value: neighbours hardly differ."""
    sample = values.ravel()[::3]
    centre = float(np.median(sample))
    return centre, _MAD_TO_SIGMA * float(np.median(np.abs(sample - centre)))


def _strips(binned: NDArray[np.float32]) -> tuple[int, int]:
    """Count the leading and trailing rows of tiles that repeat one another.

    A row's change to the next is compared with the usual change. The outermost tiles may differ: resampling
    rings there. One tile more is taken, because the strip may end within it.
    """
    change = np.median(np.abs(np.diff(binned, axis=0)), axis=1)
    flat = change < _FLAT * np.median(change)
    return _strip_length(flat), _strip_length(flat[::-1])


def _strip_length(flat: Mask) -> int:
    quarter = flat[: len(flat) // 4]
    hits = np.flatnonzero(quarter)
    if not hits.size or hits[0] > 2 or quarter[hits[0] : hits[-1] + 1].mean() < 0.7:
        return 0
    return int(hits[-1]) + 3


def _blank_patches(deviation: NDArray[np.float32]) -> Mask:
    """Tiles in areas without any noise, at least a particle large."""
    local = ndimage.uniform_filter(deviation, 3)
    blank = local < _BLANK * np.median(local)
    opened: Mask = ndimage.binary_opening(blank, iterations=_BINS_PER_DIAMETER // 2)
    # The filter sees noise one tile before the patch ends, and resampling rings beyond it.
    grown: Mask = ndimage.binary_dilation(opened, iterations=2) if opened.any() else opened
    return grown


def _carbon(binned: NDArray[np.float32], usable: Mask) -> Mask:
    """Find long sharp edges, and the darker areas that they cut off, in a (rows, cols) map of tiles."""
    nothing = np.zeros(binned.shape, np.bool_)
    if min(binned.shape) < 6 * _BINS_PER_DIAMETER or usable.mean() < 0.5:
        return nothing
    centre, spread = _robust(binned[usable])
    if spread <= 0:
        return nothing
    level = np.clip((np.where(usable, binned, centre) - centre) / spread, -4, 4).astype(np.float32)
    smooth = ndimage.gaussian_filter(level, _BINS_PER_DIAMETER, truncate=3.0)
    edges = _film_edges(smooth, usable)
    regions, n_regions = ndimage.label(~edges & usable)
    if not (edges.any() and n_regions):
        return nothing
    index = np.arange(1, n_regions + 1)
    area = np.bincount(regions.ravel(), minlength=n_regions + 1)[1:]
    brightness = ndimage.mean(smooth, regions, index)
    ice = float(np.max(brightness[area >= min(_ICE_FRACTION * level.size, area.max())]))
    # The blurred edge itself lies where the brightness is halfway between the two sides.
    film = min(float(np.percentile(smooth[edges], 10)), ice - 2 * _DARKER)
    carbon: Mask = np.isin(regions, index[brightness < ice - _DARKER])
    carbon |= edges & (smooth < (ice + film) / 2)
    return carbon | _crumbs(usable & ~carbon)


def _crumbs(usable: Mask) -> Mask:
    """Usable areas too small to hold a few particles."""
    labels, n_labels = ndimage.label(usable)
    area = np.bincount(labels.ravel(), minlength=n_labels + 1)
    small = area < (3 * _BINS_PER_DIAMETER) ** 2
    small[0] = False
    crumbs: Mask = small[labels]
    return crumbs


def _film_edges(smooth: NDArray[np.float32], usable: Mask) -> Mask:
    """Ridges in the gradient of a blurred map that are too strong and too long to be particles."""
    gradient = np.hypot(*np.gradient(smooth))
    centre, spread = _robust(gradient)
    linked: Mask = (gradient > centre + _EDGE_LINK * spread) & usable
    labels, _ = ndimage.label(linked, np.ones((3, 3)))
    edges = np.zeros(smooth.shape, np.bool_)
    for label, place in enumerate(ndimage.find_objects(labels), start=1):
        ridge = labels[place] == label
        peak = (gradient[place][ridge].max() - centre) / spread
        extent = max(ridge.shape) / _BINS_PER_DIAMETER
        sides = [part.start == 0 or part.stop == n for part, n in zip(place, smooth.shape, strict=True)]
        long = peak >= _EDGE_PEAK and extent >= _EDGE_DIAMETERS
        if long or (all(sides) and peak >= _CORNER_PEAK and extent >= _CORNER_DIAMETERS):
            edges[place] |= ridge
    return edges
