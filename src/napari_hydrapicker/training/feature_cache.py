"""The body's features of corrected micrographs, computed once: a head's training then costs little.

The body is frozen while a head is trained (thesis, section 4.5), so that its features, nine tenths of the
network's cost, are always the same. They are kept in half precision for as many flips and quarter turns as
fit into the memory granted.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.anchors import CELL_WPX
from napari_hydrapicker.hydra.model import HydraPicker
from napari_hydrapicker.imaging.padding import pad_with_noise
from napari_hydrapicker.imaging.turns import BALANCED, TURNS
from napari_hydrapicker.training.corrections import CorrectedMicrograph, Marks

WINDOW_WPX = 640  # side of the largest window of which features are computed in one go
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
        """Cut features ``(C, size, size)`` and marks out at random."""
        top, left = (int(rng.integers(0, n - size + 1)) for n in self.shape)
        part = self.features[:, top : top + size, left : left + size]
        return part, self.marks.within((top, left), (size, size))


def precision(device: torch.device) -> AbstractContextManager[object]:
    """Half precision where training gains by it, as `single_head` uses it."""
    return nullcontext() if device.type == "mps" else torch.autocast(device.type, dtype=torch.bfloat16)


def windows(model: HydraPicker, micrograph: CorrectedMicrograph, side: int = WINDOW_WPX) -> Iterator[Window]:
    """Features of a micrograph, window by window; together they cover it without overlap.

    Parameters
    ----------
    model
        In evaluation mode, on the device to compute on.
    micrograph
        As network input; padded with noise to whole cells, as in picking.
    side
        Of the largest window, working pixels, a multiple of 16.
    """
    image, _ = pad_with_noise(micrograph.image, CELL_WPX)
    device = next(model.parameters()).device
    for top, bottom in _parts(image.shape[0], side):
        for left, right in _parts(image.shape[1], side):
            above, before = max(0, top - CONTEXT_WPX), max(0, left - CONTEXT_WPX)
            pixels = image[above : bottom + CONTEXT_WPX, before : right + CONTEXT_WPX]
            seen = torch.from_numpy(np.ascontiguousarray(pixels))[None, None].to(device)
            with torch.inference_mode(), precision(device):
                features = model.features(seen.contiguous(memory_format=torch.channels_last))[0]
            own = features[:, top - above : bottom - above, left - before : right - before]
            half = own.to("cpu", torch.bfloat16, copy=True)
            marks = micrograph.marks.within((top, left), (bottom - top, right - left))
            yield Window(micrograph.name, half, marks)


def _parts(length: int, side: int) -> list[tuple[int, int]]:
    """Cut a length, a multiple of 16, into parts of nearly equal multiples of 16 of at most `side`."""
    cells = length // CELL_WPX
    count = -(-length // side)
    edges = [cells * i // count * CELL_WPX for i in range(count + 1)]
    return list(itertools.pairwise(edges))


def window_bytes(model: HydraPicker, micrograph: CorrectedMicrograph) -> int:
    """Memory that the features of a micrograph take in one orientation."""
    rows, cols = (-(-n // CELL_WPX) * CELL_WPX for n in micrograph.image.shape)
    return int(2 * model.architecture.channels * rows * cols)


def cached_windows(
    model: HydraPicker,
    micrographs: Sequence[CorrectedMicrograph],
    memory_bytes: int,
    report: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
    side: int = WINDOW_WPX,
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
    """
    if not micrographs:
        raise ParameterError("there is no corrected micrograph to train on; correct one first")
    once = sum(window_bytes(model, one) for one in micrographs)
    turns = int(np.clip(memory_bytes // once // 2 * 2, 1, TURNS))
    made: list[Window] = []
    jobs = [(one, which) for which in BALANCED[:turns] for one in micrographs]
    for done, (one, which) in enumerate(jobs):
        report(done, len(jobs))
        for window in windows(model, one.turned(which), side):
            if cancelled():
                return made
            made.append(window)
    report(len(jobs), len(jobs))
    return made


def batch(found: Sequence[Window], rng: np.random.Generator, n: int, size: int) -> tuple[Tensor, list[Marks]]:
    """Draw `n` crops, of windows in proportion to their area: features ``(n, C, s, s)`` and marks.

    The side ``s`` is `size`, or what the smallest window has.
    """
    side = min(size, *(min(one.shape) for one in found)) // CELL_WPX * CELL_WPX
    area = np.array([one.shape[0] * one.shape[1] for one in found], np.float64)
    chosen = rng.choice(len(found), size=n, p=area / area.sum())
    crops = [found[i].crop(rng, side) for i in chosen]
    return torch.stack([features for features, _ in crops]), [marks for _, marks in crops]
