"""The body's features of a corrected micrograph, in windows, with the marks that lie in each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_hydrapicker.errors import OutOfMemoryError
from napari_hydrapicker.hydra.anchors import CELL_WPX
from napari_hydrapicker.hydra.model import HydraPicker
from napari_hydrapicker.imaging.padding import pad_with_noise
from napari_hydrapicker.picking.dense import is_out_of_memory
from napari_hydrapicker.training.corrections import CorrectedMicrograph, Marks

WINDOW_WPX = 640  # side of the largest window of which features are computed in one go
LEAST_WINDOW_WPX = 64
CONTEXT_WPX = 16  # the body sees 14 wpx in each direction


@dataclass(frozen=True, eq=False)
class Window:
    """A part of a micrograph: the body's features ``(C, h, w)`` in half precision, and its marks."""

    micrograph: str
    features: Tensor
    marks: Marks

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, working pixels."""
        rows, cols = self.features.shape[1:]
        return rows, cols

    def crop(self, rng: np.random.Generator, size: int) -> tuple[Tensor, Marks]:
        """Cut features ``(C, size, size)`` and marks out at random; of a partial micrograph around a mark.

        The marks there are few: on a large micrograph most crops would hold none, and teach nothing.
        """
        last = np.array(self.shape) - size
        top, left = (int(rng.integers(0, n + 1)) for n in last)
        marked = np.concatenate([self.marks.yx, self.marks.negative_yx])
        if len(marked) and not self.marks.complete:
            corner = marked[rng.integers(len(marked))] - rng.uniform(0, size, 2)
            top, left = (int(n) for n in np.clip(np.round(corner), 0, last))
        part = self.features[:, top : top + size, left : left + size]
        return part, self.marks.within((top, left), (size, size))


def precision(device: torch.device) -> AbstractContextManager[object]:
    """Half precision where training gains by it, as `single_head` uses it."""
    return nullcontext() if device.type == "mps" else torch.autocast(device.type, dtype=torch.bfloat16)


def windows(model: HydraPicker, micrograph: CorrectedMicrograph, side: int = WINDOW_WPX) -> Iterator[Window]:
    """Features of a micrograph, window by window; together they cover it without overlap.

    Where memory is short the windows shrink, from the one on that did not fit.

    Parameters
    ----------
    model
        In evaluation mode, on the device to compute on.
    micrograph
        As network input; padded with noise to whole cells, as in picking.
    side
        Of the largest window, working pixels, a multiple of 16.

    Raises
    ------
    OutOfMemoryError
        If not even windows of `LEAST_WINDOW_WPX` fit.
    """
    image, _ = pad_with_noise(micrograph.image, CELL_WPX)
    to_do = _Part(0, 0, *image.shape).split(side)
    while to_do:
        part = to_do[0]
        try:
            features = _features(model, image, part)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        else:
            marks = micrograph.marks.within((part.top, part.left), (part.rows, part.cols))
            yield Window(micrograph.name, features, marks)
            del to_do[0]
            continue
        # Outside the handler, whose traceback would keep the tensors of the failed try alive.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        side = _smaller(min(side, max(part.rows, part.cols)))
        to_do = [smaller for one in to_do for smaller in one.split(side)]


class _Part(NamedTuple):
    """A rectangle of an image, in working pixels that are multiples of 16."""

    top: int
    left: int
    rows: int
    cols: int

    def split(self, side: int) -> list[_Part]:
        """Cut into nearly equal rectangles with sides of at most `side`."""
        return [
            _Part(self.top + top, self.left + left, bottom - top, right - left)
            for top, bottom in _parts(self.rows, side)
            for left, right in _parts(self.cols, side)
        ]


def _features(model: HydraPicker, image: NDArray[np.float32], part: _Part) -> Tensor:
    """Features of a part, (C, rows, cols), in half precision on the CPU; computed with what is around it."""
    top, left, rows, cols = part
    above, before = max(0, top - CONTEXT_WPX), max(0, left - CONTEXT_WPX)
    pixels = image[above : top + rows + CONTEXT_WPX, before : left + cols + CONTEXT_WPX]
    device = next(model.parameters()).device
    seen = torch.from_numpy(np.ascontiguousarray(pixels))[None, None].to(device)
    with torch.inference_mode(), precision(device):
        features = model.features(seen.contiguous(memory_format=torch.channels_last))[0]
    own = features[:, top - above : top - above + rows, left - before : left - before + cols]
    return own.to("cpu", torch.bfloat16, copy=True)


def _smaller(side: int) -> int:
    half = side // 2 // CELL_WPX * CELL_WPX
    if half >= LEAST_WINDOW_WPX:
        return half
    raise OutOfMemoryError(
        "training a head does not fit into memory, even in the smallest windows: close other programs, or "
        "train on another device (cpu)"
    )


def _parts(length: int, side: int) -> list[tuple[int, int]]:
    """Cut a length, a multiple of 16, into parts of nearly equal multiples of 16 of at most `side`."""
    cells = length // CELL_WPX
    count = -(-length // side)
    edges = [cells * i // count * CELL_WPX for i in range(count + 1)]
    return list(itertools.pairwise(edges))
