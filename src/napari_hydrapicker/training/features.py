"""What a head in training is shown of corrected micrographs: features, computed once, or pixels."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_hydrapicker.errors import OutOfMemoryError, ParameterError, is_out_of_memory
from napari_hydrapicker.hydra.anchors import CELL_WPX
from napari_hydrapicker.hydra.device import precision
from napari_hydrapicker.hydra.network import HydraPicker
from napari_hydrapicker.imaging.augment import BALANCED, TURNS
from napari_hydrapicker.imaging.normalise import pad_with_noise
from napari_hydrapicker.training.labelled_image import LabelledImage, Marks

LEAST_WINDOW_WPX = 64
PIXELS_WPX = 1024  # side of the largest window of pixels


@dataclass(frozen=True, eq=False)
class Window:
    """A part of a micrograph, and its marks.

    Attributes
    ----------
    features
        The body's features ``(C, h, w)`` in half precision; pixels ``(1, h, w)`` for heads that take images.
    stride
        How many working pixels lie between two features.
    turned
        Whether crops are flipped and turned at random, as those of pixels can be. Features are not the same
        after a turn, and are computed for each.
    """

    micrograph: str
    features: Tensor
    marks: Marks
    stride: int = 1
    turned: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, working pixels."""
        rows, cols = self.features.shape[1:]
        return self.stride * rows, self.stride * cols

    def crop(self, rng: np.random.Generator, size: int) -> tuple[Tensor, Marks]:
        """Cut features and marks of `size` x `size` wpx out at random; of a partial micrograph around a mark.

        The marks there are few: on a large micrograph most crops would hold none, and teach nothing.
        """
        last = np.array(self.shape) - size
        top, left = (int(rng.integers(0, n + 1)) for n in last)
        marked = np.concatenate([self.marks.yx, self.marks.negative_yx])
        if len(marked) and not self.marks.complete:
            corner = marked[rng.integers(len(marked))] - rng.uniform(0, size, 2)
            top, left = (int(n) for n in np.clip(np.round(corner), 0, last))
        first_row, first_col = top // self.stride, left // self.stride
        side = size // self.stride
        part = self.features[:, first_row : first_row + side, first_col : first_col + side]
        marks = self.marks.within((first_row * self.stride, first_col * self.stride), (size, size))
        if not self.turned:
            return part, marks
        made = LabelledImage(self.micrograph, part[0].numpy(), marks).augmented(int(rng.integers(TURNS)))
        return torch.from_numpy(made.image)[None], made.marks


def windows(model: HydraPicker, micrograph: LabelledImage, side: int | None = None) -> Iterator[Window]:
    """Features of a micrograph, window by window; together they cover it without overlap.

    Where memory is short the windows shrink, from the one on that did not fit.

    Parameters
    ----------
    model
        In evaluation mode, on the device to compute on.
    micrograph
        As network input; padded with noise to whole cells, as in picking.
    side
        Of the largest window, working pixels, a multiple of 16; by default what suits the architecture.

    Raises
    ------
    OutOfMemoryError
        If not even windows of `LEAST_WINDOW_WPX` fit.
    """
    image, _ = pad_with_noise(micrograph.image, CELL_WPX)
    side = side or model.architecture.window_wpx
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
            yield Window(micrograph.name, features, marks, model.architecture.feature_stride)
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
    """Features of a part, (C, rows / s, cols / s), in half precision on the CPU; computed with what is around
    it.
    """
    top, left, rows, cols = part
    context, stride = model.architecture.context_wpx, model.architecture.feature_stride
    above, before = max(0, top - context), max(0, left - context)
    pixels = image[above : top + rows + context, before : left + cols + context]
    device = next(model.parameters()).device
    seen = torch.from_numpy(np.ascontiguousarray(pixels))[None, None].to(device)
    with torch.inference_mode(), precision(device):
        features = model.features(seen.contiguous(memory_format=torch.channels_last))[0]
    first_row, first_col = (top - above) // stride, (left - before) // stride
    own = features[:, first_row : first_row + rows // stride, first_col : first_col + cols // stride]
    return own.to("cpu", torch.bfloat16, copy=True)


def pixel_windows(
    micrograph: LabelledImage, side: int = PIXELS_WPX, turned: bool = False
) -> Iterator[Window]:
    """Parts of a micrograph as they are, for heads that take images: as `windows`, which need the body.

    `turned` has their crops flipped and turned at random, for training.
    """
    image, _ = pad_with_noise(micrograph.image, CELL_WPX)
    for top, left, rows, cols in _Part(0, 0, *image.shape).split(side):
        pixels = np.ascontiguousarray(image[None, top : top + rows, left : left + cols])
        marks = micrograph.marks.within((top, left), (rows, cols))
        yield Window(micrograph.name, torch.from_numpy(pixels), marks, turned=turned)


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


def window_bytes(model: HydraPicker, micrograph: LabelledImage) -> int:
    """Memory that the features of a micrograph take in one orientation."""
    rows, cols = (-(-n // CELL_WPX) * CELL_WPX for n in micrograph.image.shape)
    made = model.architecture
    return int(2 * made.feature_channels * rows * cols / made.feature_stride**2)


def cached_windows(
    model: HydraPicker,
    micrographs: Sequence[LabelledImage],
    memory_bytes: int,
    report: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
    side: int | None = None,
) -> list[Window]:
    """Features of all micrographs in as many orientations as fit into memory, at least one each.

    Parameters
    ----------
    model
        In evaluation mode, on the device to compute on.
    micrographs
        To be trained on.
    memory_bytes
        Granted to the features.
    report
        Called with the numbers of orientations done and to do.
    cancelled
        Asked between windows; what is there by then is returned.

    Raises
    ------
    ParameterError
        If there is no micrograph.
    OutOfMemoryError
        If not even the features of a small window fit into memory.
    """
    if not micrographs:
        raise ParameterError("there is no corrected micrograph to train on; correct one first")
    once = sum(window_bytes(model, one) for one in micrographs)
    turns = int(np.clip(memory_bytes // once // 2 * 2, 1, TURNS))
    made: list[Window] = []
    jobs = [(one, which) for which in BALANCED[:turns] for one in micrographs]
    for done, (one, which) in enumerate(jobs):
        report(done, len(jobs))
        for window in windows(model, one.augmented(which), side):
            if cancelled():
                return made
            made.append(window)
    report(len(jobs), len(jobs))
    return made


def batch(found: Sequence[Window], rng: np.random.Generator, n: int, size: int) -> tuple[Tensor, list[Marks]]:
    """Draw `n` crops, of windows in proportion to their area: features ``(n, C, s, s)`` and marks.

    The side ``s`` is `size`, or what the smallest window has. Features are kept in half precision, but come
    as float32: not every device computes in the former.
    """
    side = min(size, *(min(one.shape) for one in found)) // CELL_WPX * CELL_WPX
    area = np.array([one.shape[0] * one.shape[1] for one in found], np.float64)
    chosen = rng.choice(len(found), size=n, p=area / area.sum())
    crops = [found[i].crop(rng, side) for i in chosen]
    return torch.stack([features for features, _ in crops]).float(), [marks for _, marks in crops]
