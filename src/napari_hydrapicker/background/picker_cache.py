"""The picker that was picked with last, kept loaded."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from napari_hydrapicker.background.messages import PickRequest
from napari_hydrapicker.heads.library import HeadLibrary, find, user_library

if TYPE_CHECKING:
    from napari_hydrapicker.picking.cgan import CGanPicker
    from napari_hydrapicker.picking.hydra import HydraNetPicker
    from napari_hydrapicker.picking.joint import JointPicker
    from napari_hydrapicker.picking.picker import Picker

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
    from napari_hydrapicker.picking.imported import ImportedPicks
    from napari_hydrapicker.picking.joint import JointPicker

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
