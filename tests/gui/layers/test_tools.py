"""The mouse's tools."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_hydrapicker.gui.layers.canvas import camera_of
from napari_hydrapicker.gui.layers.tools import Tool


def _drag(tools: Any, places: list[tuple[float, float]]) -> None:
    """Press at the first place, move over the others, let go."""
    event = SimpleNamespace(button=1, type="mouse_press", position=places[0], handled=False)
    steps = tools._on_drag(tools._viewer, event)
    next(steps, None)
    for place in places[1:]:
        event.type, event.position = "mouse_move", place
        next(steps, None)
    event.type = "mouse_release"
    next(steps, None)


def test_a_click_erases_the_nearest(picked: Any) -> None:
    picked.tools.choose(Tool.ERASE)
    _drag(picked.tools, [(103.0, 498.0)])
    assert picked.canvas.picks.layer.data.tolist() == [[300, 200]]
    _drag(picked.tools, [(498.0, 103.0)])
    assert len(picked.canvas.picks.layer.data) == 1, "x and y are not the same"


def test_a_drag_erases_what_it_touches_as_one_edit(picked: Any) -> None:
    picked.tools.choose(Tool.ERASE)
    _drag(picked.tools, [(90.0, 500.0), (101.0, 501.0), (200.0, 300.0), (300.0, 199.0)])
    assert len(picked.canvas.picks.layer.data) == 0
    picked.commands.undo()
    assert picked.canvas.picks.layer.data.tolist() == [[100, 500], [300, 200]]


def test_other_tools_do_not_erase(picked: Any) -> None:
    picked.tools.choose(Tool.BROWSE)
    _drag(picked.tools, [(100.0, 500.0), (300.0, 200.0)])
    assert len(picked.canvas.picks.layer.data) == 2


def test_measuring_draws_a_ring_and_tells_the_diameter(dock: Any) -> None:
    heard: list[float] = []
    dock.tools.measured.connect(heard.append)
    dock.tools.choose(Tool.MEASURE)
    _drag(dock.tools, [(100.0, 200.0), (110.0, 200.0), (130.0, 240.0)])
    assert heard == [pytest.approx(50)]
    ring = dock.viewer.layers["HydraPicker diameter"]
    assert ring.data.tolist() == [[115, 220]]
    assert ring.size[0] == pytest.approx(50)


def test_the_ring_is_hidden_and_shown_again_in_front(dock: Any) -> None:
    dock.session.update(diameter_angstrom=150)
    ring = dock.viewer.layers["HydraPicker diameter"]
    dock.tools.hide_ring()
    assert not ring.visible, "to remove it takes napari a quarter of a second"
    other = dock.viewer.add_image(np.ones((9, 70)), name="something above it")
    camera_of(dock.viewer).center = (0, 210.0, 320.0)
    dock.session.update(diameter_angstrom=240)
    assert dock.viewer.layers[-1] is ring
    assert other in dock.viewer.layers
    assert (ring.visible, ring.size[0]) == (True, 80)
    assert ring.data.tolist() == [[210, 320]], "not where it was seen before"


def test_a_ring_that_is_hidden_at_once_stays_hidden(dock: Any) -> None:
    dock.session.update(diameter_angstrom=150)
    ring = dock.viewer.layers["HydraPicker diameter"]
    dock.tools.hide_ring()
    QTest.qWait(100)
    assert not ring.visible


def test_a_new_ring_is_seen_a_moment_later(dock: Any, wait: Any) -> None:
    if "HydraPicker diameter" in dock.viewer.layers:
        dock.viewer.layers.remove("HydraPicker diameter")
    dock.session.update(diameter_angstrom=240)
    ring = dock.viewer.layers["HydraPicker diameter"]
    assert not ring.visible
    wait(lambda: ring.visible, seconds=2)
    assert ring.size[0] == 80
    assert dock.viewer.layers.selection.active is dock.canvas.picks.layer


def test_no_ring_is_left_when_the_dock_is_closed(dock: Any) -> None:
    dock.session.update(diameter_angstrom=150)
    dock.tools.hide_ring()
    dock.close_session()
    assert "HydraPicker diameter" not in dock.viewer.layers


@pytest.mark.parametrize(
    ("tool", "mode", "pans"),
    [(Tool.ADD, "add", False), (Tool.MOVE, "select", False), (Tool.ERASE, "pan_zoom", False),
     (Tool.BROWSE, "pan_zoom", True)],
)  # fmt: skip
def test_tools_set_naparis_modes(picked: Any, tool: Tool, mode: str, pans: bool) -> None:
    picked.tools.choose(tool)
    layer = picked.canvas.picks.layer
    assert (str(layer.mode), layer.mouse_pan) == (mode, pans)
    assert picked.viewer.layers.selection.active is layer
    assert picked.correct._tools[tool].isChecked()


def test_the_key_for_browsing_ends_erasing(picked: Any, hand: Any) -> None:
    hand.key(Qt.Key.Key_E)
    assert picked.tools.tool is Tool.ERASE
    hand.key(Qt.Key.Key_4)
    assert picked.tools.tool is Tool.BROWSE
    assert picked.canvas.picks.layer.mouse_pan
    hand.click(100.0, 500.0)
    assert len(picked.canvas.picks.layer.data) == 2


def test_the_mouse_erases_where_it_is(picked: Any, hand: Any) -> None:
    hand.key(Qt.Key.Key_E)
    centre = camera_of(picked.viewer).center
    hand.drag((150.0, 520.0), (101.0, 499.0), (200.0, 350.0), (299.0, 201.0))
    assert len(picked.canvas.picks.layer.data) == 0
    assert camera_of(picked.viewer).center == centre, "the image stays where it is"
    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert picked.canvas.picks.layer.data.tolist() == [[100, 500], [300, 200]], "one step"


def test_naparis_own_buttons_are_followed(picked: Any) -> None:
    picked.canvas.picks.layer.mode = "add"
    assert picked.tools.tool is Tool.ADD
    assert picked.correct._tools[Tool.ADD].isChecked()
    picked.canvas.picks.layer.mode = "pan_zoom"
    assert picked.tools.tool is Tool.BROWSE


@pytest.mark.parametrize("tool", [Tool.ADD, Tool.MOVE, Tool.ERASE])
def test_a_layer_that_was_away_has_the_tool_again(picked: Any, tool: Tool, wait: Any) -> None:
    picked.tools.choose(tool)
    layer = picked.canvas.picks.layer
    mode = str(layer.mode)
    heard: list[str] = []
    layer.events.mode.connect(lambda event: heard.append(event.mode))
    picked.viewer.layers.remove(layer)
    with layer.events.mode.blocker():
        layer.mode = "transform"
    layer.mouse_pan = True
    wait(lambda: layer in picked.viewer.layers and not layer.mouse_pan)
    assert heard[-1] == mode, "napari's buttons follow"
    assert (str(layer.mode), layer.mouse_pan, picked.tools.tool) == (mode, False, tool)


def test_without_a_micrograph_no_tool_is_taken_up_and_no_layer_comes(dock: Any) -> None:
    told: list[str] = []
    dock.tools.problem.connect(told.append)
    dock.session.close()
    for tool in (Tool.ADD, Tool.MOVE, Tool.ERASE, Tool.MEASURE):
        dock.tools.choose(tool)
    assert len(told) == 4
    assert "no micrograph to measure on: open a folder first" in told[-1]
    assert dock.tools.tool is Tool.BROWSE
    assert list(dock.viewer.layers) == []
    assert dock.correct._tools[Tool.BROWSE].isChecked()
