"""Importing picks in the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_hydrapicker import formats
from napari_hydrapicker.picks import Picks

Wait = Callable[..., None]
PICKS = Picks(np.array([[100.0, 500.0], [300.0, 200.0]]), np.array([0.9, 0.3]))


@pytest.fixture
def told(dock: Any) -> list[str]:
    """What was said of imports."""
    texts: list[str] = []
    for signal in (dock.import_link.told, dock.import_link.problem, dock.tasks.failed):
        signal.disconnect()
        signal.connect(texts.append)
    return texts


def test_a_chosen_file_is_imported(
    dock: Any, told: list[str], tmp_path: Path, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    formats.write({"m0": PICKS, "other": PICKS}, tmp_path / "picks.csv", "csv")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "picks.csv"), ""))
    dock.pick.importing.menu().actions()[0].trigger()
    wait(lambda: bool(told))
    assert told[0].startswith("2 picks imported on 1 micrograph")
    assert "Not here: other" in dock.pick.trouble.text()
    assert dock.session.count(dock.session.records[0].id) == 2
    assert dock.pick.slider.title.text() == "Confidence of picks.csv"
    assert len(dock.canvas.picks.layer.data) == 2


@pytest.mark.parametrize("what", ["file", "folder"])
def test_dropped_picks_are_imported_and_not_taken_for_micrographs(
    dock: Any, told: list[str], tmp_path: Path, wait: Wait, what: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    formats.write({"m0": PICKS, "m1": PICKS}, out, "star-particles")
    (file,) = out.iterdir()
    project = dock.session.project.path
    dock.opener.open([str(file if what == "file" else out)])
    wait(lambda: bool(told))
    assert told[0].startswith("4 picks imported on 2 micrographs")
    assert dock.session.project.path == project


def test_picks_that_lie_beside_micrographs_are_offered(
    dock: Any, told: list[str], folder: Path, wait: Wait
) -> None:
    project = dock.session.project.path
    dock.session.close()
    project.unlink()
    assert dock.pick.offer.isHidden()
    formats.write({"m1": PICKS}, folder, "star")
    dock.opener.open([str(folder)])
    wait(lambda: not dock.pick.offer.isHidden())
    next(b for b in dock.pick.offer.findChildren(QPushButton)).click()
    wait(lambda: bool(told))
    assert dock.session.count(dock.session.records[1].id) == 2
    assert dock.pick.offer.isHidden()


def test_without_micrographs_there_is_nothing_to_import_to(
    dock: Any, told: list[str], tmp_path: Path
) -> None:
    dock.session.close()
    dock.import_link.take(tmp_path / "picks.csv")
    assert "open a folder" in told[0]


def test_a_file_that_cannot_be_read_is_said(dock: Any, told: list[str], tmp_path: Path, wait: Wait) -> None:
    (tmp_path / "picks.csv").write_text("not,a\ntable,of,picks\n")
    dock.import_link.take(tmp_path / "picks.csv")
    wait(lambda: bool(told))
    assert "picks.csv" in told[0]
