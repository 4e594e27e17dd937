"""Whitening: equal power at all frequencies, so that raw, low-passed and denoised images look alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.imaging.rescale import DIAMETER_WPX

_RING_WIDTH = 2.0  # in steps of the longer side's transform
_SMOOTHING_RINGS = 2.0


def radial_power(
    spectrum: NDArray[np.complex64], shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
    """Smoothed radial profile of a real image's power spectrum.

    Rings are averaged over the logarithm: single strong spots (ice crystals, the axes' streaks) weigh
    no more there than in a median.

    Parameters
    ----------
    spectrum : ndarray of complex64, shape (H, W // 2 + 1)
        The image's `rfft2`.
    shape : (int, int)
        Shape (H, W) of the image.

    Returns
    -------
    radius : ndarray of float32, shape (H, W // 2 + 1)
        Frequency of each coefficient, cycles per pixel: circular on non-square images too.
    frequency : ndarray of float32, shape (R,)
        Frequency of each ring, cycles per pixel.
    power : ndarray of float64, shape (R,)
        Power in each ring, floored at a millionth of the strongest.
    """
    rows = fft.fftfreq(shape[0]).astype(np.float32)
    cols = fft.rfftfreq(shape[1]).astype(np.float32)
    radius = np.hypot(rows[:, None], cols[None, :])
    step = np.float32(_RING_WIDTH / max(shape))
    ring = (radius / step).astype(np.intp)
    power = spectrum.real**2 + spectrum.imag**2
    power[0, 0] = 0
    strongest = float(power.max())
    log_power = np.log(np.maximum(power, np.float32(max(strongest * 1e-12, 1e-30))))
    count = np.bincount(ring.ravel())
    total = np.bincount(ring.ravel(), log_power.ravel())
    filled = np.flatnonzero(count)
    profile = ndimage.gaussian_filter1d(total[filled] / count[filled], _SMOOTHING_RINGS, mode="nearest")
    profile = np.maximum(np.exp(profile), np.exp(profile.max()) * 1e-6)
    return radius, ((filled + 0.5) * step).astype(np.float32), profile


def whiten(
    image_w: NDArray[np.float32], strength: float = 1.0, max_gain: float = 10.0
) -> NDArray[np.float32]:
    """Flatten the radially averaged power spectrum of an image at the working scale.

    Parameters
    ----------
    image_w : ndarray of float32, shape (H, W)
        Image at the working scale, best flattened first.
    strength : float
        0 leaves the image as it is, 1 makes the spectrum flat; the gain is raised to this power.
    max_gain : float
        No frequency is amplified more than this, compared with those of the particle's size and beyond:
        bands that a denoiser emptied hold nothing worth amplifying.

    Returns
    -------
    ndarray of float32, shape (H, W)
        The mean is kept; normalise afterwards.

    Raises
    ------
    ParameterError
        If `strength` is not within 0..1 or `max_gain` is under 1.
    """
    if not (0 <= strength <= 1 and max_gain >= 1):
        raise ParameterError(f"cannot whiten with strength {strength} and a largest gain of {max_gain}")
    if strength == 0 or min(image_w.shape) < 2:
        return image_w.copy()
    rows, cols = image_w.shape
    spectrum = fft.rfft2(np.asarray(image_w, np.float32), workers=2)
    radius, frequency, power = radial_power(spectrum, (rows, cols))
    low = frequency <= max(1 / DIAMETER_WPX, float(frequency[0]))
    reference = float(np.median(power[low]))
    gain = np.minimum((reference / power) ** (strength / 2), max_gain)
    dc = spectrum[0, 0]
    spectrum *= np.interp(radius, frequency, gain).astype(np.float32)
    spectrum[0, 0] = dc
    white: NDArray[np.float32] = fft.irfft2(spectrum, s=(rows, cols), workers=2)
    return white
