"""Crops of particles, each centred on its pick, to look at side by side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.imaging.display import DisplayImage

_SMOOTHING = 0.04  # of the crop's half side: noise finer than this hides the particle in a small picture
_PERCENTILES = (0.5, 99.5)


def particle_crops(
    display: DisplayImage, yx_px: NDArray[np.float64], box_px: float, size: int
) -> NDArray[np.uint8]:
    """Cut a crop around every centre.

    Parameters
    ----------
    display : DisplayImage
        The micrograph as it is displayed.
    yx_px : ndarray, shape (N, 2)
        Centres (row, column), micrograph pixels.
    box_px : float
        Side of the crops, micrograph pixels.
    size : int
        Side of the crops as they are returned, S.

    Returns
    -------
    ndarray of uint8, shape (N, S, S)
        Smoothed and spread over the grey levels together; what lies outside of the micrograph has its
        mean grey level.
    """
    centres = display.to_display(np.asarray(yx_px, np.float64).reshape(-1, 2))
    # Centres of the crop's pixels, seen from the crop's centre, in pixels of the copy.
    steps = (np.arange(size) - (size - 1) / 2) * (box_px / size / display.scale[0])
    rows = centres[:, 0, None, None] + steps[None, :, None]  # (N, S, 1)
    cols = centres[:, 1, None, None] + steps[None, None, :]  # (N, 1, S)
    places = np.stack(np.broadcast_arrays(rows, cols))  # (2, N, S, S)
    image = ndimage.gaussian_filter(display.image.astype(np.float32), _SMOOTHING * steps[-1])
    crops = ndimage.map_coordinates(image, places, order=1, mode="constant", cval=float(image.mean()))
    return _stretched(crops)


def _stretched(crops: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Spread the grey levels of all crops together, so that they can be compared."""
    if not crops.size:
        return np.zeros(crops.shape, np.uint8)
    low, high = np.percentile(crops, _PERCENTILES)
    return np.asarray(np.clip((crops - low) * (255 / max(high - low, 1e-6)), 0, 255), np.uint8)
