"""The last step before the network, shared by training and picking."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.imaging.normalise import normalise
from napari_hydrapicker.imaging.spectrum import fill_with_background, whiten


def network_input(
    image_w: NDArray[np.float32], mask: NDArray[np.bool_] | None, whiten_strength: float
) -> NDArray[np.float32]:
    """Replace what is unusable by noise, whiten, and normalise again.

    Parameters
    ----------
    image_w : ndarray of float32, shape (H, W)
        Flattened and normalised image at the working scale.
    mask : ndarray of bool, shape (H, W), optional
        True where a pixel is usable: nothing else has an influence on the result.
    whiten_strength : float
        0 leaves the spectrum as it is, 1 makes it flat.
    """
    if mask is not None:
        image_w = fill_with_background(image_w, mask)
    if whiten_strength == 0:
        return image_w
    return normalise(whiten(image_w, whiten_strength, mask=mask), mask)
