"""What of a micrograph a user has painted as unusable: a bitmap that is kept, sent and laid on other grids.

It lies on blocks of the micrograph's own pixels, whose size follows from the micrograph's shape alone:
another particle diameter, and so another working scale, changes nothing in it.
"""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_hydrapicker.errors import ParameterError

MAX_SIDE = 1024
"""Longest side of a bitmap; a block is then a tenth of a usual particle or less."""

Shape = tuple[int, int]
Mask = NDArray[np.bool_]

_DAMAGED = "the mask that was painted on it is damaged: find what is left out again"


@dataclass(frozen=True)
class MaskGrid:
    """Blocks of a micrograph's pixels, one a pixel of a bitmap.

    Attributes
    ----------
    shape_px : (int, int)
        Rows and columns of the micrograph.
    block_px : int
        Side of a block; those along the lower and right edge may be cut by it.
    """

    shape_px: Shape
    block_px: int

    @classmethod
    def of(cls, shape_px: Shape) -> Self:
        """Return the grid of a micrograph of this shape."""
        return cls(shape_px, max(1, math.ceil(max(shape_px) / MAX_SIDE)))

    @property
    def shape(self) -> Shape:
        """Rows and columns of a bitmap."""
        rows, cols = (math.ceil(n / self.block_px) for n in self.shape_px)
        return rows, cols

    @property
    def offset_px(self) -> float:
        """Where the first block's centre lies on both axes; that of block i is ``i * block_px`` on."""
        return (self.block_px - 1) / 2

    def left_out(self, usable: Mask) -> Mask:
        """Bring a mask of another grid here, and turn it over.

        Parameters
        ----------
        usable : ndarray of bool, shape (H, W)
            True where particles can be; its first sample is that of the micrograph, as at the working scale
            of either picker.

        Returns
        -------
        ndarray of bool, shape `shape`
            True where they cannot.
        """
        rows, cols = (
            _nearest((np.arange(n) * self.block_px + self.offset_px) * n_other / n_px, n_other)
            for n, n_px, n_other in zip(self.shape, self.shape_px, usable.shape, strict=True)
        )
        return np.asarray(~usable[np.ix_(rows, cols)])


@dataclass(frozen=True)
class EditedMask:
    """What of a micrograph the user wants left out, in place of what would be found.

    Attributes
    ----------
    shape_px : (int, int)
        Rows and columns of the micrograph.
    block_px : int
        Side of the blocks of pixels that one pixel of the bitmap stands for (`MaskGrid`).
    bits : str
        The bitmap, compressed, as ASCII.
    """

    shape_px: Shape
    block_px: int
    bits: str

    @classmethod
    def from_left_out(cls, left_out: NDArray[Any], shape_px: Shape) -> Self:
        """Keep a bitmap (h, w) of the micrograph's own grid: what is not 0 is left out.

        Raises
        ------
        ParameterError
            If it has another shape than that grid.
        """
        grid = MaskGrid.of(shape_px)
        if left_out.shape != grid.shape:
            raise ParameterError(
                f"a mask of {left_out.shape} does not fit on a micrograph of {shape_px}: give {grid.shape}"
            )
        packed = zlib.compress(np.packbits(left_out != 0).tobytes(), 1)
        return cls(shape_px, grid.block_px, base64.b64encode(packed).decode("ascii"))

    @property
    def grid(self) -> MaskGrid:
        """Where the bitmap lies."""
        return MaskGrid(self.shape_px, self.block_px)

    def left_out(self) -> Mask:
        """Return the bitmap, shape `grid.shape`: True where no particles can be.

        Raises
        ------
        ParameterError
            If it is damaged.
        """
        if self.block_px < 1:
            raise ParameterError(_DAMAGED)
        rows, cols = self.grid.shape
        try:
            packed = zlib.decompress(base64.b64decode(self.bits, validate=True))
        except (binascii.Error, ValueError, zlib.error) as error:
            raise ParameterError(f"{_DAMAGED} ({error})") from error
        if len(packed) != math.ceil(rows * cols / 8):
            raise ParameterError(_DAMAGED)
        flat = np.unpackbits(np.frombuffer(packed, np.uint8), count=rows * cols)
        return flat.reshape(rows, cols).astype(np.bool_)

    def usable_on(self, shape: Shape) -> Mask:
        """Lay the mask on another grid.

        Parameters
        ----------
        shape : (int, int)
            Rows and columns of an image of the whole micrograph whose first sample is the micrograph's, as
            at the working scale of either picker.

        Returns
        -------
        ndarray of bool, shape `shape`
            True where particles can be.
        """
        rows, cols = (
            self._block(np.arange(n, dtype=np.float64) * (n_px / n), axis)
            for axis, (n, n_px) in enumerate(zip(shape, self.shape_px, strict=True))
        )
        return np.asarray(~self.left_out()[np.ix_(rows, cols)])

    def is_usable(self, yx_px: ArrayLike) -> Mask:
        """Whether places (N, 2), (row, column) in micrograph pixels, are where particles can be: (N,)."""
        yx = np.asarray(yx_px, np.float64).reshape(-1, 2)
        return np.asarray(~self.left_out()[self._block(yx[:, 0], 0), self._block(yx[:, 1], 1)])

    def _block(self, place_px: NDArray[np.float64], axis: int) -> NDArray[np.intp]:
        """Return the block that holds each place on an axis (N,); beyond the edges the outermost one."""
        return _nearest((place_px - self.grid.offset_px) / self.block_px, self.grid.shape[axis])


def _nearest(place: NDArray[np.float64], n: int) -> NDArray[np.intp]:
    """Return the samples nearest to places on an axis of n, the upper one of two."""
    return np.clip(np.floor(place + 0.5).astype(np.intp), 0, n - 1)
