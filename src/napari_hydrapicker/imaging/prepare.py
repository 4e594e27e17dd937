"""From a micrograph on disk to the image the pickers see: clean, rescaled, flat and normalised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_hydrapicker.errors import MicrographError, ParameterError
from napari_hydrapicker.imaging.contaminants import contaminants
from napari_hydrapicker.imaging.masks import usable_mask
from napari_hydrapicker.imaging.normalise import Cleaner, flatten, normalise
from napari_hydrapicker.imaging.rescale import pixel_angstrom, rescale, to_px, to_wpx, working_shape
from napari_hydrapicker.imaging.spectrum import fill_with_background, whiten
from napari_hydrapicker.imaging.stripes import without_stripes
from napari_hydrapicker.io.micrograph import Micrograph


@dataclass(frozen=True, eq=False)
class Prepared:
    """A micrograph at the working scale.

    Attributes
    ----------
    image : ndarray of float32, shape (H, W)
        Background at mean 0 and standard deviation 1, clipped at 6; working pixels.
    mask : ndarray of bool, shape (H, W)
        True where particles can be.
    shape_px : (int, int)
        Shape of the micrograph.
    pixel_size_angstrom : float
        Pixel size of the micrograph.
    """

    image: NDArray[np.float32]
    mask: NDArray[np.bool_]
    shape_px: tuple[int, int]
    pixel_size_angstrom: float

    @property
    def shape_wpx(self) -> tuple[int, int]:
        """Shape of the working image."""
        rows, cols = self.image.shape
        return rows, cols

    def to_px(self, yx_wpx: ArrayLike) -> NDArray[np.float64]:
        """Working coordinates (N, 2) as micrograph coordinates (N, 2), both (row, column)."""
        return to_px(yx_wpx, self.shape_px, self.shape_wpx)

    def to_wpx(self, yx_px: ArrayLike) -> NDArray[np.float64]:
        """Micrograph coordinates (N, 2) as working coordinates (N, 2), both (row, column)."""
        return to_wpx(yx_px, self.shape_px, self.shape_wpx)


def prepare(
    micrograph: Micrograph,
    diameter_angstrom: float,
    pixel_size_angstrom: float | None = None,
    use_mask: bool = True,
    light: bool = False,
) -> Prepared:
    """Read a micrograph and bring it to the working scale.

    Parameters
    ----------
    micrograph : Micrograph
        What to read.
    diameter_angstrom : float
        The particle's long diameter, Angstrom.
    pixel_size_angstrom : float, optional
        Takes precedence over the micrograph's own pixel size.
    use_mask : bool
        Whether to leave out unusable areas: those that the user has painted (`Micrograph.mask`), or else
        those that are found (`masks.usable_mask`). Without, the mask is True everywhere.
    light : bool
        Particles are light on dark: the contrast is turned over.

    Raises
    ------
    MicrographError
        If the micrograph cannot be read or has no contrast.
    ParameterError
        If no pixel size is known, or the diameter does not fit to it.
    """
    pixel_size = pixel_angstrom(micrograph, pixel_size_angstrom)
    try:
        shape_wpx = working_shape(micrograph.shape, pixel_size, diameter_angstrom)
        _check_room(micrograph.shape, pixel_size, diameter_angstrom)
        usable = None if micrograph.mask is None else micrograph.mask.usable_on(shape_wpx)
        image, mask = prepare_pixels(micrograph.pixels(), shape_wpx, use_mask, light, usable)
    except (MicrographError, ParameterError) as error:
        if str(micrograph.path) in str(error):
            raise
        raise type(error)(f"{micrograph.path}: {error}") from error
    return Prepared(image, mask, micrograph.shape, float(pixel_size))


def _check_room(shape: tuple[int, int], pixel_size_angstrom: float, diameter_angstrom: float) -> None:
    diameter_px = diameter_angstrom / pixel_size_angstrom
    if diameter_px > max(shape):
        raise ParameterError(
            f"a particle of {diameter_angstrom:g} A is {diameter_px:.6g} pixels across at "
            f"{pixel_size_angstrom:g} A per pixel, more than the whole micrograph: check both (in Angstrom)"
        )


def prepare_pixels(
    pixels: NDArray[Any],
    shape_wpx: tuple[int, int],
    use_mask: bool = True,
    light: bool = False,
    usable: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Bring an image (H, W) to the working scale, as `prepare` does with a file's.

    `usable`, shape `shape_wpx`, takes the place of the mask that would be found.

    Returns
    -------
    image : ndarray of float32, shape `shape_wpx`
    mask : ndarray of bool, shape `shape_wpx`

    Raises
    ------
    MicrographError
        If the image has no contrast.
    """
    image = rescale(pixels, shape_wpx, Cleaner.estimate(pixels))
    return flatten_and_normalise(-image if light else image, use_mask, usable)


def flatten_and_normalise(
    image_w: NDArray[np.float32], use_mask: bool = True, usable: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Find the usable part of an image (H, W) at the working scale, and bring that to mean 0 and deviation 1.

    `usable` (H, W), if it is known already, takes the place of what would be found.

    Returns
    -------
    image : ndarray of float32, shape (H, W)
    mask : ndarray of bool, shape (H, W)
        True where particles can be; True everywhere without `use_mask`.

    Raises
    ------
    MicrographError
        If the image has no contrast.
    """
    mask = np.ones(image_w.shape, np.bool_)
    if use_mask and usable is not None:
        mask = usable
    elif use_mask:
        mask = usable_mask(image_w)
        mask &= ~contaminants(image_w, mask)
    flat = flatten(image_w, mask=mask)
    even = without_stripes(flat, mask)
    if even is not flat:
        even = flatten(even, mask=mask)  # the stripes had pulled on what is flat
    return normalise(even, mask), mask


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
