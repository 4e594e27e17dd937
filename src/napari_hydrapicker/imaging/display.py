"""Copies of micrographs and crops of particles for the eye: small, 8-bit, filtered if wanted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.imaging.normalise import Cleaner

MAX_SIDE = 2048
_PERCENTILES = (0.2, 99.8)  # beyond these all is black or white: hot pixels would flatten the rest
_SAMPLES_PER_AXIS = 512
_SLAB_PIXELS = 2**19
_DENOISE_SIDE = 1024
_DENOISE_WEIGHT = 0.35  # of total-variation denoising, for an image of standard deviation 1
_DENOISE_SIGMA = 1.0

_SMOOTHING = 0.04  # of the crop's half side: noise finer than this hides the particle in a small picture
_CROP_PERCENTILES = (0.5, 99.5)


@dataclass(frozen=True)
class DisplayFilter:
    """What to do to a micrograph before it is looked at; lengths in Angstrom, None for off."""

    low_pass_angstrom: float | None = None
    high_pass_angstrom: float | None = None
    denoise: bool = False


@dataclass(frozen=True, eq=False)
class DisplayImage:
    """A copy for display, and where it lies.

    Attributes
    ----------
    image : ndarray of uint8, shape (h, w)
        Grey levels between robust percentiles.
    scale, translate : (float, float)
        Its pixel (i, j) is centred on ``i * scale + translate`` in micrograph pixels.
    extent_px : (int, int)
        Shape of the micrograph.
    """

    image: NDArray[np.uint8]
    scale: tuple[float, float]
    translate: tuple[float, float]
    extent_px: tuple[int, int]

    def to_display(self, yx_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Micrograph coordinates (N, 2) as coordinates in the copy (N, 2), both (row, column)."""
        return np.asarray((yx_px - np.array(self.translate)) / np.array(self.scale))


def display_image(
    pixels: NDArray[Any],
    pixel_size_angstrom: float | None = None,
    filter: DisplayFilter | None = None,
    max_side: int = MAX_SIDE,
) -> DisplayImage:
    """Make a copy of a micrograph to look at.

    Parameters
    ----------
    pixels : ndarray, shape (H, W)
        Of any number type; NaN and infinities are shown at the median.
    pixel_size_angstrom : float, optional
        Without it lengths have no meaning, and pass filters are left out.
    filter : DisplayFilter, optional
        None for the micrograph as it is.
    max_side : int
        The copy is made by averaging blocks, as small as to have no longer side than this.
    """
    wanted = filter or DisplayFilter()
    side = min(max_side, _DENOISE_SIDE) if wanted.denoise else max_side
    block = max(1, math.ceil(max(pixels.shape) / side))
    image = _block_mean(pixels, block)
    if pixel_size_angstrom is not None:
        image = _pass_band(image, pixel_size_angstrom * block, wanted)
    if wanted.denoise:
        image = _denoised(image)
    middle = (block - 1) / 2  # a block's centre, seen from its first pixel's
    rows, cols = pixels.shape
    return DisplayImage(_to_grey(image), (block, block), (middle, middle), (rows, cols))


def _block_mean(pixels: NDArray[Any], block: int) -> NDArray[np.float32]:
    """Average blocks of clean pixels: filters would make a blot of a hot one."""
    try:
        clean = Cleaner.estimate(pixels)
    except MicrographError:  # without contrast there is nothing to see, which is no error
        return np.zeros([math.ceil(n / block) for n in pixels.shape], np.float32)
    rows, cols = (math.ceil(n / block) for n in pixels.shape)
    image = np.empty((rows, cols), np.float32)
    step = max(1, _SLAB_PIXELS // (block * pixels.shape[1]))
    for start in range(0, rows, step):  # in slabs that stay in the cache
        slab = clean(pixels[start * block : (start + step) * block])
        slab = np.pad(slab, ((0, -len(slab) % block), (0, -slab.shape[1] % block)), mode="edge")
        # (h * b, w * b) -> (h, b, w * b) -> (h, w, b); the blocks' rows first: that is contiguous
        slab = slab.reshape(-1, block, cols * block).mean(axis=1)
        image[start : start + step] = slab.reshape(-1, cols, block).mean(axis=2)
    return image


def _pass_band(
    image: NDArray[np.float32], pixel_angstrom: float, wanted: DisplayFilter
) -> NDArray[np.float32]:
    """Gaussian low- and high-pass that fall to one half at the given lengths.

    The cosine transform, unlike Fourier's, does not join opposite edges, which gradients make differ.
    """
    if not (wanted.low_pass_angstrom or wanted.high_pass_angstrom):
        return image
    square_y, square_x = ((np.arange(n) / (2 * n * pixel_angstrom)) ** 2 for n in image.shape)  # 1/A^2
    square = np.add.outer(square_y, square_x).astype(np.float32)
    gain = np.ones_like(square)
    if wanted.low_pass_angstrom:
        gain *= np.exp2(-square * np.float32(wanted.low_pass_angstrom**2))
    if wanted.high_pass_angstrom:
        gain *= 1 - np.exp2(-square * np.float32(wanted.high_pass_angstrom**2))
        image = image - _plane(image)  # mirrored at the edges it would have kinks there, which pass
    spectrum = fft.dctn(image, workers=1) * gain
    return np.asarray(fft.idctn(spectrum, workers=1, overwrite_x=True), np.float32)


def _plane(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The plane nearest to an image, by least squares."""
    y, x = (np.arange(n) - (n - 1) / 2 for n in image.shape)
    along_y, along_x = (
        line * ((line @ image.mean(axis=axis)) / max(line @ line, 1.0)) for line, axis in ((y, 1), (x, 0))
    )
    return np.asarray(np.add.outer(along_y, along_x + image.mean()), np.float32)


def _denoised(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Total-variation denoising: smooth areas, edges kept (Chambolle 2004)."""
    from skimage.restoration import denoise_tv_chambolle

    spread = float(image.std()) or 1.0
    smooth = ndimage.gaussian_filter((image - image.mean()) / spread, _DENOISE_SIGMA)
    denoised = denoise_tv_chambolle(smooth, weight=_DENOISE_WEIGHT, max_num_iter=20)  # type: ignore[no-untyped-call]
    return np.asarray(denoised, np.float32)


def _to_grey(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    steps = (max(1, size // _SAMPLES_PER_AXIS) for size in image.shape)
    low, high = np.percentile(image[tuple(slice(None, None, step) for step in steps)], _PERCENTILES)
    if high <= low:
        return np.full(image.shape, 128, np.uint8)
    return np.asarray(np.clip(np.rint((image - low) * np.float32(255 / (high - low))), 0, 255), np.uint8)


def particle_crops(
    display: DisplayImage, yx_px: NDArray[np.float64], box_px: float, size: int
) -> NDArray[np.uint8]:
    """Cut a crop around every centre.

    Parameters
    ----------
    display : DisplayImage
        The micrograph as it is displayed.
    yx_px : ndarray, shape (N, 2)
        Centres (row, column), micrograph pixels.
    box_px : float
        Side of the crops, micrograph pixels.
    size : int
        Side of the crops as they are returned, S.

    Returns
    -------
    ndarray of uint8, shape (N, S, S)
        Smoothed and spread over the grey levels together; what lies outside of the micrograph has its
        mean grey level.
    """
    centres = display.to_display(np.asarray(yx_px, np.float64).reshape(-1, 2))
    # Centres of the crop's pixels, seen from the crop's centre, in pixels of the copy.
    steps = (np.arange(size) - (size - 1) / 2) * (box_px / size / display.scale[0])
    rows = centres[:, 0, None, None] + steps[None, :, None]  # (N, S, 1)
    cols = centres[:, 1, None, None] + steps[None, None, :]  # (N, 1, S)
    places = np.stack(np.broadcast_arrays(rows, cols))  # (2, N, S, S)
    image = ndimage.gaussian_filter(display.image.astype(np.float32), _SMOOTHING * steps[-1])
    crops = ndimage.map_coordinates(image, places, order=1, mode="constant", cval=float(image.mean()))
    return _stretched(crops)


def _stretched(crops: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Spread the grey levels of all crops together, so that they can be compared."""
    if not crops.size:
        return np.zeros(crops.shape, np.uint8)
    low, high = np.percentile(crops, _CROP_PERCENTILES)
    return np.asarray(np.clip((crops - low) * (255 / max(high - low, 1e-6)), 0, 255), np.uint8)
