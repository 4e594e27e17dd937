"""Layers that come beside the active one and leave together."""

from __future__ import annotations

import gc
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Points

from napari_hydrapicker.widgets.layers import add_beside, at_one_stroke

Wait = Callable[..., None]


@pytest.fixture
def viewer(qapp_exists: None) -> ViewerModel:
    """A viewer whose active layer is the lower one of two."""
    made = ViewerModel()
    for name in ("lower", "upper"):
        made.add_layer(Points(np.array([[3.0, 70.0]]), name=name))
    made.layers.selection.active = made.layers["lower"]
    return made


def test_a_layer_beside_is_seen_later_and_the_active_one_stays_active(
    viewer: ViewerModel, wait: Wait
) -> None:
    layer = Points(np.array([[5.0, 90.0]]))
    add_beside(viewer, layer)
    assert viewer.layers[-1] is layer
    assert not layer.visible, "to add and to draw it in one go takes napari too long"
    assert viewer.layers.selection.active is viewer.layers["lower"]
    wait(lambda: layer.visible, seconds=2)


def test_a_layer_that_is_no_longer_wanted_stays_out_of_sight(viewer: ViewerModel, wait: Wait) -> None:
    layer, asked = Points(np.array([[5.0, 90.0]])), []
    add_beside(viewer, layer, wanted=lambda: bool(asked.append("asked")))
    wait(lambda: bool(asked), seconds=2)
    assert not layer.visible


def test_layers_removed_at_one_stroke_are_one_update(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer(show=False)
    for name in ("one", "two", "three"):
        viewer.add_points([[3.0, 70.0]], name=name)
    assert _full_collections(lambda: _remove(viewer, "one", "two", "three")) == 1
    assert list(viewer.layers) == []


def _remove(viewer: Any, *names: str) -> None:
    with at_one_stroke(viewer):
        for name in names:
            viewer.layers.remove(name)


def _full_collections(work: Callable[[], None]) -> int:
    """Count collections of all garbage that are asked for, not those that come by themselves."""
    seen: list[int] = []

    def on_collection(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            seen.append(info["generation"])

    gc.disable()
    gc.callbacks.append(on_collection)
    try:
        work()
    finally:
        gc.callbacks.remove(on_collection)
        gc.enable()
    return seen.count(2)


def test_the_update_comes_where_something_goes_wrong_too(viewer: ViewerModel) -> None:
    ended: list[str] = []
    viewer.layers.events.end_batch.connect(lambda _: ended.append("ended"))
    with pytest.raises(ValueError, match="no layer"), at_one_stroke(viewer):
        raise ValueError("no layer")
    assert ended == ["ended"]


def test_a_napari_that_knows_no_batches_is_none_the_worse() -> None:
    layers = ["one", "two"]
    old: Any = SimpleNamespace(layers=layers)
    with at_one_stroke(old):
        layers.remove("one")
    assert layers == ["two"]
