"""How sure a pick is: how strong its mark is, and how dark the canvas is under it.

Nearly all marks of a trained generator are as black as one another, so that their strength alone says little.
How far a place is darker than its surroundings is what a particle has and the noise beside it lacks. The
product raises the bundled generator's average precision, on two micrographs each of EMPIAR-10017 and 10028,
from 0.38 to 0.41 and from 0.74 to 0.76.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.gan.canvas import CANVAS_DIAMETER_CPX

_INNER_DIAMETERS = 0.5
_OUTER_DIAMETERS = 2.0


def depth(
    image: NDArray[np.float32], yx: NDArray[np.float64], diameter_cpx: float = CANVAS_DIAMETER_CPX
) -> NDArray[np.float64]:
    """How much darker places are than their surroundings.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W)
        A canvas, grey levels 0..1.
    yx : ndarray of float64, shape (N, 2)
        Places on it, (row, column); those off it take the nearest pixel.
    diameter_cpx : float
        Particle diameter, canvas pixels.

    Returns
    -------
    ndarray of float64, shape (N,)
        Mean grey level of a square two diameters wide, less that of one half a diameter wide, at least 0.
    """
    rows, cols = np.clip(np.rint(yx).astype(np.intp), 0, np.array(image.shape) - 1).T
    inner, outer = (
        ndimage.uniform_filter(image, _odd(share * diameter_cpx), mode="nearest")[rows, cols]
        for share in (_INNER_DIAMETERS, _OUTER_DIAMETERS)
    )
    return np.asarray(np.maximum(outer.astype(np.float64) - inner, 0))


def score(
    image: NDArray[np.float32],
    yx: NDArray[np.float64],
    strength: NDArray[np.float64],
    diameter_cpx: float = CANVAS_DIAMETER_CPX,
) -> NDArray[np.float64]:
    """Strength of marks (N,), as `localise` gives it, times the depth of their places: (N,), 0..1.

    The other arguments as for `depth`.
    """
    return strength * depth(image, yx, diameter_cpx)


def _odd(length: float) -> int:
    return 2 * round(length / 2) + 1
