"""Brightness of a micrograph's tiles against a smooth background: what patches of bad ice stand out from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.imaging.tiles import Mask, robust

_TREND_STEP, _TREND_ROUNDS = 4, 6
_OUTLIER = 2.0  # residual that halves the root of a tile's weight, in robust deviations


def tile_level(binned: NDArray[np.float32], usable: Mask) -> NDArray[np.float32]:
    """Compare each tile, lightly smoothed, with the quadratic surface that most of the map follows.

    Parameters
    ----------
    binned : ndarray of float32, shape (rows, cols)
        Mean brightness of tiles.
    usable : ndarray of bool, shape (rows, cols)
        Tiles that count: at least one, and one on the grid of every fourth row and column.

    Returns
    -------
    ndarray of float32, shape (rows, cols)
        In robust standard deviations, median about 0; 0 where not usable.
    """
    filled = np.where(usable, binned, np.float32(robust(binned[usable])[0]))
    smooth: NDArray[np.float32] = ndimage.gaussian_filter(filled, 1.0, truncate=3.0)
    smooth -= _trend(smooth, usable)
    centre, spread = robust(smooth[usable])
    if spread <= 0:
        return np.zeros_like(smooth)
    smooth -= np.float32(centre)
    smooth *= np.float32(1 / spread)
    smooth[~usable] = 0
    return smooth


def _trend(smooth: NDArray[np.float32], usable: Mask) -> NDArray[np.float32]:
    """Quadratic surface through most of a map, by repeatedly reweighted least squares on a coarse grid."""
    terms = [_powers(n) for n in smooth.shape]
    grid = (slice(None, None, _TREND_STEP),) * 2
    down, across = (part[:, ::_TREND_STEP] for part in terms)
    kept = usable[grid]
    powers = [(i, j) for i in range(3) for j in range(3 - i)]
    design = np.stack([np.outer(down[i], across[j])[kept] for i, j in powers])  # (6, N)
    values = smooth[grid][kept].astype(np.float64)
    weight = np.ones(len(values))
    coefficients = np.zeros((3, 3))
    for _ in range(_TREND_ROUNDS):
        weighted = design * weight
        solution = np.linalg.lstsq(weighted @ design.T, weighted @ values, rcond=None)[0]
        residual = np.abs(values - solution @ design)
        coefficients[tuple(zip(*powers, strict=True))] = solution
        scale = _OUTLIER * 1.4826 * robust(residual)[0]
        if scale <= 0:
            break
        weight = (1 + (residual / scale) ** 2) ** -2.0
    surface: NDArray[np.float32] = (terms[0].T @ coefficients @ terms[1]).astype(np.float32)
    return surface


def _powers(n: int) -> NDArray[np.float64]:
    """Powers 0, 1, 2 of a coordinate that runs from -1 to 1: shape (3, n)."""
    return np.linspace(-1, 1, n) ** np.arange(3)[:, None]
