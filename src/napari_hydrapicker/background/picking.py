"""Picking in the worker process: one micrograph at a time."""

from __future__ import annotations

import logging
import time
import warnings
from typing import TYPE_CHECKING

from napari_hydrapicker.background.messages import Failed, MicrographRef, Picked, PickRequest
from napari_hydrapicker.background.problems import in_words
from napari_hydrapicker.errors import HydraPickerError, MicrographError
from napari_hydrapicker.micrograph import Micrograph, MicrographWarning, open_micrographs

if TYPE_CHECKING:
    from napari_hydrapicker.picking.picker import Picker

logger = logging.getLogger(__name__)


def open_reference(reference: MicrographRef) -> Micrograph:
    """Open a micrograph that the window speaks of.

    Raises
    ------
    MicrographError
        If the file cannot be read any more, or has lost the frame.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MicrographWarning)  # told when the file was opened
        frames = open_micrographs(reference.path)
    if not 0 <= reference.frame < len(frames):
        raise MicrographError(f"{reference.path}: has no frame {reference.frame + 1} any more")
    return frames[reference.frame]


def pick_one(picker: Picker, reference: MicrographRef, request: PickRequest) -> Picked | Failed:
    """Pick one micrograph as the request says, down to the picker's own floor of probability."""
    start = time.perf_counter()
    try:
        picks = picker.pick_micrograph(
            open_reference(reference), request.diameter_angstrom,
            reference.pixel_size_angstrom, request.border_angstrom, request.use_mask,
            min_distance_angstrom=request.min_distance_angstrom,
        )  # fmt: skip
    except HydraPickerError as error:
        return Failed(request.job, reference.id, str(error))
    except Exception as error:  # one micrograph must not stop five thousand; the trace is for a bug report
        logger.exception("%s cannot be picked", reference.path)
        return Failed(request.job, reference.id, f"{reference.path}: {in_words(error)}")
    yx = tuple((y, x) for y, x in picks.yx.tolist())
    seconds = time.perf_counter() - start
    return Picked(request.job, reference.id, yx, tuple(picks.score.tolist()), seconds)
