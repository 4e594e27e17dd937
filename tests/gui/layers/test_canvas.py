"""The canvas follows the session, and the session the canvas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import Qt

from napari_hydrapicker.gui.layers.canvas import camera_of
from napari_hydrapicker.gui.layers.tools import Tool
from napari_hydrapicker.imaging.display import DisplayFilter
from napari_hydrapicker.project.records import Status

Wait = Callable[..., None]


def test_image_and_picks_share_the_micrographs_pixels(picked: Any) -> None:
    image, layer = picked.viewer.layers[0], picked.canvas.picks.layer
    np.testing.assert_allclose(image.extent.world, [[0, 0], [479, 639]])
    assert tuple(layer.scale) == (1, 1)
    assert layer.data.tolist() == [[100, 500], [300, 200]]
    assert layer.current_size == picked.session.diameter_px(picked.session.current)


def test_a_micrograph_of_another_shape_takes_its_place(picked: Any, wait: Wait) -> None:
    image = picked.viewer.layers[0]
    third = picked.session.records[2].id
    picked.session.set_current(third)
    wait(lambda: picked.canvas.micrograph_id == third)
    np.testing.assert_allclose(image.extent.world, [[0, 0], [639, 479]])
    assert len(picked.viewer.layers) <= 3, "no layer is added again"


def test_edits_go_into_the_session_and_back(picked: Any) -> None:
    number, layer = picked.session.current, picked.canvas.picks.layer
    layer.add([[12.5, 600.0]])
    assert picked.session.labels(number).yx[-1].tolist() == [12.5, 600]
    assert layer.data[-1].tolist() == [12.5, 600]
    assert layer.features["source"].tolist() == ["picker", "picker", "manual"]
    layer.selected_data = {0}
    layer.remove_selected()
    assert picked.session.count(number) == 2
    picked.session.undo(number)
    assert layer.data.tolist() == [[100, 500], [300, 200], [12.5, 600]]


def test_a_filter_changes_the_image_and_nothing_else(picked: Any, wait: Wait) -> None:
    image, before = picked.viewer.layers[0], picked.viewer.layers[0].data
    picked.canvas.set_filter(DisplayFilter(low_pass_angstrom=100))
    wait(lambda: image.data is not before)
    assert image.data.std() != before.std()
    assert len(picked.canvas.picks.layer.data) == 2


def test_a_pick_can_be_centred(picked: Any) -> None:
    picked.canvas.centre_on(int(picked.canvas.picks.ids[1]))
    assert tuple(camera_of(picked.viewer).center)[-2:] == (300, 200)


def test_deleted_layers_come_back(picked: Any, wait: Wait) -> None:
    picked.viewer.layers.clear()
    second = picked.session.records[1].id
    picked.session.set_current(second)
    wait(lambda: picked.canvas.micrograph_id == second)
    assert [layer.name for layer in picked.viewer.layers] == ["HydraPicker micrograph", "HydraPicker picks"]


def test_what_can_wait_comes_after_the_frame(picked: Any, wait: Wait) -> None:
    image, canvas, second = picked.viewer.layers[0], picked.canvas, picked.session.records[1].id
    wait(lambda: not canvas._settle.isActive())
    said: list[str] = []
    canvas.shown.connect(lambda number: said.append(f"shown {number}"))
    canvas.settled.connect(lambda number: said.append(f"settled {number}"))
    image.events.data.connect(lambda _: said.append("image told"))
    canvas.picks.layer.events.data.connect(lambda _: said.append("picks told"))
    picked.session.set_current(second)
    wait(lambda: len(said) == 4)
    assert said == [f"shown {second}", "image told", "picks told", f"settled {second}"]
    picked.session.update(threshold=0.6)
    wait(lambda: len(said) == 5)
    assert said[4] == "picks told", "it is the same micrograph"


def test_what_cannot_be_read_leaves_nothing_on_the_canvas_that_a_mark_could_hit(
    picked: Any, folder: Path, wait: Wait
) -> None:
    first, second, third = (record.id for record in picked.session.records)
    (folder / "m1.mrc").write_bytes(b"not a micrograph any more")
    picked.canvas._loader.forget()
    picked.commands.step(1)
    wait(lambda: picked.canvas.micrograph_id is None)
    image, layer = picked.viewer.layers["HydraPicker micrograph"], picked.canvas.picks.layer
    assert (image.visible, len(layer.data), picked.session.current) == (False, 0, second)
    picked.commands.toggle_complete()
    layer.add([[50.0, 60.0]])
    picked.tools.choose(Tool.ERASE)
    statuses = [record.status for record in picked.session.records]
    assert statuses == [Status.PICKED, Status.NEW, Status.NEW], "neither this one nor the one before"
    assert len(picked.session.labels(first)) == 3
    assert picked.tools.tool is Tool.BROWSE
    picked.commands.step(1)
    wait(lambda: picked.canvas.micrograph_id == third)
    assert image.visible
    picked.commands.step(-2)
    wait(lambda: picked.canvas.micrograph_id == first)
    assert len(layer.data) == 2


def test_a_hidden_image_stays_hidden(picked: Any, wait: Wait) -> None:
    image = picked.viewer.layers["HydraPicker micrograph"]
    image.visible = False
    picked.commands.step(1)
    wait(lambda: picked.canvas.micrograph_id == picked.session.records[1].id)
    assert not image.visible, "the user has hidden it"


def test_clicks_that_would_make_bad_data_make_none(picked: Any, hand: Any) -> None:
    session, number = picked.session, picked.session.current
    told: list[str] = []
    picked.canvas.problem.connect(told.append)
    picked.session.update(threshold=0.5)
    picked.tools.choose(Tool.ADD)
    before = session.labels(number)
    hand.click(500.0, 100.0)
    assert "outside the micrograph" in told[-1]
    hand.click(101.0, 501.0)
    assert "has a pick already" in picked.viewer.status
    for button in (Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton):
        hand.drag((60.0, 60.0), button=button)
        picked.tools.choose(Tool.MOVE)
        hand.drag((100.0, 500.0), button=button)
        hand.drag((100.0, 500.0), (60.0, 400.0), button=button)
        picked.tools.choose(Tool.ADD)
    assert session.labels(number).equals(before)
    hand.click(401.0, 601.0)  # over a hidden pick
    assert session.count(number) == 3
    session.update(threshold=0.0)
    assert session.count(number) == 3, "it has made way"


def test_a_closed_project_is_not_told_of_late(picked: Any, wait: Wait) -> None:
    settled: list[int] = []
    picked.canvas.settled.connect(settled.append)
    picked.session.set_current(picked.session.records[1].id)
    wait(lambda: picked.canvas.micrograph_id == picked.session.current)
    picked.session.close()
    assert not picked.canvas._settle.isActive()
    assert settled == []


def test_an_unknown_pixel_size_still_gives_rings(picked: Any) -> None:
    from dataclasses import replace

    number = picked.session.current
    record = replace(picked.session.record(number), pixel_size_angstrom=None)
    picked.session._records[number] = record
    assert picked.canvas.diameter_px() == 480 / 25
