"""The body's features of corrected micrographs, computed once: a head's training then costs little.

The body is frozen while a head is trained (thesis, section 4.5), so that its features, nine tenths of the
network's cost, are always the same. They are kept in half precision for as many flips and quarter turns as
fit into the memory granted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.anchors import CELL_WPX
from napari_hydrapicker.hydra.model import HydraPicker
from napari_hydrapicker.imaging.turns import BALANCED, TURNS
from napari_hydrapicker.training.corrections import CorrectedMicrograph, Marks
from napari_hydrapicker.training.feature_windows import Window, windows


def window_bytes(model: HydraPicker, micrograph: CorrectedMicrograph) -> int:
    """Memory that the features of a micrograph take in one orientation."""
    rows, cols = (-(-n // CELL_WPX) * CELL_WPX for n in micrograph.image.shape)
    made = model.architecture
    return int(2 * made.feature_channels * rows * cols / made.feature_stride**2)


def cached_windows(
    model: HydraPicker,
    micrographs: Sequence[CorrectedMicrograph],
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
