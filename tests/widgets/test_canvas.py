"""The canvas follows the session, and the session the canvas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_hydrapicker.imaging.display import DisplayFilter
from napari_hydrapicker.widgets.camera import camera_of

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
