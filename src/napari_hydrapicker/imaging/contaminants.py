"""Wide areas far darker or brighter than the background: contamination, aggregates, crystals, holes, film
edges.

They hold no particles, and what is that strong spoils everything that is measured on an image. A particle can
be strong, too, but it is not wide: an area counts only if a disc of one and a half particle diameters fits
in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.imaging.normalise import flatten
from napari_hydrapicker.imaging.rescale import DIAMETER_WPX
from napari_hydrapicker.imaging.tiles import Mask, robust

_STEP = 4  # working pixels a tile; the low-pass is of the same width
_DARK, _BRIGHT = 7.0, 9.0  # deviations from the background, in robust standard deviations
_WIDE = 1.5  # particle diameters
_TYPICAL = 75  # percentile of the levels in an area that stands for its height
_GROWN = 2  # tiles around an area: its fringes
_ROUNDS = 2  # the background is measured anew without what was found
_MOST = 0.5  # of the usable area; more than that is the specimen itself


def contaminants(image_w: NDArray[np.float32], usable: Mask) -> Mask:
    """Find wide areas that are much darker or brighter than their surroundings.

    Parameters
    ----------
    image_w : ndarray of float32, shape (H, W)
        Image at the working scale, not flattened.
    usable : ndarray of bool, shape (H, W)
        False where a pixel does not count: blank areas, carbon.

    Returns
    -------
    ndarray of bool, shape (H, W)
        True on them and their fringes; False everywhere if they would be most of the image.
    """
    found = np.zeros(image_w.shape, np.bool_)
    if min(image_w.shape) < 4 * DIAMETER_WPX or not usable.any():
        return found
    for _ in range(_ROUNDS):
        background = usable & ~found
        if not background.any():
            return np.zeros(image_w.shape, np.bool_)
        flat = flatten(image_w, mask=background)
        flat[~usable] = 0  # whatever lies there has no say beside it
        level, seen = _levels(flat, background)
        tiles = _wide(-level, _DARK) | _wide(level, _BRIGHT)
        tiles = ndimage.binary_dilation(tiles, iterations=_GROWN) if tiles.any() else tiles
        found = _as_pixels(tiles, image_w.shape) & usable
        if not found.any() or not seen.any():
            break
    return found if found.sum() <= _MOST * usable.sum() else np.zeros(image_w.shape, np.bool_)


def _levels(flat: NDArray[np.float32], background: Mask) -> tuple[NDArray[np.float32], Mask]:
    """Low-passed tiles in robust standard deviations from the background, and which hold background."""
    rows, cols = (n // _STEP for n in flat.shape)
    weight = background.astype(np.float32)

    def tile_sums(values: NDArray[np.float32]) -> NDArray[np.float32]:
        whole = values[: rows * _STEP, : cols * _STEP].reshape(rows, _STEP, cols, _STEP)
        return np.asarray(whole.sum(axis=(1, 3), dtype=np.float32))

    counted = tile_sums(weight) > _STEP * _STEP / 2
    mean = tile_sums(flat) / np.float32(_STEP * _STEP)
    smooth: NDArray[np.float32] = ndimage.gaussian_filter(mean, 1.0, truncate=3.0)
    if not counted.any():
        return np.zeros_like(smooth), counted
    centre, spread = robust(smooth[counted])
    if spread <= 0:
        return np.zeros_like(smooth), counted
    return (smooth - np.float32(centre)) / np.float32(spread), counted


def _wide(level: NDArray[np.float32], least: float) -> Mask:
    """Areas of a map beyond a level that a wide disc fits into, at half the area's own height.

    A low-pass widens what is strong: at the level itself a particle of great contrast is as wide as a
    contaminant.
    """
    areas, _ = ndimage.label(level > least)
    found = np.zeros(level.shape, np.bool_)
    for label, place in enumerate(ndimage.find_objects(areas), start=1):
        if min(part.stop - part.start for part in place) < int(_WIDE * DIAMETER_WPX / _STEP):
            continue
        place = tuple(slice(max(0, part.start - 1), part.stop + 1) for part in place)
        area = areas[place] == label
        height = np.percentile(level[place][area], _TYPICAL)
        sides = [(part.start == 0, part.stop >= n) for part, n in zip(place, level.shape, strict=True)]
        core = _holds_disc(area & (level[place] > max(least, height / 2)), sides)
        found[place] |= area & core
    return found


def _holds_disc(area: Mask, sides: list[tuple[bool, bool]]) -> bool:
    """Whether a wide disc fits into an area, which goes on beyond an edge of the image (True in `sides`)."""
    radius = _WIDE * DIAMETER_WPX / 2 / _STEP
    reach = int(radius)
    rows, cols = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    widths = [(reach if first else 0, reach if last else 0) for first, last in sides]
    seen = np.pad(area, widths, mode="edge")
    return bool(ndimage.binary_erosion(seen, rows**2 + cols**2 <= radius**2).any())


def _as_pixels(tiles: Mask, shape: tuple[int, ...]) -> Mask:
    """Spread tiles to pixels; those left over at the lower and right edge follow their neighbours."""
    rows, cols = (np.minimum(np.arange(n) // _STEP, m - 1) for n, m in zip(shape, tiles.shape, strict=True))
    return tiles[np.ix_(rows, cols)]
