"""Where a micrograph can hold particles: no blank strips, no padding, no carbon film, no bad ice.

Everything is decided on a copy binned to a fifth of a particle's diameter, and conservatively: what
might be ice with particles stays usable. Particles and carbon are taken to be dark.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.imaging.carbon import carbon_film
from napari_hydrapicker.imaging.ice import crystalline_ice, thick_ice, tile_level
from napari_hydrapicker.imaging.rescale import DIAMETER_WPX
from napari_hydrapicker.imaging.tiles import TILES_PER_DIAMETER, Mask, tile_statistics

_FLAT = 0.35  # a strip's variation across, relative to the interior's
_ALONG = 80  # percent of a strip's length that repeat
_BLANK = 0.1  # a blank patch's local deviation, relative to the median one


def usable_mask(image_w: NDArray[np.float32], diameter_wpx: float = DIAMETER_WPX) -> Mask:
    """Find the part of a micrograph that can hold particles.

    Left out are strips along the sides that repeat one row or column, blank patches (zero padding),
    the carbon film where an edge of several diameters sets it off from brighter ice, and thick or
    crystalline ice of at least about two diameters within ice that is neither.

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
    size = max(1, round(diameter_wpx / TILES_PER_DIAMETER))
    if min(image_w.shape) < 4 * TILES_PER_DIAMETER * size:
        return np.ones(image_w.shape, np.bool_)
    binned, deviation = tile_statistics(image_w, size)
    usable = ~_blank_patches(deviation)
    top, bottom = _strips(binned)
    left, right = _strips(binned.T)
    inner = (slice(top, binned.shape[0] - bottom), slice(left, binned.shape[1] - right))
    usable[inner] &= ~carbon_film(binned[inner], usable[inner])
    usable[inner] &= ~_bad_ice(binned[inner], usable[inner])
    usable[:top], usable[usable.shape[0] - bottom :] = False, False
    usable[:, :left], usable[:, usable.shape[1] - right :] = False, False
    # Pixels left over by the binning follow their last whole neighbour.
    rows, cols = (
        np.minimum(np.arange(n) // size, tiles - 1)
        for n, tiles in zip(image_w.shape, usable.shape, strict=True)
    )
    return usable[np.ix_(rows, cols)]


def _bad_ice(binned: NDArray[np.float32], usable: Mask) -> Mask:
    """Tiles on thick or crystalline ice; none where most of the micrograph is not ice at all."""
    if min(binned.shape) < 6 * TILES_PER_DIAMETER or usable.mean() < 0.5:
        return np.zeros(binned.shape, np.bool_)
    level = tile_level(binned, usable)
    return thick_ice(level, usable) | crystalline_ice(level)


def _strips(binned: NDArray[np.float32]) -> tuple[int, int]:
    """Count the leading and trailing rows of tiles that repeat one another.

    A row's change to the next is compared with the usual change, along nearly all of it: a corner that the
    beam does not reach is no strip. The outermost tiles may differ: resampling rings there. One tile more is
    taken, because the strip may end within it.
    """
    change = np.percentile(np.abs(np.diff(binned, axis=0)), _ALONG, axis=1)
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
    opened: Mask = ndimage.binary_opening(blank, iterations=TILES_PER_DIAMETER // 2)
    # The filter sees noise one tile before the patch ends, and resampling rings beyond it.
    grown: Mask = ndimage.binary_dilation(opened, iterations=2) if opened.any() else opened
    return grown
