"""Micrographs seen coarsely: means and deviations of tiles a fifth of a particle's diameter wide."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
TILES_PER_DIAMETER = 5
_MAD_TO_SIGMA = 1.4826


def tile_statistics(image: NDArray[np.float32], size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation of each tile; the means are relative to the image's.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W)
    size : int
        Side of a tile in pixels; incomplete tiles at the lower and right edge are left out.

    Returns
    -------
    mean, deviation : ndarray of float32, shape (H // size, W // size)
    """
    rows, cols = image.shape[0] // size, image.shape[1] // size
    whole = image[: rows * size, : cols * size] - image.mean(dtype=np.float64).astype(np.float32)

    def tile_mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        strips = values.reshape(rows, size, -1).sum(1)
        tiles: NDArray[np.float32] = strips.reshape(rows, cols, size).sum(2)
        return tiles / np.float32(size * size)

    mean = tile_mean(whole)
    return mean, np.sqrt(np.maximum(tile_mean(whole * whole) - mean * mean, 0))


def robust(values: NDArray[Any]) -> tuple[float, float]:
    """Median and robust standard deviation, of every third value: neighbours hardly differ."""
    sample = values.ravel()[::3]
    centre = float(np.median(sample))
    return centre, _MAD_TO_SIGMA * float(np.median(np.abs(sample - centre)))


def grow(area: Mask, tiles: int) -> Mask:
    """Widen an area by a number of tiles in every direction, diagonals included."""
    grown: Mask = ndimage.maximum_filter(area, 2 * tiles + 1, mode="constant")
    return grown


def eroded(area: Mask, side: int) -> Mask:
    """Tiles about which a square of `side` tiles fits into the area; none where it would leave the image."""
    inner: Mask = ndimage.minimum_filter(area, side, mode="constant")
    return inner


def opened(area: Mask, side: int) -> Mask:
    """What squares of `side` tiles that fit into the area cover of it; `side` is odd."""
    return grow(eroded(area, side), side // 2)


def closed(area: Mask, side: int) -> Mask:
    """The area with gaps filled that no square of `side` tiles fits into; `side` is odd."""
    margin = side // 2
    gaps = opened(~np.pad(area, margin), side)
    rows, cols = area.shape
    return ~gaps[margin : margin + rows, margin : margin + cols] | area


def connected(area: Mask, core: Mask) -> Mask:
    """The parts of an area that hold tiles of a core."""
    labels, n_labels = ndimage.label(area)
    held = np.zeros(n_labels + 1, np.bool_)
    held[labels[core & area]] = True
    parts: Mask = held[labels]
    return parts
