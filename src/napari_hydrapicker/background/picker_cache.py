"""The network that was picked with last, kept loaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from napari_hydrapicker.background.messages import PickRequest
from napari_hydrapicker.heads.library import HeadLibrary, find, user_library

if TYPE_CHECKING:
    from napari_hydrapicker.picking.hydra import HydraNetPicker


class PickerCache:
    """Holds one picker: two networks at a time may not fit into the memory of a GPU."""

    def __init__(self) -> None:
        self._loaded: tuple[object, HydraNetPicker] | None = None

    def get(self, request: PickRequest) -> HydraNetPicker:
        """Return the picker that a request asks for.

        Raises
        ------
        HydraPickerError
            If there is no such network, head or device, or they do not fit together.
        """
        from napari_hydrapicker.picking.hydra import HydraNetPicker

        _leave_a_core_free()
        weights = None if request.weights is None else Path(request.weights)
        # A head that was trained meanwhile may have been saved under the same name.
        changed = weights.stat().st_mtime_ns if weights is not None and weights.exists() else None
        libraries = [HeadLibrary(Path(folder)) for folder in request.libraries]
        key = (weights, changed, request.head, _head_version(request.head, libraries), request.device)
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None
            self._loaded = (key, HydraNetPicker.load(weights, request.head, request.device, None, libraries))
        return self._loaded[1]


def device_name(picker: HydraNetPicker) -> str:
    """Return what a picker's network runs on, as the user knows it."""
    import torch

    device = next(picker.model.parameters()).device
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    names = {"cpu": f"CPU, {threads} thread{'s' * (threads > 1)}", "mps": "Apple GPU"}
    return names.get(device.type, str(device))


def _head_version(name: str, libraries: list[HeadLibrary]) -> int | None:
    """Tell a head from one that was saved under the same name later."""
    library = find(name, [*libraries, user_library()])
    return None if library is None else library.path(name).stat().st_mtime_ns


def _leave_a_core_free() -> None:
    import torch

    torch.set_num_threads(max(1, min(torch.get_num_threads(), (os.cpu_count() or 1) - 1)))
