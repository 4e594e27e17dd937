"""The picks of the head before."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_hydrapicker.gui.controllers.head_comparison import NAME, BeforeLayer
from napari_hydrapicker.gui.layers.plugin_layers import PluginLayers

Wait = Callable[..., None]
FEW, MORE = np.array([[3.0, 70.0], [40.0, 5.0]]), np.array([[1.0, 2.0], [3.0, 90.0], [5.0, 60.0]])


@pytest.fixture
def viewer(qapp_exists: None) -> ViewerModel:
    """A viewer with a layer that the user works on."""
    made = ViewerModel()
    made.add_points([[10.0, 20.0]], name="picks")
    return made


def test_it_shows_picks_as_wide_as_the_particle(viewer: ViewerModel, wait: Wait) -> None:
    before = BeforeLayer(PluginLayers(viewer))
    before.show(FEW, 30.0)
    layer = viewer.layers[NAME]
    wait(lambda: layer.visible, seconds=2)
    assert layer.data.tolist() == FEW.tolist()
    assert (layer.size == 30).all()
    assert not layer.editable
    assert viewer.layers.selection.active is viewer.layers["picks"]


def test_what_the_user_has_switched_off_stays_so(viewer: ViewerModel, wait: Wait) -> None:
    before = BeforeLayer(PluginLayers(viewer))
    before.show(FEW, 30.0)
    layer = viewer.layers[NAME]
    wait(lambda: layer.visible, seconds=2)
    layer.visible = False
    before.show(MORE, 50.0)
    assert viewer.layers[NAME] is layer
    assert (layer.data.tolist(), layer.visible) == (MORE.tolist(), False)
    assert (layer.size == 50).all()


def test_it_comes_again_where_the_user_has_removed_it(viewer: ViewerModel) -> None:
    before = BeforeLayer(PluginLayers(viewer))
    before.show(FEW, 30.0)
    viewer.layers.remove(NAME)
    before.show(MORE, 30.0)
    assert viewer.layers[NAME].data.tolist() == MORE.tolist()


def test_nothing_to_compare_is_an_empty_layer_and_in_the_end_none(viewer: ViewerModel) -> None:
    before = BeforeLayer(PluginLayers(viewer))
    before.clear()
    assert NAME not in viewer.layers
    before.show(FEW, 30.0)
    before.clear()
    assert len(viewer.layers[NAME].data) == 0
    before.remove()
    assert NAME not in viewer.layers
    before.remove()
