"""The picker that was picked with last, kept loaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from napari_hydrapicker.background.messages import PickRequest
from napari_hydrapicker.heads.library import HeadLibrary, find, user_library

if TYPE_CHECKING:
    from napari_hydrapicker.picking.cgan import CGanPicker
    from napari_hydrapicker.picking.hydra import HydraNetPicker

    NetworkPicker: TypeAlias = HydraNetPicker | CGanPicker


class PickerCache:
    """Holds one picker: two networks at a time may not fit into the memory of a GPU."""

    def __init__(self) -> None:
        self._loaded: tuple[object, NetworkPicker] | None = None

    def get(self, request: PickRequest) -> NetworkPicker:
        """Return the picker that a request asks for.

        Raises
        ------
        HydraPickerError
            If there is no such network, head or device, or they do not fit together.
        """
        _leave_a_core_free()
        key = _version(request)
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None
            self._loaded = (key, _load(request))
        return self._loaded[1]


def device_name(picker: NetworkPicker) -> str:
    """Return what a picker's network runs on, as the user knows it."""
    import torch

    from napari_hydrapicker.picking.hydra import HydraNetPicker

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
        return (request.picker, request.device)
    weights = _weights(request)
    # A head that was trained meanwhile may have been saved under the same name.
    changed = weights.stat().st_mtime_ns if weights is not None and weights.exists() else None
    head = _head_version(request.head, _libraries(request))
    return (request.picker, request.device, weights, changed, request.head, head)


def _load(request: PickRequest) -> NetworkPicker:
    if request.picker == "cgan":
        from napari_hydrapicker.picking.cgan import CGanPicker

        return CGanPicker.load(device=request.device)
    from napari_hydrapicker.picking.hydra import HydraNetPicker

    libraries = _libraries(request)
    return HydraNetPicker.load(_weights(request), request.head, request.device, None, libraries)


def _weights(request: PickRequest) -> Path | None:
    return None if request.weights is None else Path(request.weights)


def _libraries(request: PickRequest) -> list[HeadLibrary]:
    return [HeadLibrary(Path(folder)) for folder in request.libraries]


def _head_version(name: str, libraries: list[HeadLibrary]) -> int | None:
    """Tell a head from one that was saved under the same name later."""
    library = find(name, [*libraries, user_library()])
    return None if library is None else library.path(name).stat().st_mtime_ns


def _leave_a_core_free() -> None:
    import torch

    torch.set_num_threads(max(1, min(torch.get_num_threads(), (os.cpu_count() or 1) - 1)))
