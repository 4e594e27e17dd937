"""The section that lists micrographs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QPushButton

from napari_hydrapicker.gui.widgets.micrograph_model import PIXEL


def _button(section: Any, text: str) -> QPushButton:
    return next(b for b in section.findChildren(QPushButton) if b.text() == text)


def test_next_and_previous(picked: Any, wait: Callable[..., None]) -> None:
    first, second, _ = (r.id for r in picked.session.records)
    QTest.mouseClick(_button(picked.micrographs, "Next ▶"), Qt.MouseButton.LeftButton)
    assert picked.session.current == second
    wait(lambda: picked.micrographs.table.selected_ids() == [second])
    for _ in range(2):  # there is none before the first
        QTest.mouseClick(_button(picked.micrographs, "◀ Previous"), Qt.MouseButton.LeftButton)
    assert picked.session.current == first
    wait(lambda: picked.canvas.micrograph_id == first)


def test_rows_follow_picks_and_threshold(picked: Any, wait: Callable[..., None]) -> None:
    model = picked.micrographs.table.model
    wait(lambda: [model.index(0, c).data() for c in (0, 1, 3)] == ["m0", "2", "picked"])
    picked.session.update(threshold=0.1)
    wait(lambda: model.index(0, 1).data() == "3")


def test_the_diameter_is_typed(picked: Any) -> None:
    field = picked.micrographs.diameter
    field.selectAll()
    QTest.keyClicks(field.lineEdit(), "240")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert picked.session.settings.diameter_angstrom == 240
    assert picked.canvas.picks.layer.current_size == 80
    assert "HydraPicker diameter" in picked.viewer.layers


def test_a_pixel_size_holds_for_all_selected(picked: Any) -> None:
    table = picked.micrographs.table
    table.view.selectAll()
    table.model.setData(table.model.index(1, PIXEL), "1.25")
    assert [r.pixel_size_angstrom for r in picked.session.records] == [1.25] * 3


def test_the_project_is_named(picked: Any) -> None:
    assert picked.micrographs.project_name.text() == "micrographs.hydrapicker"


def test_showing_a_diameter_does_not_round_it(picked: Any) -> None:
    picked.session.update(diameter_angstrom=187.4)
    assert picked.session.settings.diameter_angstrom == 187.4
    assert picked.micrographs.diameter.value() == 187


def test_a_pixel_size_far_from_the_one_before_is_doubted(picked: Any) -> None:
    told: list[str] = []
    picked.micrographs.problem.disconnect()
    picked.micrographs.problem.connect(told.append)
    number = picked.session.records[1].id
    before = picked.session.record(number).pixel_size_angstrom
    for angstrom, said in ((before * 1.2, 0), (before * 1.2 / 10, 1), (before * 1.2, 2)):
        picked.micrographs.table.pixel_size_edited.emit(number, angstrom)
        assert picked.session.record(number).pixel_size_angstrom == angstrom, "it is taken all the same"
        assert len(told) == said
    assert f"type {before * 1.2:.4g} again" in told[0]
