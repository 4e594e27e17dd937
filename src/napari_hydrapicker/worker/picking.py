"""Picking in the worker process: one micrograph at a time, with the last picker kept loaded."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from napari_hydrapicker.errors import HydraPickerError, MicrographError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.base import Picker, load_picker
from napari_hydrapicker.picking.library import model_files
from napari_hydrapicker.picking.parameters import ConsensusSpec, HydraSpec, PickerSpec
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
        # The picks of another program are read anew for each job: a folder does not show that a file in it
        # has changed.
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
    """What identifies a picker, the state of its files included; none of it reads a network."""
    if isinstance(spec, ConsensusSpec):
        return (spec, *map(_version, spec.members))
    # The contrast is the loaded picker's to change.
    named = spec.model_copy(update={"contrast": "auto"}) if isinstance(spec, HydraSpec) else spec
    return (named, *map(_changed, model_files(spec)))


def _changed(path: Path | None) -> int | None:
    """When a file was changed: another may have been saved under its name since."""
    return path.stat().st_mtime_ns if path is not None and path.exists() else None


def _leave_a_core_free() -> None:
    import torch

    torch.set_num_threads(max(1, min(torch.get_num_threads(), (os.cpu_count() or 1) - 1)))


def first_look(picker: Picker, request: PickRequest) -> tuple[Picker, str]:
    """Return the picker for the particles' contrast, and what the user should know of contrast and diameter.

    Other pickers than HydraPicker know one contrast alone, and are returned as they are.
    """
    from napari_hydrapicker.picking.survey import look_first

    if not isinstance(request.picker, HydraSpec):
        return picker, ""
    contrast = request.picker.known_contrast
    micrographs = _present(request) if contrast is None else []
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

    micrographs = _present(request)
    if not micrographs:
        raise MicrographError("none of the micrographs can be read")
    contrast = request.picker.known_contrast if isinstance(request.picker, HydraSpec) else None
    found, seen = estimate_diameter(picker, micrographs, None, contrast)
    return Estimated(request.job, found.best_angstrom if found.is_telling else None, seen)


def _present(request: PickRequest) -> list[Micrograph]:
    """Return those micrographs whose files are there; the others are reported when their turn comes."""
    return [one for one in request.micrographs.values() if one.path.is_file()]


def pick_one(picker: Picker, micrograph_id: int, request: PickRequest) -> Picked | Failed:
    """Pick one micrograph as the request says, down to the picker's own least probability."""
    start = time.perf_counter()
    micrograph = request.micrographs[micrograph_id]
    try:
        picks = picker.pick_micrograph(micrograph, request.parameters)
    except HydraPickerError as error:
        return Failed(request.job, micrograph_id, str(error))
    except Exception as error:  # one micrograph must not stop five thousand; the trace is for a bug report
        logger.exception("%s cannot be picked", micrograph.path)
        return Failed(request.job, micrograph_id, f"{micrograph.path}: {in_words(error)}")
    yx = tuple((y, x) for y, x in picks.yx.tolist())
    seconds = time.perf_counter() - start
    scores = tuple(picks.score.tolist())
    return Picked(request.job, micrograph_id, yx, scores, seconds, picks.masked_share)
