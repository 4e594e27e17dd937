"""The last step before the network, shared by training and picking."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.imaging.normalise import normalise
from napari_hydrapicker.imaging.whiten import whiten


def network_input(
    image_w: NDArray[np.float32], mask: NDArray[np.bool_] | None, whiten_strength: float
) -> NDArray[np.float32]:
    """Whiten a normalised working image (H, W) and normalise it again; strength 0 leaves it as it is."""
    if whiten_strength == 0:
        return image_w
    return normalise(whiten(image_w, whiten_strength), mask)
