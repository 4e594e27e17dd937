"""The eight flips and quarter turns of an image, which a particle's projection does not tell apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TURNS = 8
# In pairs that turn any direction into its opposite: a constant offset of the labels is not learnt from them.
BALANCED = (0, 3, 4, 7, 1, 2, 5, 6)


def turn(
    image: NDArray[np.float32], points: Sequence[NDArray[np.float64]], which: int
) -> tuple[NDArray[np.float32], list[NDArray[np.float64]]]:
    """Turn an image and the points on it.

    Parameters
    ----------
    image : ndarray, shape (H, W)
        Any rectangle.
    points : sequence of ndarray, shape (N, 2)
        Lists of centres (row, column) in pixels of the image.
    which : int
        0 to 7: bit 2 exchanges rows and columns, then bit 0 flips rows and bit 1 flips columns; 0 leaves
        everything as it is.

    Returns
    -------
    image : ndarray, shape (H, W) or (W, H)
        Contiguous.
    points : list of ndarray, shape (N, 2)
        The same centres on the turned image.
    """
    if which & 4:
        image, points = image.T, [p[:, ::-1] for p in points]
    axes = tuple(axis for axis in (0, 1) if which & (1 << axis))
    sign = np.where(np.isin((0, 1), axes), -1.0, 1.0)
    last = np.where(np.isin((0, 1), axes), np.array(image.shape) - 1.0, 0.0)
    return np.ascontiguousarray(np.flip(image, axes)), [p * sign + last for p in points]
