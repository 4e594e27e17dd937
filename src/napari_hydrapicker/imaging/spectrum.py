"""The power spectrum of an image's background, and what is made with it: whitening, and noise that fits in.

It is measured on tiles of the usable area (Welch 1967), over the logarithm: neither a strong crystal in one
place nor a strong spot at one frequency bends it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.imaging.rescale import DIAMETER_WPX

TILE_WPX = 64
_MOST_TILES = 300
_USABLE = 0.95  # least usable share of a tile
_FEWEST_TILES = 4
_SMOOTHING_RINGS = 0.7
_LEAST_POWER = 1e-6  # of the strongest
_DC = 1e-30


@dataclass(frozen=True, eq=False)
class BackgroundSpectrum:
    """Radially averaged power of an image's background.

    Attributes
    ----------
    frequency : ndarray of float64, shape (R,)
        Of each ring, cycles per working pixel, rising.
    power : ndarray of float64, shape (R,)
        In units of the image squared: 1 everywhere for white noise of variance 1, up to a factor common to
        all rings.
    """

    frequency: NDArray[np.float64]
    power: NDArray[np.float64]

    def amplitude(self, shape: tuple[int, int], exponent: float = 1.0) -> NDArray[np.float32]:
        """Square root of the power, to an exponent, at each coefficient of an `rfft2`: (H, W // 2 + 1)."""
        values = self.power ** (exponent / 2)
        return np.interp(_radius(shape), self.frequency, values).astype(np.float32)

    def noise(self, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
        """Gaussian noise with this spectrum, mean 0 and standard deviation 1, shape (H, W)."""
        spectrum = fft.rfft2(rng.standard_normal(shape, np.float32), workers=_workers(shape))
        spectrum *= self.amplitude(shape)
        spectrum[0, 0] = 0
        noise: NDArray[np.float32] = fft.irfft2(spectrum, s=shape, workers=_workers(shape))
        spread = float(noise.std())
        return noise / np.float32(spread) if spread > 0 else noise


def background_spectrum(
    image_w: NDArray[np.float32], mask: NDArray[np.bool_] | None = None
) -> BackgroundSpectrum:
    """Measure the power spectrum of the usable part of an image.

    Parameters
    ----------
    image_w : ndarray of float32, shape (H, W)
        Image at the working scale, best flattened first.
    mask : ndarray of bool, shape (H, W), optional
        True where a pixel is usable. Where hardly any tile is usable the best ones count.
    """
    side = max(2, min(TILE_WPX, *image_w.shape) // 2 * 2)
    window = np.outer(*(np.hanning(side + 2)[1:-1],) * 2).astype(np.float32)
    tiles = _tiles(image_w, mask, side) * window
    spectra = fft.rfft2(tiles, workers=1)
    power = (spectra.real**2 + spectra.imag**2) / float((window**2).sum())  # (T, side, side // 2 + 1)
    logs = np.log(np.maximum(power, np.float32(max(float(power.max()) * 1e-12, _DC)))).mean(axis=0)
    ring = np.rint(_radius((side, side)) * side).astype(np.intp)
    count, total = np.bincount(ring.ravel()), np.bincount(ring.ravel(), logs.ravel())
    # Ring 0 is the mean, which was taken away; the corners beyond 0.5 belong to the outermost ring.
    rings = np.arange(1, len(count))
    profile = ndimage.gaussian_filter1d(total[rings] / count[rings], _SMOOTHING_RINGS, mode="nearest")
    profile = np.maximum(np.exp(profile), np.exp(profile.max()) * _LEAST_POWER)
    return BackgroundSpectrum(rings / side, np.asarray(profile, np.float64))


def whiten(
    image_w: NDArray[np.float32],
    strength: float = 1.0,
    max_gain: float = 10.0,
    mask: NDArray[np.bool_] | None = None,
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
    mask : ndarray of bool, shape (H, W), optional
        True where a pixel is usable: the spectrum is that of these pixels.

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
    found = background_spectrum(image_w, mask)
    low = found.frequency <= max(1 / DIAMETER_WPX, float(found.frequency[0]))
    reference = float(np.median(found.power[low]))
    gain = np.minimum((reference / found.power) ** (strength / 2), max_gain)
    spectrum = fft.rfft2(np.asarray(image_w, np.float32), workers=_workers((rows, cols)))
    dc = spectrum[0, 0]
    spectrum *= np.interp(_radius((rows, cols)), found.frequency, gain).astype(np.float32)
    spectrum[0, 0] = dc
    white: NDArray[np.float32] = fft.irfft2(spectrum, s=(rows, cols), workers=_workers((rows, cols)))
    return white


def fill_with_background(
    image_w: NDArray[np.float32], mask: NDArray[np.bool_], seed: int = 0
) -> NDArray[np.float32]:
    """Put noise like the background's in the place of unusable pixels.

    Parameters
    ----------
    image_w : ndarray of float32, shape (H, W)
        Flattened and normalised: background at mean 0 and standard deviation 1.
    mask : ndarray of bool, shape (H, W)
        True where a pixel is usable; nothing is done where all or none are.
    seed : int
        The same seed gives the same noise.
    """
    if mask.all() or not mask.any():
        return image_w
    rows, cols = image_w.shape
    noise = background_spectrum(image_w, mask).noise((rows, cols), np.random.default_rng(seed))
    return np.where(mask, image_w, noise)


def _radius(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Frequency of each coefficient of an `rfft2`, cycles per pixel: circular on non-square images too."""
    rows, cols = fft.fftfreq(shape[0]).astype(np.float32), fft.rfftfreq(shape[1]).astype(np.float32)
    return np.asarray(np.hypot(rows[:, None], cols[None, :]), np.float32)


def _tiles(image_w: NDArray[np.float32], mask: NDArray[np.bool_] | None, side: int) -> NDArray[np.float32]:
    """Usable tiles (T, side, side) that overlap by half, each of mean 0; unusable pixels are 0."""
    corners = [
        (int(row), int(col))
        for row in np.arange(0, image_w.shape[0] - side + 1, side // 2)
        for col in np.arange(0, image_w.shape[1] - side + 1, side // 2)
    ]
    if mask is not None:
        usable = np.array([mask[r : r + side, c : c + side].mean() for r, c in corners])
        good = np.flatnonzero(usable >= _USABLE)
        if len(good) < _FEWEST_TILES:
            good = np.argsort(-usable, kind="stable")[:_FEWEST_TILES]
        corners = [corners[i] for i in good]
    chosen = [
        corners[i] for i in np.unique(np.linspace(0, len(corners) - 1, _MOST_TILES).round().astype(int))
    ]
    tiles = np.stack([image_w[r : r + side, c : c + side] for r, c in chosen])
    if mask is None or mask.all():
        return np.asarray(tiles - tiles.mean(axis=(1, 2), keepdims=True), np.float32)
    weight = np.stack([mask[r : r + side, c : c + side] for r, c in chosen])
    counted = np.maximum(weight.sum(axis=(1, 2), keepdims=True), 1)
    mean = np.where(weight, tiles, 0).sum(axis=(1, 2), keepdims=True, dtype=np.float64) / counted
    return np.where(weight, tiles - mean, 0).astype(np.float32)


def _workers(shape: tuple[int, int]) -> int:
    """Threads for a transform: on a small image a second one costs more than it brings."""
    return 2 if shape[0] * shape[1] > 2**19 else 1
