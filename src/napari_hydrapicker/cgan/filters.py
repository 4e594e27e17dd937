"""What a microscope and a denoising filter do to a micrograph, done to synthetic ones.

Both act on particles and noise alike: blur takes the fine detail away, the contrast transfer function and
high-pass filters the coarse, which leaves a bright halo around dark particles. The paper's pairs have sharp
shapes without halos on noise as it is. A generator learns that difference, and the longer it is trained, the
fewer particles it finds on micrographs that have none of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.cgan.preprocess import FLOOR
from napari_hydrapicker.cgan.synthesis import Pair

Image = NDArray[np.float32]

_MOST_CORRELATED = 0.99
_NEAR_CENTRE_WPX = 9  # where the deepest pixel of a shape is
_IMAGE_MEAN, _IMAGE_STD = 0.6, 0.125  # of micrographs on the working image


@dataclass(frozen=True)
class BandPass:
    """A filter that keeps the scales between two Gaussians; lengths in working pixels.

    Attributes
    ----------
    blur_wpx : float
        Standard deviation of the Gaussian that detail is lost in.
    halo : float
        Share of what is coarser than `coarse_wpx` that is taken away; 1 leaves nothing of it.
    coarse_wpx : float
        Standard deviation of the Gaussian that remains of the coarse.
    """

    blur_wpx: float
    halo: float
    coarse_wpx: float

    def __call__(self, image: Image) -> Image:
        """Filter deviations from a background, ``(H, W)``."""
        fine = ndimage.gaussian_filter(image, self.blur_wpx)
        coarse = ndimage.gaussian_filter(fine, self.coarse_wpx)
        return np.asarray(fine - np.float32(self.halo) * coarse, np.float32)


def blur_of(background: Image) -> float:
    """How blurred noise is: the Gaussian blur of white noise that correlates neighbouring pixels as much.

    Parameters
    ----------
    background : ndarray of float32, shape (H, W)
        At least 2 x 2.

    Returns
    -------
    float
        Standard deviation of that blur, pixels; 0 for white noise.
    """
    deviation = background - background.mean()
    variance = float((deviation**2).mean())
    if variance <= 0:
        return 0.0
    down, across = deviation[1:] * deviation[:-1], deviation[:, 1:] * deviation[:, :-1]
    correlation = float(down.mean() + across.mean()) / (2 * variance)
    # exp(-1 / (4 sigma^2)) for neighbours, of noise that a Gaussian of sigma has blurred.
    return 0.0 if correlation <= 0 else 0.5 / math.sqrt(-math.log(min(correlation, _MOST_CORRELATED)))


def filtered_background(background: Image, band: BandPass) -> Image:
    """Filter a background (H, W), and bring it back to the grey levels of a working image."""
    filtered = band(background - background.mean())
    spread = float(filtered.std())
    scale = _IMAGE_STD / spread if spread > 0 else 0.0
    levels = _IMAGE_MEAN + np.float32(scale) * (filtered - filtered.mean())
    return np.asarray(np.clip(levels, np.float32(FLOOR), np.float32(1)))


def filtered_pair(pair: Pair, background: Image, band: BandPass) -> Pair:
    """Filter the shapes of a pair, not the background that they were taken off.

    Parameters
    ----------
    pair : Pair
    background : ndarray of float32, shape (H, W)
        The background of the pair.
    band : BandPass
        What it takes of the shapes' depth is given back: to half of them their contrast or more.

    Returns
    -------
    Pair
        The same marks on the filtered image.
    """
    if not len(pair.yx):
        return pair
    filtered = band(background - pair.image)
    nearby = ndimage.maximum_filter(filtered, _NEAR_CENTRE_WPX)
    rows, cols = np.clip(np.rint(pair.yx).astype(np.intp), 0, np.array(filtered.shape) - 1).T
    scale = np.float32(np.median(pair.contrasts / np.maximum(nearby[rows, cols], 1e-3)))
    image = np.clip(background - scale * filtered, np.float32(FLOOR), np.float32(1))
    return replace(pair, image=image, truth=np.where(pair.truth == 0, np.float32(0), image))
