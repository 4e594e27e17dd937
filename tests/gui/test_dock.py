"""The dock in a viewer: opening, picking, correcting, exporting."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_hydrapicker.gui import dock as dock_module
from napari_hydrapicker.gui.layers.canvas import camera_of
from napari_hydrapicker.gui.layers.tools import Tool
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.simulation.sample import Sample

Wait = Callable[..., None]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the user was told."""
    texts: list[str] = []
    monkeypatch.setattr("napari_hydrapicker.gui.widgets.parts.show_warning", texts.append)
    monkeypatch.setattr("napari_hydrapicker.gui.widgets.parts.show_info", texts.append)
    return texts


def test_a_folder_opens_with_its_project(dock: Any, folder: Path) -> None:
    assert [r.name for r in dock.session.records] == ["m0", "m1", "m2"]
    assert dock.session.project.path == folder / "micrographs.hydrapicker"
    assert [layer.name for layer in dock.viewer.layers][:2] == ["HydraPicker micrograph", "HydraPicker picks"]
    assert dock.micrographs.table.model.rowCount() == 3


def test_all_is_picked_and_the_picks_are_particles(dock: Any, samples: list[Sample], wait: Wait) -> None:
    dock.commands.pick("all")
    wait(lambda: not dock.jobs.running, 90)
    for record, sample in zip(dock.session.records, samples, strict=True):
        assert record.status is Status.PICKED
        picks = dock.session.picks(record.id)
        gap = np.linalg.norm(picks.yx[:, None] - sample.picks.yx[None], axis=2).min(axis=1)
        assert (gap < 15).mean() > 0.7
    assert dock.pick.device_name.text().startswith("CPU")
    assert dock.pick.progress.isHidden()


def test_the_threshold_hides_and_shows(picked: Any) -> None:
    layer = picked.canvas.picks.layer
    picked.session.update(threshold=0.5)
    assert layer.data.tolist() == [[100, 500], [300, 200]]
    picked.session.update(threshold=0.2)
    assert len(layer.data) == 3
    np.testing.assert_allclose(layer.features["score"], [0.9, 0.7, 0.3], rtol=1e-6)
    assert picked.pick.count.text() == "3 picks here, 3 in all"


def test_keys_step_undo_and_mark(picked: Any, wait: Wait) -> None:
    viewer, session = picked.viewer, picked.session
    first, second, _ = (r.id for r in session.records)
    picked.canvas.picks.layer.add([[50.0, 60.0]])
    press = {str(key): action for key, action in viewer.keymap.items()}
    press["Ctrl+Z"](viewer)
    assert len(session.labels(first)) == 3
    press["Ctrl+Shift+Z"](viewer)
    assert session.labels(first).yx[-1].tolist() == [50, 60]
    press["Q"](viewer)
    assert session.record(first).status is Status.COMPLETE
    assert picked.correct.complete.isChecked()
    press["Q"](viewer)
    assert session.record(first).status is Status.CORRECTED
    press["."](viewer)
    wait(lambda: picked.canvas.micrograph_id == second)
    assert len(picked.canvas.picks.layer.data) == 0
    press[","](viewer)
    wait(lambda: picked.canvas.micrograph_id == first)
    assert picked.canvas.picks.layer.data[-1].tolist() == [50, 60]


def test_what_is_exported_is_what_is_shown(picked: Any, tmp_path: Path, wait: Wait, told: list[str]) -> None:
    picked.session.update(threshold=0.5)
    picked.canvas.picks.layer.add([[33.0, 444.0]])
    picked.session.set_status(picked.session.records[2].id, Status.EXCLUDED)
    picked.export.set_open(True)
    picked.export.folder.setText(str(tmp_path / "out"))
    assert picked.export.preview.text() == (
        "3 picks on 2 micrographs, 3 files; 1 excluded micrograph left out"
    )
    picked.export.write.click()
    wait(lambda: bool(told))
    assert "found the same" in told[-1]
    back = formats.read(tmp_path / "out" / "m0_autopick.star")["m0"]
    assert back.yx.tolist() == [[33, 444], [100, 500], [300, 200]]
    assert not (tmp_path / "out" / "m2_autopick.star").exists()


def test_nothing_is_replaced_against_the_users_will(
    picked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait: Wait, told: list[str]
) -> None:
    target = tmp_path / "out" / "autopick.star"
    target.parent.mkdir()
    target.write_text("mine")
    picked.export.set_open(True)
    picked.export.folder.setText(str(target.parent))
    answer = dock_module_answer(monkeypatch, yes=False)
    picked.export.write.click()
    assert answer == ["asked"]
    assert target.read_text() == "mine"
    dock_module_answer(monkeypatch, yes=True)
    picked.export.write.click()
    wait(lambda: bool(told))
    assert target.read_text() != "mine"


def dock_module_answer(monkeypatch: pytest.MonkeyPatch, yes: bool) -> list[str]:
    """Answer the question whether to replace files."""
    from qtpy.QtWidgets import QMessageBox

    asked: list[str] = []

    def question(*_: object) -> object:
        asked.append("asked")
        buttons = QMessageBox.StandardButton
        return buttons.Yes if yes else buttons.No

    monkeypatch.setattr(QMessageBox, "question", question)
    return asked


def test_a_second_window_is_told_and_cannot_edit(
    picked: Any, folder: Path, make_napari_viewer: Any, wait: Wait, told: list[str]
) -> None:
    viewer = make_napari_viewer(show=False)
    second = dock_module.HydraPickerWidget(viewer)
    second.opener.open([str(folder)])
    wait(lambda: second.canvas.micrograph_id is not None)
    assert "read-only" in told[-1]
    layer = second.canvas.picks.layer
    shown = len(layer.data)
    layer.add([[5.0, 6.0]])
    assert "another window" in told[-1]
    assert len(layer.data) == shown, "the layer goes back"
    second.commands.pick("all")
    assert not second.jobs.running
    second.close_session()
    second.deleteLater()


def test_a_project_opens_where_it_was_left(picked: Any, folder: Path, wait: Wait) -> None:
    second = picked.session.records[1].id
    picked.session.set_current(second)
    path = picked.session.project.path
    picked.session.close()
    picked.opener.open([str(path)])
    wait(lambda: picked.canvas.micrograph_id == second)
    assert picked.session.count(picked.session.records[0].id) == 2


def test_bad_files_are_told_and_the_others_open(dock: Any, folder: Path, wait: Wait, told: list[str]) -> None:
    (folder / "broken.mrc").write_bytes(b"\0" * 2000)
    dock.opener.open([str(folder)])
    wait(lambda: bool(told))
    assert "broken.mrc" in told[-1]
    assert len(dock.session.records) == 3


def test_moved_micrographs_are_found_again(
    picked: Any, folder: Path, tmp_path: Path, told: list[str]
) -> None:
    project = tmp_path / "elsewhere.hydrapicker"
    path = picked.session.project.path
    picked.session.close()
    path.rename(project)
    again = Project.open(project)  # paths were relative to the project's old place
    assert all(record.missing for record in again.micrographs())
    again.close()
    picked.opener.open([str(project)])
    assert "3 micrographs are missing" in told[-1]
    picked.opener.open([str(folder)])
    assert not any(record.missing for record in picked.session.records)


def test_closing_while_picking_leaves_nothing(dock: Any, wait: Wait) -> None:
    import threading

    dock.commands.pick("all")
    process = dock.jobs._child._process
    dock.close_session()
    assert not process.running
    QApplication.processEvents()
    assert not [t for t in threading.enumerate() if "hydrapicker" in t.name]


def _until_shown(widget: Any, wait: Wait) -> None:
    wait(lambda: widget.canvas.micrograph_id is not None)


def test_a_window_closed_while_picking_leaves_nothing(
    make_napari_viewer: Any, folder: Path, wait: Wait
) -> None:
    import threading

    viewer = make_napari_viewer(show=False)
    widget = dock_module.HydraPickerWidget(viewer)
    viewer.window.add_dock_widget(widget, name="HydraPicker")
    widget.opener.open([str(folder)])
    _until_shown(widget, wait)
    widget.commands.pick("all")
    process, session = widget.jobs._child._process, widget.session
    del widget
    viewer.close()
    wait(lambda: not process.running)
    wait(lambda: not session.is_open)
    assert not [t for t in threading.enumerate() if "hydrapicker" in t.name]


def test_opening_the_widget_loads_no_torch() -> None:
    code = (
        "import sys, napari_hydrapicker.gui.dock\n"
        "assert 'torch' not in sys.modules\n"
    )  # fmt: skip
    subprocess.run([sys.executable, "-c", code], check=True)


def test_measuring_sets_the_diameter(dock: Any, told: list[str]) -> None:
    dock.tools.measured.emit(50.0)
    assert dock.session.settings.diameter_angstrom == 150
    assert dock.micrographs.diameter.value() == 150
    assert (dock.canvas.picks.layer.current_size, told) == (50, [])


def test_excluding_goes_back_and_forth(picked: Any) -> None:
    picked.commands.toggle_excluded()
    record = picked.session.records[0]
    assert record.status is Status.EXCLUDED
    assert picked.session.total() == 0
    picked.commands.toggle_excluded()
    assert picked.session.records[0].status is Status.PICKED


def test_keys_and_clicks_on_the_canvas(picked: Any, hand: Any, wait: Wait, tmp_path: Path) -> None:
    session, control = picked.session, Qt.KeyboardModifier.ControlModifier
    first, second, _ = (r.id for r in session.records)
    tolerance = 1.5 / camera_of(picked.viewer).zoom  # the mouse goes from one pixel of the screen to another

    def last() -> np.ndarray:
        return np.asarray(session.labels(first).yx[-1])

    hand.key(Qt.Key.Key_2)
    assert picked.tools.tool is Tool.ADD
    hand.click(120.0, 560.0)
    np.testing.assert_allclose(last(), [120, 560], atol=tolerance)
    hand.key(Qt.Key.Key_Z, control)
    assert last().tolist() == [400, 600]
    hand.key(Qt.Key.Key_Z, control | Qt.KeyboardModifier.ShiftModifier)
    np.testing.assert_allclose(last(), [120, 560], atol=tolerance)
    hand.key(Qt.Key.Key_3)
    hand.drag((120.0, 560.0), (122.0, 540.0), (60.0, 330.0))
    np.testing.assert_allclose(last(), [60, 330], atol=2 * tolerance)
    hand.key(Qt.Key.Key_Q)
    assert session.record(first).status is Status.COMPLETE
    hand.key(Qt.Key.Key_Period)
    wait(lambda: picked.canvas.micrograph_id == second)
    picked.export.folder.setText(str(tmp_path / "out"))
    picked.export.write.click()
    wait(lambda: not picked.tasks.busy)
    written = formats.read(tmp_path / "out" / "m0_autopick.star")["m0"].yx
    np.testing.assert_allclose(written, session.picks(first).yx, atol=1e-3)
    assert np.abs(written - [60, 330]).max(axis=1).min() <= 2 * tolerance


def test_a_complete_micrograph_keeps_its_picks_whatever_the_slider_does(picked: Any, wait: Wait) -> None:
    layer, first = picked.canvas.picks.layer, picked.session.current
    picked.session.update(threshold=0.8)
    picked._toggle_complete()
    picked.pick.slider.field.setValue(0.1)
    assert layer.data.tolist() == [[100, 500]]
    wait(lambda: picked.micrographs.table.model.index(0, 1).data() == "1")
    assert [len(item.picks) for item in picked._export_items()] == [1, 0, 0]
    picked._toggle_complete()
    assert len(layer.data) == 3
    assert picked.session.current == first


def test_a_read_only_project_takes_no_correction_and_no_mark(
    picked: Any, folder: Path, make_napari_viewer: Any, wait: Wait, told: list[str]
) -> None:
    second = dock_module.HydraPickerWidget(make_napari_viewer(show=False))
    second.opener.open([str(folder)])
    wait(lambda: second.canvas.micrograph_id is not None)
    layer = second.canvas.picks.layer
    before = layer.data.tolist()
    assert len(before) == 2
    picks = second.canvas.picks
    picks.hide({int(picks.ids[0])})
    assert not second.canvas.delete(second.session.labels(second.session.current).id[:1])
    assert layer.data.tolist() == before, "what the eraser had hidden is back"
    del told[:]
    assert not second.correct.complete.isEnabled()
    assert "read-only" in second.correct.complete.toolTip()
    second.commands.toggle_complete()
    assert "read-only" in told[-1]
    assert not second.correct.complete.isChecked()
    second.close_session()
    second.deleteLater()


def test_a_dock_that_is_closed_lets_go_of_everything(
    make_napari_viewer: Any, folder: Path, wait: Wait, told: list[str]
) -> None:
    viewer = make_napari_viewer(show=False)
    widget = dock_module.HydraPickerWidget(viewer)
    frame = viewer.window.add_dock_widget(widget, name="HydraPicker")
    widget.opener.open([str(folder)])
    _until_shown(widget, wait)
    widget.commands.pick("this")
    process, layer = widget.jobs._child._process, widget.canvas.picks.layer
    frame.destroyOnClose()  # as its title bar's button does
    assert not process.running
    assert not viewer.keymap
    for _ in range(3):
        QApplication.processEvents()
    layer.mode = "add"
    layer.add([[3.0, 4.0]])
    assert layer.data.tolist() == [[3, 4]], "an ordinary layer now"
    again = dock_module.HydraPickerWidget(viewer)
    again.opener.open([str(folder)])
    _until_shown(again, wait)
    assert not again.session.read_only
    assert told == []
    again.close_session()
    again.deleteLater()


def test_another_project_ends_the_picking_of_this_one(
    dock: Any, folder: Path, tmp_path: Path, wait: Wait, told: list[str]
) -> None:
    dock.commands.pick("all")
    other = tmp_path / "other"
    other.mkdir()
    (folder / "m2.mrc").rename(other / "n.mrc")
    dock.opener.open([str(other)])
    wait(lambda: dock.session.project.path.name == "other.hydrapicker")
    assert not dock.jobs.running
    wait(lambda: dock.canvas.micrograph_id is not None)
    assert dock.canvas.display.extent_px == (640, 480)
    assert len(dock.session.labels(dock.session.current)) == 0


def test_a_closed_dock_ends_its_process_before_it_removes_layers(picked: Any, double: Any) -> None:
    seen: list[str] = double.ended
    picked.jobs._child.close()
    picked.jobs._child = double
    picked.viewer.layers.events.removed.connect(lambda event: seen.append(event.value.name))
    picked.viewer.layers.events.end_batch.connect(lambda _: seen.append("updated"))
    picked.close_session()
    assert seen[0] == "stopped", "it dies while the layers are removed"
    assert {"HydraPicker picks", "HydraPicker micrograph"} <= set(seen)
    assert seen[-2:] == ["updated", "closed"], "one update of the canvas, then nothing is left running"
    assert seen.count("updated") == 1


def test_a_closed_dock_takes_its_layers_with_it(picked: Any) -> None:
    others = picked.viewer.add_points([[1.0, 2.0]], name="the user's own")
    picked.canvas.picks.layer.add([[50.0, 60.0]])
    picked.close_session()
    assert list(picked.viewer.layers) == [others]
    picked.close_session()
