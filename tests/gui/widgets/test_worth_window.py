"""The window that compares micrographs: range, table, plot and lasso, with real mouse and keys."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_hydrapicker.gui.widgets import scatter
from napari_hydrapicker.gui.widgets.micrograph_model import FIRST_MORE, MORE, NAME, MicrographModel, TableRow
from napari_hydrapicker.gui.widgets.worth_window import WorthWindow

Wait = Callable[..., None]
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def _row(number: int, doubt: float, score: float, status: str = "picked") -> TableRow:
    worth = {"picks": 10.0 * number, "mean_score": score, "doubt": doubt}
    return TableRow(number, f"m{number}", 10 * number, score, status, 1.5, worth=worth)


ROWS = [
    _row(1, 0.1, 0.9), _row(2, 0.2, 0.8), _row(3, 0.7, 0.3), _row(4, math.nan, math.nan, "new"),
    _row(5, 0.6, 0.35, "excluded"),
]  # fmt: skip


@pytest.fixture
def window(qapp_exists: None) -> Iterator[WorthWindow]:
    """Five micrographs, on the screen, plotted by doubt and score."""
    model = MicrographModel()
    model.set_rows(ROWS)
    made = WorthWindow(model)
    made.x.setCurrentIndex(made.x.findData("doubt"))
    scatter.load()
    made.scatter.begin()
    made.show()
    made.activateWindow()
    assert QTest.qWaitForWindowActive(made)
    yield made
    made.close()
    made.deleteLater()
    model.deleteLater()


def _names(window: WorthWindow) -> list[str]:
    return [window.proxy.index(i, NAME).data() for i in range(window.proxy.rowCount())]


def _type(field: Any, text: str) -> None:
    field.setFocus()
    field.clear()
    QTest.keyClicks(field, text)


def _heard(signal: Any) -> list[Any]:
    heard: list[Any] = []
    signal.connect(heard.append)
    return heard


def test_a_range_filters_and_excludes_what_lies_outside(window: WorthWindow) -> None:
    _type(window.high, "0,5")
    assert _names(window) == ["m1", "m2", "m4"], "one without the number stays"
    assert window.outside.text() == "Exclude 1 outside"
    assert "1 outside the range, 1 without this number" in window.state.text()
    heard = _heard(window.excluded)
    QTest.mouseClick(window.outside, LEFT)
    assert heard == [[3]], "what is excluded already is not excluded again"


def test_what_is_no_number_is_said_and_filters_nothing(window: WorthWindow) -> None:
    _type(window.low, "abc")
    assert "'abc' is no number" in window.state.text()
    assert len(_names(window)) == 5
    assert not window.outside.isEnabled()
    _type(window.low, "0.5")
    _type(window.high, "0.2")
    assert "before it begins" in window.state.text()


def test_return_in_a_field_presses_no_button(window: WorthWindow) -> None:
    heard = [_heard(signal) for signal in (window.excluded, window.included)]
    _type(window.high, "0.5")
    QTest.keyClick(window.high, Qt.Key.Key_Return)
    assert heard == [[], []]
    assert window.isVisible()


def test_columns_without_numbers_are_not_to_be_chosen(window: WorthWindow) -> None:
    items = [window.x.model().item(i) for i in range(window.x.count())]
    assert [item.isEnabled() for item in items] == [True] * 3 + [False] * 5
    assert "Known of no micrograph" in items[-1].toolTip()
    hidden = [window.view.isColumnHidden(FIRST_MORE + i) for i in range(len(MORE))]
    assert hidden == [False] + [True] * 5


def test_numbers_that_come_are_shown(window: WorthWindow, wait: Wait) -> None:
    window.model.update_rows([TableRow(1, "m1", 10, 0.9, "picked", 1.5, worth={"ice": 1.25})])
    wait(lambda: window.x.model().item(window.x.findData("ice")).isEnabled())
    assert not window.view.isColumnHidden(FIRST_MORE + [one.name for one in MORE].index("ice"))


def test_rows_are_excluded_by_key_and_included(window: WorthWindow) -> None:
    assert not window.exclude.isEnabled()
    assert "Select micrographs" in window.exclude.toolTip()
    out, back = _heard(window.excluded), _heard(window.included)
    window.view.selectRow(1)
    QTest.keyClick(window.view, Qt.Key.Key_Delete)
    assert out == [[2]]
    window.view.selectRow(4)
    assert not window.exclude.isEnabled()
    QTest.keyClick(window.view, Qt.Key.Key_Insert)
    assert back == [[5]]


def test_the_name_has_the_room_that_is_left(window: WorthWindow) -> None:
    view = window.view
    taken = sum(view.columnWidth(column) for column in range(window.model.columnCount()))
    assert abs(taken - view.viewport().width()) < 3


def test_sorting_puts_what_is_not_known_first(window: WorthWindow) -> None:
    window.view.sortByColumn(FIRST_MORE, Qt.SortOrder.AscendingOrder)
    assert _names(window) == ["m4", "m1", "m2", "m5", "m3"]


def test_a_click_on_a_point_opens_its_micrograph(window: WorthWindow, wait: Wait) -> None:
    place = window.scatter.place_of(2)
    assert place is not None
    heard = _heard(window.activated)
    QTest.mouseClick(window.scatter.canvas, LEFT, NONE, place)
    assert heard == [2]
    assert window.scatter.place_of(4) is None, "it has no numbers"
    QTest.mouseClick(window.scatter.canvas, LEFT, NONE, place + QPoint(60, 0))
    assert heard == [2]


def test_a_lasso_excludes_what_it_goes_around(window: WorthWindow, wait: Wait) -> None:
    heard, opened = _heard(window.excluded), _heard(window.activated)
    QTest.keyClick(window, Qt.Key.Key_L)
    assert window.lasso.isChecked()
    wait(lambda: window.scatter.place_of(5) is not None)
    canvas = window.scatter.canvas
    a, b = (window.scatter.place_of(number) for number in (3, 5))
    assert a is not None
    assert b is not None
    left, right, top, low = min(a.x(), b.x()) - 15, a.x() + 15, min(a.y(), b.y()) - 12, max(a.y(), b.y()) + 12
    corners = [(left, top), (right, top), (right, low), (left, low), (left, top)]
    QTest.mousePress(canvas, LEFT, NONE, QPoint(*corners[0]))
    for begin, end in pairwise(corners):
        for place in np.rint(np.linspace(begin, end, 6)).astype(int).tolist():
            QTest.mouseMove(canvas, QPoint(*place))
            QApplication.processEvents()
    QTest.mouseRelease(canvas, LEFT, NONE, QPoint(*corners[-1]))
    assert heard == [[3]], "5 is excluded already"
    assert opened == []


def test_nothing_can_be_changed_read_only(window: WorthWindow) -> None:
    window.show_refusal("The project is read-only")
    window.view.selectRow(0)
    heard = _heard(window.excluded)
    QTest.keyClick(window.view, Qt.Key.Key_Delete)
    window.scatter.lassoed.emit([1])
    assert heard == []
    assert window.exclude.toolTip().startswith("The project is read-only")
    window.show_refusal(None)
    assert window.exclude.isEnabled()


def test_the_wheel_changes_no_field_without_focus(window: WorthWindow) -> None:
    before = window.x.currentIndex()
    window.view.setFocus()
    event = QWheelEvent(
        QPointF(5, 5), QPointF(window.x.mapToGlobal(QPoint(5, 5))), QPoint(), QPoint(0, -120),
        Qt.MouseButton.NoButton, NONE, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(window.x, event)
    assert window.x.currentIndex() == before
    assert not event.isAccepted()


def _drawn(window: WorthWindow, marker: str) -> set[tuple[float, float]]:
    lines = window.scatter.canvas.figure.axes[0].lines
    return {
        tuple(place) for one in lines if one.get_marker() == marker for place in one.get_xydata().tolist()
    }


def test_the_plot_follows_the_table(window: WorthWindow, wait: Wait) -> None:
    wait(lambda: _drawn(window, "x") == {(0.6, 0.35)})
    window.model.update_rows([_row(1, 0.1, 0.9, "excluded")])
    wait(lambda: _drawn(window, "x") == {(0.1, 0.9), (0.6, 0.35)})
    window.model.update_rows([_row(1, 0.1, 0.9, "picked")])
    _type(window.high, "0.5")
    wait(lambda: _drawn(window, "x") == {(0.6, 0.35)})
    assert (0.1, 0.9) in _drawn(window, "o")
    drawn = np.asarray(window.scatter.canvas.buffer_rgba())
    window.scatter.canvas.draw()
    np.testing.assert_array_equal(np.asarray(window.scatter.canvas.buffer_rgba()), drawn)
