"""Picking in the worker process: one micrograph at a time."""

from __future__ import annotations

import contextlib
import logging
import time
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_hydrapicker.background.messages import Estimated, Failed, MicrographRef, Picked, PickRequest
from napari_hydrapicker.background.problems import in_words
from napari_hydrapicker.errors import HydraPickerError, MicrographError
from napari_hydrapicker.micrograph import Micrograph, MicrographWarning, open_micrographs

if TYPE_CHECKING:
    from napari_hydrapicker.background.picker_cache import AnyPicker
    from napari_hydrapicker.picking.hydra import HydraNetPicker
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


def first_look(picker: AnyPicker, request: PickRequest) -> tuple[AnyPicker, str]:
    """Return the picker for the particles' contrast, and what the user should know of contrast and diameter.

    Other pickers than HydraPicker know one contrast alone, and are returned as they are.
    """
    from napari_hydrapicker.picking.hydra import HydraNetPicker
    from napari_hydrapicker.picking.survey import look_first

    if not isinstance(picker, HydraNetPicker):
        return picker, ""
    contrast = None if request.contrast == "auto" else request.contrast
    micrographs = _openable(request.micrographs) if contrast is None else []
    size = request.micrographs[0].pixel_size_angstrom if request.micrographs else None
    found = look_first(picker, micrographs, request.diameter_angstrom, size, contrast)
    return found.picker, "; ".join(found.remarks)


def estimate(picker: HydraNetPicker, request: PickRequest) -> Estimated:
    """Look for the particles' diameter and contrast.

    Raises
    ------
    HydraPickerError
        If none of the micrographs can be picked at any diameter.
    """
    from napari_hydrapicker.picking.survey import estimate_diameter

    micrographs = _openable(request.micrographs)
    if not micrographs:
        raise MicrographError("none of the micrographs can be read")
    contrast = None if request.contrast == "auto" else request.contrast
    size = request.micrographs[0].pixel_size_angstrom
    found, seen = estimate_diameter(picker, micrographs, None, size, contrast)
    return Estimated(request.job, found.best_angstrom if found.is_telling else None, seen)


def _openable(references: Sequence[MicrographRef]) -> list[Micrograph]:
    """Open those micrographs that can be opened."""
    opened = []
    for reference in references:
        with contextlib.suppress(MicrographError):  # it is said when its turn comes
            opened.append(open_reference(reference))
    return opened


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
