"""The points layer as a view of labels."""

from __future__ import annotations

import numpy as np
import pytest

from napari_hydrapicker.gui.layers.picks_layer import PicksLayer
from napari_hydrapicker.picks import Source
from napari_hydrapicker.project.labels import Labels

LABELS = Labels(
    id=np.array([3, 5, 8, 9]),
    yx=np.array([[10.0, 90.0], [20.0, 80.0], [30.0, 70.0], [40.0, 60.0]]),
    score=np.array([0.9, 0.2, np.nan, 1.0], np.float32),
    source=np.array([Source.PICKER, Source.PICKER, Source.MOVED, Source.MANUAL], np.int8),
    deleted=np.zeros(4, bool),
)
ALL = np.ones(4, bool)


class Hand:
    """Notes what the layer says the user did, and accepts it or not."""

    def __init__(self, accept: bool = True) -> None:
        self.accept = accept
        self.did: list[tuple[str, list[object]]] = []
        self.picks = PicksLayer(
            lambda yx: self._note("added", yx.tolist()),
            lambda ids: self._note("removed", ids.tolist()),
            lambda ids, yx: self._note("moved", [ids.tolist(), yx.tolist()]),
        )
        self.picks.show(LABELS, ALL, 24.0)

    def _note(self, what: str, values: list[object]) -> bool:
        self.did.append((what, values))
        return self.accept


@pytest.fixture
def hand() -> Hand:
    """A layer with four picks, every change accepted."""
    return Hand()


def test_rings_show_place_score_size_and_provenance(hand: Hand) -> None:
    layer = hand.picks.layer
    assert layer.data.tolist() == LABELS.yx.tolist()
    np.testing.assert_allclose(layer.features["score"], [0.9, 0.2, 1, 1], rtol=1e-6)
    assert layer.features["source"].tolist() == ["picker", "picker", "moved", "manual"]
    assert [s.value for s in layer.symbol] == ["disc", "disc", "diamond", "square"]
    assert set(layer.size) == {24.0}
    assert layer.ndim == 2
    colours = layer.border_color[:, :3]
    assert not np.allclose(colours[0], colours[1]), "coloured by score"
    assert (layer.face_color[:, 3] == 0).all()
    assert hand.did == [], "showing is not the user's doing"


def test_hidden_picks_are_not_there_to_be_clicked_on(hand: Hand) -> None:
    hand.picks.show(LABELS, np.array([True, False, True, True]), 30.0)
    assert hand.picks.layer.data.tolist() == LABELS.yx[[0, 2, 3]].tolist()
    assert hand.picks.ids.tolist() == [3, 8, 9]
    assert set(hand.picks.layer.size) == {30.0}
    hand.picks.show(LABELS, ALL, 30.0)
    assert [s.value for s in hand.picks.layer.symbol] == ["disc", "disc", "diamond", "square"]


def test_naparis_tools_become_edits(hand: Hand) -> None:
    layer = hand.picks.layer
    layer.add([[55.5, 66.25]])
    assert hand.did.pop() == ("added", [[55.5, 66.25]])
    hand.picks.show(LABELS, ALL, 24.0)
    layer.selected_data = {1, 3}
    layer.remove_selected()
    assert hand.did.pop() == ("removed", [5, 9])
    hand.picks.show(LABELS, ALL, 24.0)
    layer._set_drag_start([2], np.array([30.0, 70.0]))
    layer._move([2], np.array([33.0, 71.0]))
    what, (ids, yx) = hand.did.pop()
    assert (what, ids) == ("moved", [8])
    np.testing.assert_array_equal(yx, layer.data[[2]])
    assert hand.did == []


def test_what_is_refused_goes_back() -> None:
    hand = Hand(accept=False)
    layer = hand.picks.layer
    layer.add([[55.5, 66.25]])
    assert layer.data.tolist() == LABELS.yx.tolist()
    layer.selected_data = {0}
    layer.remove_selected()
    assert layer.data.tolist() == LABELS.yx.tolist()
    assert [s.value for s in layer.symbol] == ["disc", "disc", "diamond", "square"]


def test_data_that_a_script_gives_an_empty_layer_are_added(hand: Hand) -> None:
    hand.picks.show(LABELS, ~ALL, 24.0)
    hand.picks.layer.data = np.array([[55.5, 66.25]])
    assert hand.did == [("added", [[55.5, 66.25]])]


def test_other_data_from_a_script_are_not_taken_for_moves(hand: Hand) -> None:
    hand.picks.layer.data = np.zeros((2, 2))
    assert hand.did == []
    assert hand.picks.layer.data.tolist() == LABELS.yx.tolist()


def test_the_nearest_comes_first(hand: Hand) -> None:
    assert hand.picks.nearest(np.array([22.0, 79.0]), 20.0).tolist() == [5, 8, 3]
    assert hand.picks.nearest(np.array([22.0, 79.0]), 5.0).tolist() == [5]
    assert hand.picks.nearest(np.array([79.0, 22.0]), 5.0).tolist() == [], "row and column are not the same"


def test_hiding_lasts_until_the_next_show(hand: Hand) -> None:
    hand.picks.hide({3, 9})
    assert hand.picks.ids.tolist() == [5, 8]
    hand.picks.show(LABELS, ALL, 24.0)
    assert hand.picks.ids.tolist() == [3, 5, 8, 9]


def test_what_was_added_last_is_selected() -> None:
    yx = np.array([[55.5, 66.25]])
    more = Labels(
        id=np.append(LABELS.id, 12), yx=np.vstack([LABELS.yx, yx]), score=np.append(LABELS.score, 1),
        source=np.append(LABELS.source, Source.MANUAL).astype(np.int8), deleted=np.zeros(5, bool),
    )  # fmt: skip

    def added(_: object) -> bool:
        picks.show(more, np.ones(5, bool), 24.0)
        return True

    picks = PicksLayer(added, lambda _: False, lambda *_: False)
    picks.show(LABELS, ALL, 24.0)
    picks.layer.add(yx)
    assert set(picks.layer.selected_data) == {4}, "as napari does: Delete takes it away again"


def test_new_picks_are_discs_whatever_was_clicked_last(hand: Hand) -> None:
    layer = hand.picks.layer
    plain = np.array([True, True, False, False])
    hand.picks.show(LABELS, np.array([True, False, False, False]), 24.0)
    hand.picks.show(LABELS, np.array([True, False, False, True]), 24.0)
    layer.selected_data = {1}  # the manual one: napari's next point would be a square like it
    hand.picks.show(LABELS, np.array([True, False, False, False]), 24.0)
    layer.current_symbol = "square"
    hand.picks.show(LABELS, plain, 24.0)
    assert [s.value for s in layer.symbol] == ["disc", "disc"]


def test_what_was_drawn_in_haste_is_made_good(hand: Hand) -> None:
    layer, heard = hand.picks.layer, []
    layer.events.data.connect(heard.append)
    hand.picks.show(LABELS, np.array([True, False, True, False]), 24.0, fleeting=True)
    assert (len(layer.data), layer.antialiasing, heard) == (2, 0, [])
    hand.picks.settle()
    assert (len(layer.data), layer.antialiasing, len(heard)) == (2, 1, 1)
    hand.picks.settle()
    assert len(heard) == 1, "there is nothing to make good any more"
    assert hand.did == []
