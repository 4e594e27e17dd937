"""Buttons and fields."""

from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel, QPushButton

from napari_hydrapicker.gui.widgets.parts import (
    WrappedLabel,
    button,
    choice,
    enable,
    length,
    row,
    show_value,
)

pytestmark = pytest.mark.usefixtures("qapp_exists")


def test_a_button_calls_without_arguments() -> None:
    calls: list[str] = []
    made = button("Go", "tip", lambda: calls.append("called"), checkable=True)
    QTest.mouseClick(made, Qt.MouseButton.LeftButton)
    assert (calls, made.isChecked(), made.toolTip()) == (["called"], True, "tip")
    made.deleteLater()


def test_what_is_disabled_says_why_before_what_it_is_for() -> None:
    made = button("Go", "Goes", lambda: None)
    enable(made, "Nothing to go to yet")
    assert (made.isEnabled(), made.toolTip()) == (False, "Nothing to go to yet\nGoes")
    enable(made, "The way is closed")
    assert made.toolTip() == "The way is closed\nGoes"
    enable(made, None)
    assert (made.isEnabled(), made.toolTip()) == (True, "Goes")
    made.setToolTip("Goes far")
    enable(made, "Not now")
    assert made.toolTip() == "Not now\nGoes far", "the tip that it had when it was enabled last"
    silent = QLabel()
    enable(silent, None)
    assert silent.toolTip() == ""
    enable(silent, "Not now")
    assert silent.toolTip() == "Not now"


def test_a_length_is_taken_when_it_is_typed_to_the_end() -> None:
    field, heard = length(0, 500, 5, 0, "tip", unset="off"), []
    field.valueChanged.connect(heard.append)
    assert field.text() == "off"
    field.selectAll()
    QTest.keyClicks(field.lineEdit(), "180")
    assert heard == []
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert heard == [180]
    field.deleteLater()


def test_a_long_entry_does_not_widen_the_list() -> None:
    box = choice("tip")
    narrow = box.sizeHint().width()
    box.addItem("a very long entry that nobody would want to widen the dock for")
    assert box.sizeHint().width() == narrow
    box.deleteLater()


def test_widgets_in_a_row_stand_side_by_side() -> None:
    holder = row([QLabel("a"), QLabel("b")])
    holder.resize(200, 30)
    holder.layout().activate()
    a, b = holder.findChildren(QLabel)
    assert (a.y(), a.width()) == (b.y(), b.width())
    assert a.x() < b.x()
    holder.deleteLater()


def test_one_of_a_row_may_take_the_room_that_is_left() -> None:
    holder = row([QLabel("a"), button("b", "tip", lambda: None)], widest=0)
    holder.resize(400, 30)
    holder.layout().activate()
    pushed = holder.findChild(QPushButton)
    assert pushed.width() == pushed.sizeHint().width()
    assert holder.findChildren(QLabel)[0].width() == 400 - 4 - pushed.width()
    holder.deleteLater()


def test_showing_a_value_is_no_signal() -> None:
    field, heard = length(0, 500, 5, 0, "tip"), []
    field.valueChanged.connect(heard.append)
    show_value(field, 187.4)
    assert (field.value(), heard) == (187, [])
    field.deleteLater()


def test_a_long_name_in_a_text_does_not_widen_the_dock(dock: Any) -> None:
    dock.resize(dock.minimumWidth(), 900)
    dock.grab()
    before = dock.pick.width()
    long = "/data/" + "_".join(["FoilHole"] * 30)
    for label in (dock.pick.trouble, dock.export.preview, dock.train.result, dock.make.result):
        label.setText(long)
        label.setVisible(True)
        assert label.text() == long
    dock.pick.slider.show_picker("x" * 200)
    dock.pick.device_name.setText("GPU " * 60)
    dock.micrographs.project_name.setText("y" * 200)
    dock.grab()
    assert dock.pick.width() == before
    assert dock.pick.trouble.height() > 3 * dock.pick.trouble.fontMetrics().height(), "it is read in full"


def test_lines_may_end_within_a_path_but_not_within_a_number(qapp: Any) -> None:
    label = WrappedLabel("AP 0.967 on a-b_c/d.mrc")
    assert label.text() == "AP 0.967 on a-b_c/d.mrc"
    assert QLabel.text(label) == "AP 0.967 on a-\u200bb_\u200bc/\u200bd.\u200bmrc"
