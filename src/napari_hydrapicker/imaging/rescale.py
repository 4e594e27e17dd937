"""Rescaling micrographs to the working scale, where every particle is 21 pixels across."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.micrograph import Micrograph

DIAMETER_WPX = 21
"""Particle diameter at the working scale, in working pixels."""

DOUBTFUL_DIAMETER_PX = 12
"""Of a smaller particle nothing is left to see: its diameter was probably given in nanometre."""

_DOUBTFUL_FACTOR = 1.5  # between two pixel sizes: calibrations differ by a few percent, binnings by a factor

MAX_WORKING_PIXELS = 2**27
_MIN_DIAMETER_PX = 3.0
_BLOCK_BYTES = 2**21
_WORKERS = max(1, min(4, os.cpu_count() or 1))

Shape = tuple[int, int]
BlockFilter = Callable[[NDArray[Any]], NDArray[np.float32]]


def working_shape(shape: Shape, pixel_size_angstrom: float, diameter_angstrom: float) -> Shape:
    """Shape of a micrograph at the working scale.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the micrograph, in micrograph pixels.
    pixel_size_angstrom : float
        Micrograph pixel size, Angstrom.
    diameter_angstrom : float
        The particle's long diameter, Angstrom; it becomes `DIAMETER_WPX` working pixels.

    Returns
    -------
    (int, int)
        Rows and columns in working pixels, each at least 1. Larger than `shape` when the particle is
        less than 21 micrograph pixels across.

    Raises
    ------
    ParameterError
        If a length is not positive and finite, or the two contradict each other.
    """
    for name, value in (("pixel size", pixel_size_angstrom), ("diameter", diameter_angstrom)):
        if not (math.isfinite(value) and value > 0):
            raise ParameterError(f"the {name} must be a positive number of Angstrom, not {value}")
    diameter_px = diameter_angstrom / pixel_size_angstrom
    if diameter_px < _MIN_DIAMETER_PX:
        raise ParameterError(
            f"a particle of {diameter_angstrom:g} A is only {diameter_px:.2g} pixels across at "
            f"{pixel_size_angstrom:g} A per pixel: check the diameter and the pixel size (both in Angstrom)"
        )
    rows, cols = (max(1, round(n * DIAMETER_WPX / diameter_px)) for n in shape)
    if rows * cols > MAX_WORKING_PIXELS:
        raise ParameterError(
            f"a micrograph of {shape[0]} x {shape[1]} pixels would become {rows} x {cols} working pixels: "
            f"check the diameter ({diameter_angstrom:g} A) and the pixel size ({pixel_size_angstrom:g} A)"
        )
    return rows, cols


def rescale(
    image: NDArray[Any], shape_wpx: Shape, block_filter: BlockFilter | None = None
) -> NDArray[np.float32]:
    """Resample an image by cropping or zero-padding its Fourier transform.

    Only the columns and rows that are kept are ever transformed along the second axis, and the rows are
    read in blocks that stay in the cache.

    Parameters
    ----------
    image : ndarray, shape (H, W)
        Finite real numbers of any type.
    shape_wpx : (int, int)
        Shape of the result.
    block_filter : callable, optional
        Applied to each block of whole rows as it is read (see `normalise.Cleaner`), to spare a second
        pass over a large image. Returns a float32 array of the same shape.

    Returns
    -------
    ndarray of float32, shape `shape_wpx`
        The image's mean is kept; sample (0, 0) stays where it is.
    """
    (rows, cols), (rows_w, cols_w) = image.shape, shape_wpx
    if min(rows, cols, rows_w, cols_w) < 1:
        raise ParameterError(f"cannot rescale an image of shape {image.shape} to {shape_wpx}")
    spectrum = _low_columns(image, min(cols, cols_w) // 2 + 1, block_filter)  # (H, kept columns)
    if rows != rows_w:
        spectrum = fft.fft(spectrum, axis=0, workers=_WORKERS, overwrite_x=True)
        spectrum = fft.ifft(_resize_rows(spectrum, rows_w), axis=0, workers=_WORKERS, overwrite_x=True)
        spectrum *= np.float32(rows_w / rows)
    # A Nyquist column stands for two frequencies in the larger transform and for one in the smaller.
    kept = min(cols, cols_w)
    if cols != cols_w and kept % 2 == 0:
        spectrum[:, kept // 2] *= np.float32(2.0 if cols_w < cols else 0.5)
    spectrum *= np.float32(cols_w / cols)
    result: NDArray[np.float32] = fft.irfft(spectrum, n=cols_w, axis=1, workers=_WORKERS, overwrite_x=True)
    return result


def _low_columns(image: NDArray[Any], n_kept: int, block_filter: BlockFilter | None) -> NDArray[np.complex64]:
    """Transform each row and keep its `n_kept` lowest frequencies: (H, W) -> (H, n_kept)."""
    rows, cols = image.shape
    low = np.empty((rows, n_kept), np.complex64)
    step = max(1, _BLOCK_BYTES // (4 * cols))

    def transform(start: int) -> None:
        part = image[start : start + step]
        block = np.asarray(part, np.float32) if block_filter is None else block_filter(part)
        low[start : start + step] = fft.rfft(block, axis=1)[:, :n_kept]

    starts = range(0, rows, step)
    if len(starts) == 1:
        transform(0)
    else:
        with ThreadPoolExecutor(_WORKERS) as pool:
            for _ in pool.map(transform, starts):
                pass
    return low


def _resize_rows(spectrum: NDArray[np.complex64], rows_w: int) -> NDArray[np.complex64]:
    """Crop or zero-pad the frequencies along axis 0 of a full transform, in FFT order."""
    rows = len(spectrum)
    kept = min(rows, rows_w)
    n_positive, n_negative = (kept + 1) // 2, (kept - 1) // 2
    resized = np.zeros((rows_w, spectrum.shape[1]), np.complex64)
    resized[:n_positive] = spectrum[:n_positive]
    if n_negative:
        resized[-n_negative:] = spectrum[-n_negative:]
    if kept % 2 == 0:
        half = kept // 2
        if rows_w < rows:
            resized[half] = spectrum[half] + spectrum[-half]
        else:
            resized[half] = resized[-half] = spectrum[half] / 2
    return resized


def _factors(shape_px: Shape, shape_wpx: Shape) -> NDArray[np.float64]:
    """Micrograph pixels per working pixel along (rows, columns)."""
    return np.asarray(shape_px, np.float64) / np.asarray(shape_wpx, np.float64)


def to_px(yx_wpx: ArrayLike, shape_px: Shape, shape_wpx: Shape) -> NDArray[np.float64]:
    """Working coordinates (N, 2) as micrograph coordinates (N, 2), both (row, column)."""
    return np.asarray(yx_wpx, np.float64).reshape(-1, 2) * _factors(shape_px, shape_wpx)


def to_wpx(yx_px: ArrayLike, shape_px: Shape, shape_wpx: Shape) -> NDArray[np.float64]:
    """Micrograph coordinates (N, 2) as working coordinates (N, 2), both (row, column)."""
    return np.asarray(yx_px, np.float64).reshape(-1, 2) / _factors(shape_px, shape_wpx)


def pixel_angstrom(micrograph: Micrograph, stated: float | None = None) -> float:
    """Pixel size of a micrograph in Angstrom: the one stated, else the file's own.

    Raises
    ------
    ParameterError
        If neither is known, or the one stated is not positive.
    """
    size = micrograph.pixel_size_angstrom if stated is None else stated
    if size is None:
        raise ParameterError(f"{micrograph.path}: {micrograph.why_no_pixel_size()}; give it in Angstrom")
    if not size > 0:
        raise ParameterError(f"a pixel size of {size:g} Angstrom: give a positive number")
    return size


def diameter_on(micrograph: Micrograph, diameter_angstrom: float, stated: float | None = None) -> float:
    """Particle diameter in pixels of a micrograph.

    Parameters
    ----------
    micrograph
        The micrograph.
    diameter_angstrom
        The particle's longest diameter, Angstrom.
    stated
        Pixel size in Angstrom, if the file's own shall not count.

    Raises
    ------
    ParameterError
        If no pixel size is known, or a length is not positive.
    """
    if not diameter_angstrom > 0:
        raise ParameterError(f"a diameter of {diameter_angstrom:g} Angstrom: give a positive number")
    return diameter_angstrom / pixel_angstrom(micrograph, stated)


def is_doubtful_pixel_size(known_angstrom: float | None, given_angstrom: float) -> bool:
    """Whether a pixel size is so far from what is known that it is probably that of another binning.

    What some programs write where they do not know it, 1 Angstrom, counts as unknown.
    """
    if known_angstrom is None or known_angstrom == 1:
        return False
    larger, smaller = max(known_angstrom, given_angstrom), min(known_angstrom, given_angstrom)
    return larger >= _DOUBTFUL_FACTOR * smaller
