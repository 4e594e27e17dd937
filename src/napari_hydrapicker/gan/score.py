"""How sure a pick is: how strong its mark is, and how much its place stands out from the noise.

The strength, averaged over copies of the canvas (`gan.marking`), says how readily the generator marks it. How
far a place is darker than its surroundings is what a particle has and the noise beside it lacks; it is
measured in deviations of the same difference at other places, so that neither the micrograph's contrast nor
its filter counts. Both together become a probability by a logistic function fitted to held-out pairs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit

from napari_hydrapicker.gan.canvas import CANVAS_DIAMETER_CPX

Calibration = tuple[float, float, float]
"""Weights of strength and of the logarithm of the contrast, and what is added to their sum."""

_INNER_DIAMETERS = 0.5
_OUTER_DIAMETERS = 2.0
_MAD_TO_SIGMA = 1.4826
_LEAST_CONTRAST = 0.1


def contrast(
    image: NDArray[np.float32],
    mask: NDArray[np.bool_],
    yx: NDArray[np.float64],
    diameter_cpx: float = CANVAS_DIAMETER_CPX,
) -> NDArray[np.float64]:
    """How much darker places are than their surroundings, in deviations of the noise.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W)
        A canvas, grey levels 0..1.
    mask : ndarray of bool, shape (H, W)
        True where the noise is like that around particles.
    yx : ndarray of float64, shape (N, 2)
        Places on the canvas, (row, column); those off it take the nearest pixel.
    diameter_cpx : float
        Particle diameter, canvas pixels.

    Returns
    -------
    ndarray of float64, shape (N,)
        Mean grey level of a square two diameters wide, less that of one half a diameter wide, over the
        deviation of that difference where there is no particle; at least 0.1.
    """
    rows, cols = np.clip(np.rint(yx).astype(np.intp), 0, np.array(image.shape) - 1).T
    inner, outer = (
        ndimage.uniform_filter(image, _odd(share * diameter_cpx), mode="nearest")
        for share in (_INNER_DIAMETERS, _OUTER_DIAMETERS)
    )
    darker = outer.astype(np.float64) - inner
    usable = darker[mask] if mask.any() else darker.ravel()
    # Particles are dark: what is brighter than the median is noise.
    middle = np.median(usable)
    spread = _MAD_TO_SIGMA * float(np.median(middle - usable[usable <= middle]))
    if spread <= 0:
        return np.full(len(yx), _LEAST_CONTRAST)
    return np.asarray(np.maximum(darker[rows, cols] / spread, _LEAST_CONTRAST))


def probability(
    strength: NDArray[np.float64], contrasts: NDArray[np.float64], calibration: Calibration
) -> NDArray[np.float64]:
    """Probability that marks are particles.

    Parameters
    ----------
    strength : ndarray, shape (N,)
        Of the marks, as `localise` gives it.
    contrasts : ndarray, shape (N,)
        Of their places, see `contrast`.
    calibration : (float, float, float)

    Returns
    -------
    ndarray, shape (N,)
    """
    of_strength, of_contrast, constant = calibration
    return np.asarray(expit(of_strength * strength + of_contrast * np.log(contrasts) + constant))


def _odd(length: float) -> int:
    return 2 * round(length / 2) + 1
