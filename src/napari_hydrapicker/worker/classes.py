"""Sorting picks into 2-D classes in the worker process."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from napari_hydrapicker.classes.classify import classify_opened
from napari_hydrapicker.classes.files import AVERAGES, write_classes
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.worker.messages import ClassFigures, Classified, Classifying, ClassifyRequest


def classified(request: ClassifyRequest, say: Callable[[Classifying], None]) -> Classified:
    """Make the classes that a request asks for, reporting the progress.

    Raises
    ------
    HydraPickerError
        If a micrograph cannot be read, there are too few picks, or the folder cannot be written.
    """
    torch.set_num_threads(max(1, (os.cpu_count() or 1) - 1))
    pairs = [(one.micrograph, Picks(one.yx)) for one in request.micrographs]
    found = classify_opened(
        pairs, request.diameter_angstrom, classes=request.classes, light=request.light,
        progress=lambda step, done, total: say(Classifying(request.job, step, done, total)),
    )  # fmt: skip
    folder = Path(request.folder)
    write_classes(found, folder, overwrite=True)
    figures = tuple(
        ClassFigures(
            one.number, one.size,
            one.resolution_angstrom if math.isfinite(one.resolution_angstrom) else None,
            one.confidence, one.doubts,
        )
        for one in found.classes
    )  # fmt: skip
    label = tuple(tuple(np.asarray(one.label).tolist()) for one in found.members)
    return Classified(request.job, figures, label, str(folder / AVERAGES))
