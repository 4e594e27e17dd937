"""Dialogs and drops (what opening does is tested with the dock)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QFileDialog

from napari_hydrapicker.gui.dock import HydraPickerWidget
from napari_hydrapicker.picks import Picks

Wait = Callable[..., None]


def test_a_dropped_folder_opens(dock: Any, folder: Path, wait: Wait) -> None:
    dock.session.close()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(folder))])
    event = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    dock.dropEvent(event)
    wait(lambda: dock.canvas.micrograph_id is not None)
    assert len(dock.session.records) == 3


def test_chosen_files_open(dock: Any, folder: Path, wait: Wait, monkeypatch: pytest.MonkeyPatch) -> None:
    dock.session.close()
    (folder / "micrographs.hydrapicker").unlink()
    files = [str(folder / "m0.mrc"), str(folder / "m2.mrc")]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (files, ""))
    dock.opener.ask("files")
    wait(lambda: dock.canvas.micrograph_id is not None)
    assert [r.name for r in dock.session.records] == ["m0", "m2"]


def test_a_micrograph_that_was_replaced_can_be_picked_again(dock: Any, folder: Path, wait: Wait) -> None:
    """The folder is opened again, with an image of another size in it; the picks are spoken of."""
    session, said = dock.session, list[str]()
    session.set_current(next(one.id for one in session.records if one.name == "m1"))
    before = session.record(session.current)
    with mrcfile.new(folder / "m1.mrc", overwrite=True) as file:
        file.set_data(np.random.default_rng(3).normal(size=(130, 210)).astype(np.float32))
        file.voxel_size = 3.0
    dock.opener.problem.connect(said.append)
    dock.opener.open([str(folder)])
    wait(lambda: bool(said))
    after = session.record(session.current)
    assert (after.id, after.shape, after.pixel_size_angstrom) == (before.id, (130, 210), pytest.approx(3.0))
    assert after.micrograph().pixels().shape == (130, 210)
    rows, cols = before.shape
    assert said[0].startswith(f"m1 was replaced by another image (before: {rows} x {cols} pixels)")
    wait(lambda: dock.canvas.display is not None and dock.canvas.display.extent_px == (130, 210))


@pytest.mark.filterwarnings("ignore:.*along y, so that neither is taken")
def test_pixels_that_are_not_square_are_said_to_be_so(dock: Any, folder: Path, wait: Wait) -> None:
    dock.session.close()
    (folder / "micrographs.hydrapicker").unlink()
    said: list[str] = []
    dock.opener.problem.connect(said.append)
    for names in (("m1",), ("m0", "m1")):
        for name in names:
            with mrcfile.open(folder / f"{name}.mrc", "r+") as file:
                file.voxel_size = (1.5, 1.8, 1.0)
        dock.opener.open([str(folder)])
        wait(lambda: dock.canvas.micrograph_id is not None)
        dock.session.close()
        (folder / "micrographs.hydrapicker").unlink()
    why = "the file states 1.5 A a pixel along x, but 1.8 A along y"
    assert said == [
        f"m1 has no pixel size: {why}; enter it in the table",
        f"2 micrographs have no pixel size (m0: {why}): select them, enter it in the table",
    ]


def test_a_project_begins_where_the_user_says(
    dock: Any, tmp_path: Path, folder: Path, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = tmp_path / "mine"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(chosen), ""))
    dock.opener.ask("project")
    assert dock.session.project.path == tmp_path / "mine.hydrapicker"
    assert dock.session.records == []


def test_a_cancelled_dialog_changes_nothing(dock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dock.session.project.path
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    dock.opener.ask("folder")
    assert dock.session.project.path == before
    assert isinstance(dock, HydraPickerWidget)


def test_a_picker_that_only_a_newer_version_knows_is_named(dock: Any, folder: Path, wait: Wait) -> None:
    session, path = dock.session, dock.session.project.path
    session.put_picks(session.records[0].id, Picks(np.array([[50.0, 60.0]])), picker="boxnet/mine")
    stored = session.settings.model_dump() | {"picker": "boxnet", "boxnet": {"scale": 2}}
    session.project.set_setting("pick", stored)
    session.close()
    said: list[str] = []
    dock.opener.problem.connect(said.append)
    dock.opener.open([str(folder)])
    wait(lambda: dock.canvas.micrograph_id is not None)
    assert session.project.path == path
    assert len(said) == 1
    assert "Picker 'boxnet'" in said[0]
    assert dock.pick.picker.currentText() == "HydraPicker", "it stands in its place"
    wait(lambda: dock.pick.slider.title.text() == "Confidence of boxnet, mine")
    session.update(diameter_angstrom=111.0)
    assert session.project.setting("pick", {})["boxnet"] == {"scale": 2}
    assert session.project.setting("pick", {})["picker"] == "boxnet"
