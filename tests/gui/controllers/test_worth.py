"""Micrographs compared and excluded, from the key to the project and back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_hydrapicker.gui.widgets import keys
from napari_hydrapicker.project.records import Status

Wait = Callable[..., None]
LIST = "data_m\nloop_\n_rlnMicrographName #1\n_rlnDefocusU #2\n_rlnDefocusV #3\n"


@pytest.fixture
def opened(picked: Any) -> Any:
    """The picked dock with the window."""
    picked._actions()[keys.COMPARE]()
    picked.worth.window.activateWindow()
    assert QTest.qWaitForWindowActive(picked.worth.window)
    return picked


def _statuses(dock: Any) -> list[str]:
    return [record.status.value for record in dock.session.records]


def test_the_window_opens_in_a_second_and_the_plot_follows(picked: Any, wait: Wait) -> None:
    start = time.process_time()
    picked._actions()[keys.COMPARE]()
    assert time.process_time() - start < 1
    window = picked.worth.window
    assert window.isVisible()
    wait(lambda: window.scatter.ready)
    assert picked.micrographs.actions


def test_an_exclusion_is_one_undo_and_seen_in_both_tables(opened: Any, wait: Wait) -> None:
    window = opened.worth.window
    window.view.selectAll()
    QTest.mouseClick(window.exclude, Qt.MouseButton.LeftButton)
    wait(lambda: _statuses(opened) == ["excluded"] * 3)
    assert opened._export_items() == []
    wait(lambda: [row.status for row in window.model.rows] == ["excluded"] * 3)
    QTest.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: _statuses(opened) == ["picked", "new", "new"])
    QTest.keyClick(
        window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    wait(lambda: _statuses(opened) == ["excluded"] * 3)


def test_a_list_gives_numbers(opened: Any, tmp_path: Path, wait: Wait) -> None:
    said: list[str] = []
    opened.worth.message.connect(said.append)
    (tmp_path / "ctf.star").write_text(LIST + "Movies/m1.mrc 21000 20000\n")
    opened.worth.read_list(tmp_path / "ctf.star")
    wait(lambda: bool(said))
    assert said == ["ctf.star states something of 1 micrograph"]
    window = opened.worth.window
    wait(lambda: window.model.rows[1].worth["defocus_um"] == 2.05)
    wrong: list[str] = []
    opened.worth.problem.disconnect()
    opened.worth.problem.connect(wrong.append)
    (tmp_path / "other.star").write_text(LIST + "Movies/else.mrc 21000 20000\n")
    opened.worth.read_list(tmp_path / "other.star")
    wait(lambda: bool(wrong))
    assert "other micrographs" in wrong[0]


def test_the_table_is_saved(opened: Any, tmp_path: Path) -> None:
    opened.worth.save(tmp_path / "t.csv")
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["micrograph", "m0", "m1", "m2"]
    assert lines[1].split(",")[1] == "2"


def test_picking_the_selected_leaves_excluded_ones_alone(picked: Any, wait: Wait) -> None:
    first, second, _ = (record.id for record in picked.session.records)
    picked.session.set_excluded([second], True)
    asked: list[Any] = []
    picked.jobs.pick = asked.append
    picked.micrographs.table.view.selectAll()
    picked.commands.pick("selected")
    assert second not in asked[0]
    assert first in asked[0]


def test_an_excluded_micrograph_is_not_classified(picked: Any) -> None:
    number = picked.session.records[0].id
    picked.session.set_excluded([number], True)
    told: list[str] = []
    picked.classes_controller.problem.disconnect()
    picked.classes_controller.problem.connect(told.append)
    picked.classes_controller.classify(0)
    assert "no picks to classify" in told[0]
    assert picked.session.record(number).status is Status.EXCLUDED
