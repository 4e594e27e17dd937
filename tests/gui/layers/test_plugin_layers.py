"""The plugin's layers in the user's viewer: their order, their coming back, their leaving together."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Points

from napari_hydrapicker.gui.layers.plugin_layers import Place, PluginLayers, without_refresh

Wait = Callable[..., None]
OURS = (Place.MICROGRAPH, Place.BEFORE, Place.PICKS, Place.RING)


def make(place: Place) -> Any:
    if place is Place.MICROGRAPH:
        return Image(np.zeros((30, 70)), name=place.name)
    return Points(np.array([[3.0, 70.0]]), name=place.name)


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def is_in_order(viewer: Any, places: tuple[Place, ...] = OURS) -> bool:
    """Whether all are there, in order, and points lie above every image."""
    there = [name for name in names(viewer) if name in Place.__members__]
    images = [i for i, layer in enumerate(viewer.layers) if isinstance(layer, Image)]
    points = [names(viewer).index(place.name) for place in places if place is not Place.MICROGRAPH]
    return there == [place.name for place in places] and min(points) > max(images)


def test_napari_still_has_what_is_used_of_its_own() -> None:
    """A private function; where it goes away, the next micrograph takes longer to show."""
    layer = Image(np.zeros((30, 70)))
    assert hasattr(layer, "_block_refresh"), "see plugin_layers.without_refresh"
    heard: list[object] = []
    layer.events.data.connect(heard.append)
    with without_refresh(layer):
        layer.data = np.ones((30, 70))
    assert heard == []
    assert layer.data.all()


@pytest.fixture
def viewer(qapp_exists: None) -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def layers(viewer: ViewerModel) -> PluginLayers:
    """All of the plugin's layers, above an image of the user's own."""
    viewer.add_image(np.ones((50, 40)), name="below")
    made = PluginLayers(viewer)
    for place in OURS:
        made.put(place, make(place))
    return made


@pytest.mark.parametrize("order", list(itertools.permutations(OURS)))
def test_in_whatever_order_they_come_they_lie_in_theirs(
    viewer: ViewerModel, order: tuple[Place, ...]
) -> None:
    layers = PluginLayers(viewer)
    for place in order:
        layers.put(place, make(place))
        viewer.add_image(np.ones((5, 9)), name=f"above {place.name}")
    layers.tidy()
    assert is_in_order(viewer)


@pytest.mark.parametrize("place", OURS)
def test_a_deleted_layer_comes_back_to_its_place(
    viewer: ViewerModel, layers: PluginLayers, wait: Wait, place: Place
) -> None:
    viewer.add_image(np.ones((50, 40)), name="above")
    wait(lambda: names(viewer)[-1] == "RING")
    heard: list[str] = []
    layers.came_back.connect(lambda: heard.append("back"))
    layers.activate(place)
    before = names(viewer)
    viewer.layers.remove(place.name)
    wait(lambda: place.name in names(viewer))
    assert names(viewer) == before
    assert viewer.layers.selection.active is viewer.layers[place.name], "it was active, and is again"
    assert heard == ["back"]


def test_all_of_them_deleted_come_back(viewer: ViewerModel, layers: PluginLayers, wait: Wait) -> None:
    viewer.layers.clear()
    wait(lambda: len(viewer.layers) == 4)
    assert is_in_order(viewer)


@pytest.mark.parametrize("place", OURS)
@pytest.mark.parametrize("index", range(6))
def test_wherever_the_user_moves_a_layer_points_lie_above_images(
    viewer: ViewerModel, layers: PluginLayers, wait: Wait, place: Place, index: int
) -> None:
    viewer.add_image(np.ones((50, 40)), name="above")
    layers.tidy()
    viewer.layers.move(names(viewer).index(place.name), index)
    viewer.layers.selection.active = viewer.layers["below"]
    layers.tidy()
    assert is_in_order(viewer)
    assert viewer.layers.selection.active is viewer.layers["below"]


def test_points_of_the_users_own_stay_where_he_puts_them(viewer: ViewerModel, layers: PluginLayers) -> None:
    viewer.add_points([[1.0, 2.0]], name="mine")
    layers.tidy()
    assert names(viewer)[-1] == "mine"


def test_what_is_dropped_does_not_come_back(viewer: ViewerModel, layers: PluginLayers, wait: Wait) -> None:
    layers.drop(Place.BEFORE, Place.RING)
    layers.tidy()
    assert is_in_order(viewer, (Place.MICROGRAPH, Place.PICKS))
    layers.close()
    assert names(viewer) == ["below"]
    viewer.layers.clear()
    layers.tidy()
    assert names(viewer) == []


def test_another_micrograph_layer_takes_the_place_of_the_one_before(
    viewer: ViewerModel, layers: PluginLayers
) -> None:
    viewer.add_image(np.ones((50, 40)), name="above")
    layers.put(Place.MICROGRAPH, Image(np.zeros((9, 8)), name="other"))
    assert names(viewer)[:3] == ["below", "other", "above"]


def test_a_layer_that_is_seen_later_leaves_the_active_one_active(
    viewer: ViewerModel, layers: PluginLayers, wait: Wait
) -> None:
    layers.drop(Place.RING)
    layers.activate(Place.PICKS)
    layer = make(Place.RING)
    layers.put(Place.RING, layer, wanted=lambda: True)
    assert viewer.layers[-1] is layer
    assert not layer.visible, "to add and to draw it in one go takes napari too long"
    assert viewer.layers.selection.active is viewer.layers["PICKS"]
    wait(lambda: layer.visible, seconds=2)


def test_a_layer_that_is_no_longer_wanted_stays_out_of_sight(viewer: ViewerModel, wait: Wait) -> None:
    layer, asked = make(Place.RING), []
    layers = PluginLayers(viewer)
    layers.put(Place.RING, layer, wanted=lambda: bool(asked.append("asked")))
    wait(lambda: bool(asked), seconds=2)
    assert not layer.visible


def test_layers_that_leave_together_are_one_update(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer(show=False)
    layers = PluginLayers(viewer)
    for place in OURS:
        layers.put(place, make(place))
    assert _full_collections(layers.close) == 1
    assert list(viewer.layers) == []


def test_the_canvas_has_its_own_context_when_a_layer_leaves(make_napari_viewer: Any) -> None:
    """Else napari deletes its shaders in Qt's, and the next layer that is drawn kills the process."""
    viewer = make_napari_viewer(show=False)
    layers, current = PluginLayers(viewer), []
    native = viewer.window._qt_viewer.canvas.native
    native.makeCurrent = lambda: current.append(len(viewer.layers))
    mine = viewer.add_image(np.ones((50, 40)))
    viewer.layers.remove(mine)
    assert current == [1], "before it is gone"
    viewer.add_image(np.ones((50, 40)))
    viewer.layers.clear()
    assert current[-2:] == [1, 0], "and before the update at the end of many"
    layers.close()
    viewer.add_image(np.ones((50, 40)))
    viewer.layers.clear()
    assert len(current) == 3


def test_a_closed_window_gets_no_layers_back(make_napari_viewer: Any, wait: Wait) -> None:
    viewer = make_napari_viewer(show=False)
    layers = PluginLayers(viewer)
    layers.put(Place.PICKS, make(Place.PICKS))
    viewer.close()
    layers.tidy()
    assert list(viewer.layers) == []


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
