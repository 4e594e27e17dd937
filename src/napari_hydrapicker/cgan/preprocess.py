"""The working image: a micrograph as the cGAN picker sees it, downscaled and with its contrast equalised.

**Scale.** The paper brings every micrograph to 512 x 512 pixels, so that a particle's size there depends on
the magnification and on the camera: the network has to be trained for it. Where the diameter is known, the
working image here is as large as makes it `CGAN_DIAMETER_WPX` pixels. Particles of all proteins then look
alike in size, one bundled generator serves them all, and marks of one fixed size suit them. The diameter is
the longest; views are shorter, and neighbours lie closer together. At 16 pixels the marks of EMPIAR-10017
merged, and only 58 in 100 labelled particles of six micrographs were found; at 20, where a mark is little
more than half a diameter wide, 82. (The paper's own case, that data set at 512, has 12.7.) Without a
diameter the working image is the paper's, its longer side 512.

**Grey levels.** The paper equalises and then condenses the range. Here it becomes `FLOOR`..1, because a mark
is found where input minus output is at least 0.1: a pixel darker than that could not be marked at all, and
within particles many would be, up to one in three at a common strength of the equalisation.

``_wpx`` in a name stands for working pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_hydrapicker.errors import MicrographError, ParameterError
from napari_hydrapicker.imaging.masks import usable_mask
from napari_hydrapicker.imaging.normalise import Cleaner, flatten, normalise
from napari_hydrapicker.imaging.rescale import MAX_WORKING_PIXELS, Shape, rescale, to_px, to_wpx
from napari_hydrapicker.io.edited_mask import EditedMask

CGAN_DIAMETER_WPX = 20
"""Particle diameter, working pixels, where it is known."""

PAPER_SIDE_WPX = 512
"""Longer side of the working image where the diameter is not known, working pixels."""

FLOOR = 0.2
"""The darkest grey level of a working image."""

_MIN_DIAMETER_PX = 3.0
_MIN_SIDE_WPX = 16
_FLATTEN_WPX = 3.0 * CGAN_DIAMETER_WPX
_TILE_WPX = 8 * CGAN_DIAMETER_WPX  # of the equalisation: large against a particle
_CLIP_LIMIT = 0.005  # equalises in full where the histogram is flat; noise keeps most of its bell shape
_CLIP_SIGMA = 4.0


@dataclass(frozen=True, eq=False)
class WorkingImage:
    """A micrograph at the picker's working scale, and where its pixels lie.

    Attributes
    ----------
    image : ndarray of float32, shape (H, W)
        Grey levels `FLOOR`..1, particles dark; working pixels.
    mask : ndarray of bool, shape (H, W)
        True where particles can be.
    shape_px : (int, int)
        Shape of the micrograph.
    """

    image: NDArray[np.float32]
    mask: NDArray[np.bool_]
    shape_px: Shape

    @property
    def shape_wpx(self) -> Shape:
        """Shape of the working image."""
        rows, cols = self.image.shape
        return rows, cols

    def to_px(self, yx_wpx: ArrayLike) -> NDArray[np.float64]:
        """Working coordinates (N, 2) as micrograph coordinates (N, 2), both (row, column).

        Sample (0, 0) is the same place on both, so this is a factor for each axis and no shift.
        """
        return to_px(yx_wpx, self.shape_px, self.shape_wpx)

    def to_wpx(self, yx_px: ArrayLike) -> NDArray[np.float64]:
        """Micrograph coordinates (N, 2) as working coordinates (N, 2), both (row, column)."""
        return to_wpx(yx_px, self.shape_px, self.shape_wpx)


def working_shape(
    shape_px: Shape, diameter_px: float | None, diameter_wpx: float = CGAN_DIAMETER_WPX
) -> Shape:
    """Shape of a micrograph's working image.

    Parameters
    ----------
    shape_px : (int, int)
        Rows and columns of the micrograph.
    diameter_px : float or None
        The particle's long diameter in micrograph pixels; None for the paper's working image.
    diameter_wpx : float
        What it becomes, working pixels.

    Raises
    ------
    ParameterError
        If the diameter is not a number of pixels that fits on the micrograph, or the working image would be
        too large or too narrow.
    """
    if diameter_px is None:
        factor = PAPER_SIDE_WPX / max(1, *shape_px)
    else:
        if not (math.isfinite(diameter_px) and _MIN_DIAMETER_PX <= diameter_px <= min(shape_px)):
            raise ParameterError(
                f"a particle of {diameter_px:.4g} pixels on a micrograph of {shape_px[0]} x {shape_px[1]}: "
                f"the diameter must be at least {_MIN_DIAMETER_PX:g} pixels and fit on the micrograph"
            )
        factor = diameter_wpx / diameter_px
    rows, cols = (max(1, round(n * factor)) for n in shape_px)
    if rows * cols > MAX_WORKING_PIXELS or min(rows, cols) < _MIN_SIDE_WPX:
        size = "large" if rows * cols > MAX_WORKING_PIXELS else "narrow"
        raise ParameterError(
            f"a micrograph of {shape_px[0]} x {shape_px[1]} pixels would become {rows} x {cols}, "
            f"too {size} to pick: check the particle's diameter"
        )
    return rows, cols


def to_working_image(
    pixels: NDArray[Any],
    diameter_px: float | None = None,
    *,
    use_mask: bool = True,
    diameter_wpx: float = CGAN_DIAMETER_WPX,
    edited: EditedMask | None = None,
) -> WorkingImage:
    """Make a micrograph's working image (the paper's section 2.1).

    Broken pixels are repaired and slow gradients removed on the way, as for the other picker; areas
    that cannot hold particles become flat.

    Parameters
    ----------
    pixels : ndarray, shape (H, W)
        Of any number type, particles dark.
    diameter_px : float, optional
        The particle's long diameter, micrograph pixels; without it the longer side becomes 512 pixels.
    use_mask : bool
        Whether to leave out areas that cannot hold particles: `edited`, or else what `masks.usable_mask`
        finds.
    diameter_wpx : float
        What the diameter becomes, working pixels.
    edited : EditedMask, optional
        What the user wants left out on it.

    Raises
    ------
    MicrographError
        If the pixels are not a single image, or have no contrast.
    ParameterError
        If the diameter does not fit to the micrograph.
    """
    if pixels.ndim != 2:
        raise MicrographError(f"pixels of shape {pixels.shape}: give one micrograph of shape (rows, columns)")
    rows, cols = pixels.shape
    shape = working_shape((rows, cols), diameter_px, diameter_wpx)
    image = rescale(pixels, shape, Cleaner.estimate(pixels))
    if not use_mask:
        mask = np.ones(shape, np.bool_)
    else:
        mask = usable_mask(image, diameter_wpx) if edited is None else edited.usable_on(shape)
    image = normalise(flatten(image, _FLATTEN_WPX, mask), mask)
    image[~mask] = 0
    return WorkingImage(equalise(image), mask, (rows, cols))


def equalise(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Contrast-limited adaptive histogram equalisation to the grey levels of a working image.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W)
        Background at mean 0 and standard deviation 1.

    Returns
    -------
    ndarray of float32, shape (H, W)
        `FLOOR`..1.
    """
    from skimage.exposure import equalize_adapthist  # takes half a second to load

    tile = [min(_TILE_WPX, n) for n in image.shape]
    unit = np.clip(image / (2 * _CLIP_SIGMA) + 0.5, 0, 1)
    levels = equalize_adapthist(unit, kernel_size=tile, clip_limit=_CLIP_LIMIT)
    return np.asarray(FLOOR + (1 - FLOOR) * levels, np.float32)
