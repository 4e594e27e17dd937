"""The section for corrections."""

from collections.abc import Iterator

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_hydrapicker.gui.layers.tools import Tool
from napari_hydrapicker.gui.sections.correct import CorrectSection
from napari_hydrapicker.project.records import Status


@pytest.fixture
def section(qapp_exists: None) -> Iterator[CorrectSection]:
    """The section."""
    made = CorrectSection()
    yield made
    made.deleteLater()


def test_one_tool_at_a_time(section: CorrectSection) -> None:
    chosen: list[Tool] = []
    section.tool_chosen.connect(chosen.append)
    for tool in (Tool.ADD, Tool.ERASE):
        QTest.mouseClick(section._tools[tool], Qt.MouseButton.LeftButton)
        assert [t for t, b in section._tools.items() if b.isChecked()] == [tool]
    assert chosen == [Tool.ADD, Tool.ERASE]
    section.show_tool(Tool.MEASURE)
    assert not any(b.isChecked() for b in section._tools.values())


def test_counts_are_said(section: CorrectSection) -> None:
    section.show_counts(1200, 1, 3)
    assert section.counts.text() == "1,200 added, 1 moved, 3 deleted"


def test_it_says_what_a_head_learns_from(section: CorrectSection) -> None:
    section.show_meaning(Status.CORRECTED)
    assert section.meaning.text().startswith("Partly corrected")
    assert not section.meaning.isHidden()
    section.show_meaning(Status.COMPLETE)
    assert "the rest is background" in section.meaning.text()
    section.show_meaning(Status.PICKED)
    assert "not used for training" in section.meaning.text()


def test_nothing_moves_when_a_text_comes(section: CorrectSection) -> None:
    section.resize(340, 700)
    section.show_gallery.click()
    places = []
    for status in Status:
        section.show_meaning(status)
        section.grab()  # lays it out
        places.append((section.gallery.y(), section.meaning.height()))
    assert len(set(places)) == 1


def test_the_gallery_costs_nothing_while_it_is_closed(section: CorrectSection) -> None:
    wanted: list[bool] = []
    section.gallery_wanted.connect(wanted.append)
    assert section.gallery.isHidden()
    QTest.mouseClick(section.show_gallery, Qt.MouseButton.LeftButton)
    assert not section.gallery.isHidden()
    QTest.mouseClick(section.show_gallery, Qt.MouseButton.LeftButton)
    assert wanted == [True, False]
