"""Who gets the wheel, the keys and the focus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QWidget

from napari_hydrapicker.gui.layers.tools import Tool

Wait = Callable[..., None]
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def _wheel(widget: QWidget) -> bool:
    """Turn the wheel over a widget; returns whether it was taken."""
    event = QWheelEvent(
        QPointF(5, 5), QPointF(widget.mapToGlobal(QPoint(5, 5))), QPoint(0, -120), QPoint(0, -120),
        Qt.MouseButton.NoButton, NONE, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)
    return bool(event.isAccepted())


@pytest.fixture
def window(picked: Any, hand: Any) -> Iterator[None]:
    """The hand's window, which is the active one: without a window manager nobody else makes it so."""
    QApplication.setActiveWindow(picked.viewer.window._qt_window)
    QApplication.processEvents()
    yield
    QApplication.setActiveWindow(None)


def _value(field: Any) -> Any:
    return field.currentIndex() if isinstance(field, QComboBox) else field.value()


def test_no_field_takes_the_wheel_without_the_focus(dock: Any) -> None:
    fields = [*dock.findChildren(QAbstractSpinBox), *dock.findChildren(QComboBox)]
    assert len(fields) > 10
    before = [_value(field) for field in fields]
    for field in fields:
        _wheel(field)
    assert [_value(field) for field in fields] == before


def test_a_field_that_has_the_focus_takes_it(picked: Any, hand: Any, window: None) -> None:
    field = picked.micrographs.diameter
    before = field.value()
    field.setFocus()
    QApplication.processEvents()
    _wheel(field)
    assert field.value() != before


@pytest.mark.parametrize("index", [0, 1, 2])
def test_after_picking_keys_go_to_the_canvas(
    picked: Any, hand: Any, window: None, double: Any, index: int
) -> None:
    picked.jobs._child.close()
    picked.jobs._child = double  # so that it goes on, and the buttons are disabled
    picked.pick.slider.field.setFocus()
    QTest.mouseClick(picked.pick.buttons[index], LEFT)
    assert not picked.pick.buttons[index].isEnabled()
    focused = QApplication.focusWidget()
    assert focused is hand.canvas
    QTest.keyClick(focused, Qt.Key.Key_2)
    QTest.keyClick(focused, Qt.Key.Key_Period)
    assert picked.tools.tool is Tool.ADD
    assert picked.session.current == picked.session.records[1].id
    assert picked.session.settings.thresholds == {}


def test_return_and_escape_in_a_field_give_the_keys_back(picked: Any, hand: Any, window: None) -> None:
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Escape):
        field = picked.micrographs.diameter.lineEdit()
        picked.micrographs.diameter.setFocus()
        assert QApplication.focusWidget() is not hand.canvas
        QTest.keyClick(field, key)
        assert QApplication.focusWidget() is hand.canvas


def test_keys_work_after_a_click_on_a_row(picked: Any, hand: Any, window: None, wait: Wait) -> None:
    view, session = picked.micrographs.table.view, picked.session
    row = view.visualRect(picked.micrographs.table.proxy.index(1, 0)).center()
    QTest.mouseClick(view.viewport(), LEFT, pos=row)
    wait(lambda: picked.canvas.micrograph_id == session.records[1].id)
    assert QApplication.focusWidget() is view, "arrow keys go through the rows"
    QTest.keyClick(view, Qt.Key.Key_Comma)
    wait(lambda: picked.canvas.micrograph_id == session.records[0].id)
    QTest.keyClick(view, Qt.Key.Key_E)
    assert picked.tools.tool is Tool.ERASE
    picked.canvas.picks.layer.add([[50.0, 60.0]])
    QTest.keyClick(view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert session.count(session.current) == 2
    QTest.keyClick(view, Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is not view, "Tab leaves the table"


@pytest.mark.parametrize("name", ["HydraPicker micrograph", "HydraPicker diameter", "HydraPicker picks"])
def test_keys_work_with_any_of_the_plugins_layers_active(picked: Any, hand: Any, name: str) -> None:
    picked.tools.show_ring(40.0)
    tools = {
        Qt.Key.Key_2: Tool.ADD,
        Qt.Key.Key_3: Tool.MOVE,
        Qt.Key.Key_4: Tool.BROWSE,
        Qt.Key.Key_E: Tool.ERASE,
    }
    for key, tool in tools.items():
        picked.viewer.layers.selection.active = picked.viewer.layers[name]
        hand.key(key)
        assert picked.tools.tool is tool
        assert picked.viewer.layers.selection.active is picked.canvas.picks.layer


def test_a_key_that_was_napari_s_own_a_while_ago_takes_up_its_tool(picked: Any, hand: Any) -> None:
    layers = picked.viewer.layers
    hand.key(Qt.Key.Key_2)  # with the picks active: napari keeps what to do when it is let go
    hand.key(Qt.Key.Key_4)
    QTest.qWait(700)  # longer than napari takes for a key that is held
    layers.selection.active = layers["HydraPicker micrograph"]
    hand.key(Qt.Key.Key_2)
    assert picked.tools.tool is Tool.ADD


def test_the_list_of_keys_opens_and_the_window_goes_on(picked: Any, hand: Any) -> None:
    hand.key(Qt.Key.Key_F1)
    shown = picked._help
    assert shown.isVisible()
    assert not shown.isModal()
    assert "mark as complete" in shown.keys.toPlainText()
    shown.close()
