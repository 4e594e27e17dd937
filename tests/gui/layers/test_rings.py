"""Rows of the points layer, replaced at one stroke."""

import numpy as np
import pandas as pd
from napari.components import ViewerModel

from napari_hydrapicker.gui.layers.picks_layer import make_layer

YX = np.array([[10.0, 90.0], [20.0, 80.0], [30.0, 70.0]])


def _features(n: int) -> pd.DataFrame:
    return pd.DataFrame({"score": np.linspace(0, 1, n), "source": ["picker"] * n})


def test_rows_are_drawn_once_whatever_changes() -> None:
    layer = make_layer()
    ViewerModel().add_layer(layer)
    drawn: list[object] = []
    layer.events.set_data.connect(drawn.append)
    layer.replace_rows(YX, _features(3), 25.0, ["disc", "square", "diamond"])
    assert len(drawn) == 1
    assert layer.data.tolist() == YX.tolist()
    assert layer.features["score"].tolist() == [0, 0.5, 1]
    assert [s.value for s in layer.symbol] == ["disc", "square", "diamond"]
    assert (layer.size.tolist(), layer.current_size) == ([25, 25, 25], 25)
    assert len(np.unique(layer.border_color, axis=0)) == 3, "coloured by score"
    assert len(layer._view_data) == 3, "what is drawn"
    layer.replace_rows(YX[1:], _features(2), 25.0, None)
    assert len(drawn) == 2
    assert len(layer.border_color) == len(layer._view_data) == 2


def test_smoothing_is_left_out_where_it_has_to_be_quick() -> None:
    layer = make_layer()
    layer.replace_rows(YX, _features(3), 25.0, None, smooth=False)
    assert layer.antialiasing == 0
    layer.replace_rows(YX, _features(3), 25.0, None)
    assert layer.antialiasing == 1
    layer.replace_rows(np.zeros((501, 2)), _features(501), 25.0, None)
    assert layer.antialiasing == 0, "so many take too long"


def test_naparis_own_control_hears_of_another_size() -> None:
    layer = make_layer()
    heard: list[object] = []
    layer.events.current_size.connect(heard.append)
    layer.replace_rows(YX, _features(3), 25.0, None)
    layer.replace_rows(YX, _features(3), 25.0, None)
    assert len(heard) == 1


def test_others_are_told_when_it_is_said() -> None:
    layer = make_layer()
    heard: list[object] = []
    layer.events.data.connect(heard.append)
    layer.replace_rows(YX, _features(3), 25.0, None)
    assert heard == []
    layer.announce_rows()
    assert len(heard) == 1


def test_an_owner_is_asked_to_add() -> None:
    layer, asked = make_layer(), []
    layer.ask_to_add = lambda yx: asked.append(yx.tolist())
    layer.add([3.0, 90.0])
    layer.add([[4.0, 5.0], [6.0, 7.0]])
    assert asked == [[[3, 90]], [[4, 5], [6, 7]]]
    assert len(layer.data) == 0, "its owner shows them"
    layer.ask_to_add = None
    layer.add([3.0, 90.0])
    assert layer.data.tolist() == [[3, 90]]


def test_copies_are_added_like_others_where_there_are_none() -> None:
    layer, asked = make_layer(), []
    layer.ask_to_add = lambda yx: asked.append(yx.tolist())
    layer._paste_data()
    layer.replace_rows(YX, _features(3), 25.0, None)
    layer.selected_data = {0, 2}
    layer._copy_data()
    layer._paste_data()
    assert asked == [], "they are there"
    layer.replace_rows(YX[:2], _features(2), 25.0, None)  # another micrograph's
    layer._paste_data()
    assert asked == [[[30, 70]]]
