"""The network that was picked with last."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from napari_hydrapicker.background.messages import PickRequest
from napari_hydrapicker.background.picker_cache import PickerCache, device_name
from napari_hydrapicker.hydra.weights import bundled_path
from napari_hydrapicker.picking.cgan import CGanPicker
from napari_hydrapicker.picking.hydra import HydraNetPicker

Make = Callable[..., PickRequest]


def test_a_network_is_loaded_once(request_of: Make) -> None:
    cache = PickerCache()
    first = cache.get(request_of(1))
    assert cache.get(request_of(2)) is first
    assert device_name(first).startswith("CPU, ")


def test_a_network_that_was_saved_anew_is_loaded_again(request_of: Make, tmp_path: Path) -> None:
    weights = tmp_path / "mine.safetensors"
    shutil.copy(bundled_path(), weights)
    cache = PickerCache()
    first = cache.get(request_of(1, weights=str(weights)))
    assert cache.get(request_of(2, weights=str(weights))) is first
    changed = weights.stat().st_mtime_ns + 10**9
    os.utime(weights, ns=(changed, changed))
    assert cache.get(request_of(3, weights=str(weights))) is not first


def test_the_picker_that_is_asked_for_is_loaded(request_of: Make) -> None:
    cache = PickerCache()
    assert isinstance(cache.get(request_of(1)), HydraNetPicker)
    second = cache.get(request_of(2, picker="cgan"))
    assert isinstance(second, CGanPicker)
    assert device_name(second).startswith("CPU, ")
    assert isinstance(cache.get(request_of(3)), HydraNetPicker)


def test_network_and_head_are_none_of_the_other_pickers(request_of: Make) -> None:
    cache = PickerCache()
    first = cache.get(request_of(1, picker="cgan"))
    assert cache.get(request_of(2, picker="cgan", weights="gone.safetensors", head="gone")) is first
