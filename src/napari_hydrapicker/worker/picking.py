"""Picking in the worker process: one micrograph at a time, with the last picker kept loaded."""

from __future__ import annotations

import contextlib
import logging
import os
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_hydrapicker.errors import HydraPickerError, MicrographError
from napari_hydrapicker.io.micrograph import Micrograph, MicrographWarning, open_micrographs
from napari_hydrapicker.picking.base import Picker, load_picker
from napari_hydrapicker.picking.library import model_files
from napari_hydrapicker.picking.parameters import ConsensusSpec, HydraSpec, PickerSpec
from napari_hydrapicker.project.records import MicrographRef
from napari_hydrapicker.worker.errors import in_words
from napari_hydrapicker.worker.messages import Estimated, Failed, Picked, PickRequest

if TYPE_CHECKING:
    from napari_hydrapicker.picking.hydra import HydraNetPicker

logger = logging.getLogger(__name__)


class PickerCache:
    """Holds one picker: more networks than it needs may not fit into the memory of a GPU."""

    def __init__(self) -> None:
        self._loaded: tuple[object, Picker] | None = None

    def get(self, request: PickRequest) -> Picker:
        """Return the picker that a request asks for.

        Raises
        ------
        HydraPickerError
            If there is no such network, generator, head, device or file of picks, or they do not fit
            together.
        """
        _leave_a_core_free()
        spec = request.picker
        # The picks of another program are read anew for each job: a folder does not tell of changes in it.
        job = request.job if isinstance(spec, ConsensusSpec) and spec.imported else None
        key = (request.device, job, _version(spec))
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None  # before the next one takes memory
            self._loaded = (key, load_picker(spec, request.device))
        return self._loaded[1]


def remark_on(picker: Picker) -> str:
    """Return what the user should know of what was loaded; "" for nothing."""
    from napari_hydrapicker.picking.consensus import JointPicker

    imported = picker.imported if isinstance(picker, JointPicker) else None
    return "" if imported is None else imported.remark


def device_name(picker: Picker) -> str:
    """Return what a picker's network, or the first of several, runs on, as the user knows it."""
    import torch

    device = torch.device(picker.device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    names = {"cpu": f"CPU, {threads} thread{'s' * (threads > 1)}", "mps": "Apple GPU"}
    return names.get(device.type, str(device))


def _version(spec: PickerSpec) -> tuple[object, ...]:
    """What tells a picker from all others, its files included; none of it reads a network."""
    if isinstance(spec, ConsensusSpec):
        return (spec, *map(_version, spec.members))
    # The contrast is the loaded picker's to change.
    named = spec.model_copy(update={"contrast": "auto"}) if isinstance(spec, HydraSpec) else spec
    return (named, *map(_changed, model_files(spec)))


def _changed(path: Path | None) -> int | None:
    """Tell a file from one that was saved under the same name later."""
    return path.stat().st_mtime_ns if path is not None and path.exists() else None


def _leave_a_core_free() -> None:
    import torch

    torch.set_num_threads(max(1, min(torch.get_num_threads(), (os.cpu_count() or 1) - 1)))


def open_reference(reference: MicrographRef) -> Micrograph:
    """Open a micrograph that the window speaks of, with the pixel size that it has there.

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
    found = replace(frames[reference.frame], folder=reference.folder, mask=reference.mask)
    return found.with_pixel_size(reference.pixel_size_angstrom)


def first_look(picker: Picker, request: PickRequest) -> tuple[Picker, str]:
    """Return the picker for the particles' contrast, and what the user should know of contrast and diameter.

    Other pickers than HydraPicker know one contrast alone, and are returned as they are.
    """
    from napari_hydrapicker.picking.survey import look_first

    if not isinstance(request.picker, HydraSpec):
        return picker, ""
    contrast = request.picker.known_contrast
    micrographs = _openable(request.micrographs) if contrast is None else []
    found = look_first(picker, micrographs, request.parameters.diameter_angstrom, contrast)
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
    contrast = request.picker.known_contrast if isinstance(request.picker, HydraSpec) else None
    found, seen = estimate_diameter(picker, micrographs, None, contrast)
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
        picks = picker.pick_micrograph(open_reference(reference), request.parameters)
    except HydraPickerError as error:
        return Failed(request.job, reference.id, str(error))
    except Exception as error:  # one micrograph must not stop five thousand; the trace is for a bug report
        logger.exception("%s cannot be picked", reference.path)
        return Failed(request.job, reference.id, f"{reference.path}: {in_words(error)}")
    yx = tuple((y, x) for y, x in picks.yx.tolist())
    seconds = time.perf_counter() - start
    return Picked(request.job, reference.id, yx, tuple(picks.score.tolist()), seconds)
