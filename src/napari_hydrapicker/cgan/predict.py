"""Marking a working image with a generator, and how sure the marks are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit

from napari_hydrapicker.cgan.networks import Generator
from napari_hydrapicker.cgan.preprocess import CGAN_DIAMETER_WPX, FLOOR

ONCE = (0.0,)
"""The working image as it is, alone: the paper's way."""

DARKENED = (0.0, 0.15)
"""How much darker the copies are, grey levels of 0..1."""

Calibration = tuple[float, float, float]
"""Weights of strength and of the logarithm of the contrast, and what is added to their sum."""
_INNER_DIAMETERS = 0.5
_OUTER_DIAMETERS = 2.0
_MAD_TO_SIGMA = 1.4826
_LEAST_CONTRAST = 0.1


def predict_masks(
    generator: Generator, image: NDArray[np.float32], darker: Sequence[float] = DARKENED
) -> NDArray[np.float32]:
    """Mark a working image.

    Parameters
    ----------
    generator : Generator
        In evaluation mode; it computes on the device that it is on.
    image : ndarray of float32, shape (H, W)
        Grey levels of a working image.
    darker : sequence of float
        For each copy what is subtracted from the grey levels; none goes below `preprocess.FLOOR`.

    Returns
    -------
    ndarray of float32, shape (H, W)
        The image times the share of brightness that the generator leaves, averaged over the copies. With
        `ONCE` the generator's output, except where that is above the image or below 0.
    """
    device = next(generator.parameters()).device
    left = np.zeros(image.shape, np.float32)
    for less in darker:
        copy = np.maximum(image - np.float32(less), np.minimum(image, np.float32(FLOOR)))
        with torch.inference_mode():
            output = generator(torch.from_numpy(copy)[None, None].to(device))[0, 0].cpu().numpy()  # (H, W)
        # Where there is no light at all, nothing can be taken away.
        left += np.clip(np.divide(output, copy, out=np.ones_like(copy), where=copy > 0), 0, 1)
    return np.asarray(image * (left / len(darker)), np.float32)


def contrast(
    image: NDArray[np.float32],
    mask: NDArray[np.bool_],
    yx: NDArray[np.float64],
    diameter_wpx: float = CGAN_DIAMETER_WPX,
) -> NDArray[np.float64]:
    """How much darker places are than their surroundings, in deviations of the noise.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W)
        A working image, grey levels 0..1.
    mask : ndarray of bool, shape (H, W)
        True where the noise is like that around particles.
    yx : ndarray of float64, shape (N, 2)
        Places on the working image, (row, column); those off it take the nearest pixel.
    diameter_wpx : float
        Particle diameter, working pixels.

    Returns
    -------
    ndarray of float64, shape (N,)
        Mean grey level of a square two diameters wide, less that of one half a diameter wide, over the
        deviation of that difference where there is no particle; at least 0.1.
    """
    rows, cols = np.clip(np.rint(yx).astype(np.intp), 0, np.array(image.shape) - 1).T
    inner, outer = (
        ndimage.uniform_filter(image, _odd(share * diameter_wpx), mode="nearest")
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
