"""Whole rows and columns brighter or darker than their neighbours: dead lines, a gain that is off."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.imaging.rescale import DIAMETER_WPX
from napari_hydrapicker.imaging.tiles import Mask

_NEIGHBOURS = DIAMETER_WPX  # lines that a line is compared with
_LEAST_LINES = 4 * DIAMETER_WPX  # a shorter line says too little
_ALIKE = 0.5  # correlation between the levels of the lines' two halves from which on they are stripes
_SHARP = 0.5  # least change from line to line of what they share: 2 of noise, 0.2 of rows of particles


def without_stripes(image_w: NDArray[np.float32], mask: Mask) -> NDArray[np.float32]:
    """Take stripes along rows and columns out of a flat image; one without stripes is returned as it is.

    A stripe goes from side to side, so that two halves of each line, of alternating pieces two particles
    long, agree on how bright it is. Noise, particles and dirt differ between the halves. It is at most a few
    lines wide, unlike a row of regularly packed particles.

    Parameters
    ----------
    image_w : ndarray of float32, shape (H, W)
        Image at the working scale.
    mask : ndarray of bool, shape (H, W)
        True where a pixel is usable; the others do not count.

    Returns
    -------
    ndarray of float32, shape (H, W)
    """
    if min(image_w.shape) < _LEAST_LINES or not mask.any():
        return image_w
    counted = image_w if mask.all() else np.where(mask, image_w, np.float32(np.nan))
    rows = _stripes(counted)
    columns = _stripes(counted.T)
    if rows is not None:
        image_w = image_w - rows[:, None]
    return image_w if columns is None else image_w - columns[None, :]


def _stripes(lines: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """How much brighter each line (row) is than its neighbours; None if that is but noise."""
    second = np.arange(lines.shape[1]) // (2 * DIAMETER_WPX) % 2 == 1
    halves = [_beside_neighbours(lines[:, chosen]) for chosen in (second, ~second)]
    spread, shared = halves[0].std() * halves[1].std(), (halves[0] * halves[1]).mean()
    if not spread > 0 or shared < _ALIKE * spread:
        return None
    if (np.diff(halves[0]) * np.diff(halves[1])).mean() < _SHARP * shared:
        return None
    return _beside_neighbours(lines)


def _beside_neighbours(lines: NDArray[np.float32]) -> NDArray[np.float32]:
    whole = not np.isnan(lines).any()
    counted = np.isfinite(lines).any(axis=1)
    level = np.zeros(len(lines), np.float32)
    level[counted] = np.median(lines, axis=1) if whole else np.nanmedian(lines[counted], axis=1)
    beside: NDArray[np.float32] = level - ndimage.median_filter(level, _NEIGHBOURS, mode="reflect")
    beside[~counted] = 0
    return beside
