"""The section of classes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_hydrapicker.gui.sections.classes import ClassesSection
from napari_hydrapicker.worker.messages import ClassFigures

CLASSES = (
    ClassFigures(1, 120, 14.25, 0.95, ()),
    ClassFigures(2, 60, None, 0.8, ("no common detail",)),
    ClassFigures(3, 7, 20.0, 0.9, ("few",)),
)


@pytest.fixture
def section(qapp_exists: None) -> Iterator[ClassesSection]:
    """With three classes, two of them doubtful."""
    made = ClassesSection()
    made.show_possible(True)
    made.show_classes(CLASSES, np.random.default_rng(0).integers(0, 255, (3, 64, 64)).astype(np.uint8))
    yield made
    made.deleteLater()


def test_averages_by_size_with_what_is_known(section: ClassesSection) -> None:
    items = [section.gallery.item(place) for place in range(3)]
    assert [item.text() for item in items] == ["1: 120", "2: 60", "3: 7"]
    assert "14.2 Å" in items[0].toolTip()
    assert "no detail in common" in items[1].toolTip()
    assert "doubtful: few" in items[2].toolTip()
    assert not items[0].icon().isNull()


def test_what_is_selected_is_rejected_or_kept(section: ClassesSection) -> None:
    asked: list[tuple[str, list[int]]] = []
    section.reject_requested.connect(lambda numbers: asked.append(("reject", numbers)))
    section.keep_requested.connect(lambda numbers: asked.append(("keep", numbers)))
    assert not section.reject.isEnabled()
    assert not section.keep.isEnabled()
    QTest.mouseClick(section.doubtful, Qt.MouseButton.LeftButton)
    QTest.mouseClick(section.reject, Qt.MouseButton.LeftButton)
    section.gallery.clearSelection()
    section.gallery.item(0).setSelected(True)
    QTest.mouseClick(section.keep, Qt.MouseButton.LeftButton)
    assert asked == [("reject", [2, 3]), ("keep", [1])]


def test_one_class_is_opened_and_saved(section: ClassesSection) -> None:
    asked: list[tuple[str, int]] = []
    section.opened.connect(lambda number: asked.append(("open", number)))
    section.save_requested.connect(lambda number: asked.append(("save", number)))
    section.doubtful.click()
    assert not section.save.isEnabled()
    section.gallery.clearSelection()
    section.gallery.item(1).setSelected(True)
    section.open_one.click()
    section.save.click()
    assert asked == [("open", 2), ("save", 2)]


def test_a_rejected_class_is_crossed_out_until_it_is_undone(section: ClassesSection) -> None:
    section.show_left({1: 120, 2: 0, 3: 5})
    item = section.gallery.item(1)
    assert item.text() == "2: rejected"
    assert item.font().strikeOut()
    item.setSelected(True)
    assert not section.reject.isEnabled()
    section.show_left({1: 120, 2: 60, 3: 5})
    assert item.text() == "2: 60"
    assert not item.font().strikeOut()
    assert section.reject.isEnabled()


def test_members_say_where_they_are(section: ClassesSection) -> None:
    asked: list[tuple[int, int]] = []
    section.member_requested.connect(lambda micrograph, pick: asked.append((micrograph, pick)))
    assert section.members.isHidden()
    section.show_members([("a: x 3, y 4", 1, 11), ("b: x 5, y 6", 2, 12)])
    assert not section.members.isHidden()
    section.members.itemClicked.emit(section.members.item(1))
    assert asked == [(2, 12)]


def test_the_button_begins_and_ends_the_work(qapp_exists: None) -> None:
    section = ClassesSection()
    asked: list[object] = []
    section.classify_requested.connect(asked.append)
    section.cancel_requested.connect(lambda: asked.append("cancel"))
    section.show_possible(False)
    assert not section.classify.isEnabled()
    assert "Pick some micrographs first" in section.state.text()
    section.show_possible(True)
    section.number.setValue(12)
    section.classify.click()
    section.show_running("classifying: 3 of 24")
    assert section.classify.text() == "Cancel"
    section.classify.click()
    section.show_ended("Cancelled.")
    assert section.classify.text() == "Classify"
    assert asked == [12, "cancel"]
    section.deleteLater()
