"""Padding with noise that looks like the background, in training and in picking alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.imaging.normalise import background_statistics


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
