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
from typing import TYPE_CHECKING, Literal, TypeAlias

from napari_hydrapicker.errors import HydraPickerError, MicrographError
from napari_hydrapicker.io.micrograph import Micrograph, MicrographWarning, open_micrographs
from napari_hydrapicker.picking.head_library import HeadLibrary, find, user_library
from napari_hydrapicker.project.records import MicrographRef
from napari_hydrapicker.worker.errors import in_words
from napari_hydrapicker.worker.messages import Estimated, Failed, Picked, PickRequest

if TYPE_CHECKING:
    from napari_hydrapicker.picking.base import Picker
    from napari_hydrapicker.picking.hydra import HydraNetPicker


if TYPE_CHECKING:
    from napari_hydrapicker.picking.base import Picker
    from napari_hydrapicker.picking.cgan import CGanPicker
    from napari_hydrapicker.picking.hydra import HydraNetPicker
    from napari_hydrapicker.picking.joint import JointPicker

    NetworkPicker: TypeAlias = HydraNetPicker | CGanPicker
    AnyPicker: TypeAlias = NetworkPicker | JointPicker


class PickerCache:
    """Holds one picker: more networks than it needs may not fit into the memory of a GPU."""

    def __init__(self) -> None:
        self._loaded: tuple[object, AnyPicker] | None = None

    def get(self, request: PickRequest) -> AnyPicker:
        """Return the picker that a request asks for.

        Raises
        ------
        HydraPickerError
            If there is no such network, generator, head, device or file of picks, or they do not fit
            together.
        """
        _leave_a_core_free()
        key = _version(request)
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None
            self._loaded = (key, _load(request))
        return self._loaded[1]


def remark_on(picker: AnyPicker) -> str:
    """Return what the user should know of what was loaded; "" for nothing."""
    from napari_hydrapicker.picking.joint import JointPicker

    imported = picker.imported if isinstance(picker, JointPicker) else None
    return "" if imported is None else imported.remark


def device_name(picker: Picker) -> str:
    """Return what a picker's network, or the first of several, runs on, as the user knows it."""
    import torch

    from napari_hydrapicker.picking.cgan import CGanPicker
    from napari_hydrapicker.picking.hydra import HydraNetPicker
    from napari_hydrapicker.picking.joint import JointPicker

    if isinstance(picker, JointPicker):
        return device_name(next(iter(picker.pickers.values())))
    assert isinstance(picker, HydraNetPicker | CGanPicker)
    network = picker.model if isinstance(picker, HydraNetPicker) else picker.generator
    device = next(network.parameters()).device
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    names = {"cpu": f"CPU, {threads} thread{'s' * (threads > 1)}", "mps": "Apple GPU"}
    return names.get(device.type, str(device))


def _version(request: PickRequest) -> tuple[object, ...]:
    """What tells a request's picker from all others; none of it reads a network."""
    if request.picker == "cgan":
        return (request.picker, request.device, *_file_version(request.generator))
    if request.picker == "consensus":
        members = [_version(replace(request, picker=one)) for one in request.joined]
        # The picks of another program are read anew for each job: a folder does not tell of changes in it.
        return (request.picker, request.votes, request.job if request.imported else None, *members)
    head = _head_version(request.head, _libraries(request))
    return (
        request.picker, request.device, *_file_version(request.weights), request.head, head, request.quality
    )  # fmt: skip


def _load(request: PickRequest) -> AnyPicker:
    if request.picker != "consensus":
        return _load_network(request, request.picker)
    from napari_hydrapicker.picking.joint import ImportedPicks, JointPicker

    imported = None if request.imported is None else ImportedPicks.read(Path(request.imported))
    networks: dict[str, Picker] = {one: _load_network(request, one) for one in request.joined}
    return JointPicker(networks, imported, request.votes)


def _load_network(request: PickRequest, picker: Literal["hydra", "cgan"]) -> NetworkPicker:
    if picker == "cgan":
        from napari_hydrapicker.picking.cgan import CGanPicker

        return CGanPicker.load(_path(request.generator), request.device)
    from napari_hydrapicker.picking.hydra import HydraNetPicker

    libraries = _libraries(request)
    return HydraNetPicker.load(
        _path(request.weights), request.head, request.device, None, libraries, request.quality
    )


def _path(file: str | None) -> Path | None:
    return None if file is None else Path(file)


def _file_version(file: str | None) -> tuple[str | None, int | None]:
    """Tell a file from one that was saved under the same name later."""
    path = _path(file)
    return file, path.stat().st_mtime_ns if path is not None and path.exists() else None


def _libraries(request: PickRequest) -> list[HeadLibrary]:
    return [HeadLibrary(Path(folder)) for folder in request.libraries]


def _head_version(name: str, libraries: list[HeadLibrary]) -> int | None:
    """Tell a head from one that was saved under the same name later."""
    library = find(name, [*libraries, user_library()])
    return None if library is None else library.path(name).stat().st_mtime_ns


def _leave_a_core_free() -> None:
    import torch

    torch.set_num_threads(max(1, min(torch.get_num_threads(), (os.cpu_count() or 1) - 1)))


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
    return replace(frames[reference.frame], mask=reference.mask)


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
