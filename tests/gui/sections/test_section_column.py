"""Sections below one another."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLabel

from napari_hydrapicker.gui.sections.section import Section, SectionColumn

Wait = Callable[..., None]


@pytest.fixture
def sections(qapp_exists: None) -> list[Section]:
    made = [Section(f"S{i}", open=False) for i in range(6)]
    for section in made:
        label = QLabel("x")
        label.setMinimumHeight(150)
        section.add(label)
    return made


def test_one_that_is_unfolded_comes_into_view(sections: list[Section], wait: Wait) -> None:
    column = SectionColumn(sections)
    column.resize(200, 260)
    column.show()
    QApplication.processEvents()
    for section in sections:
        section.set_open(True)
    bar = column.verticalScrollBar()
    wait(lambda: bar.value() > 0)
    wait(lambda: not column._later.isActive())
    bar.setValue(0)
    last = sections[-1]
    last.set_open(False)
    wait(lambda: not column._later.isActive())
    assert bar.value() == 0, "folding moves nothing"
    last.set_open(True)
    wait(lambda: bar.value() > 0)
    seen = column.viewport().rect()
    top = last.header.mapTo(column.viewport(), last.header.rect().topLeft())
    bottom = last.mapTo(column.viewport(), last.rect().bottomLeft())
    assert seen.top() <= top.y() <= bottom.y() <= seen.bottom()
    column.close()


def test_of_one_that_is_higher_than_the_screen_the_title_is_seen(sections: list[Section], wait: Wait) -> None:
    column = SectionColumn(sections)
    column.resize(200, 120)
    column.show()
    QApplication.processEvents()
    column.verticalScrollBar().setValue(10_000)
    sections[3].set_open(True)
    wait(lambda: not column._later.isActive())
    header = sections[3].header
    assert 0 <= header.mapTo(column.viewport(), header.rect().topLeft()).y() < 120
    column.close()


def test_one_that_grows_below_what_is_seen_stays_seen_to_its_end(sections: list[Section], wait: Wait) -> None:
    column = SectionColumn(sections)
    column.resize(200, 380)
    column.show()
    sections[0].set_open(True)
    wait(lambda: not column._later.isActive())
    bar = column.verticalScrollBar()
    more = QLabel("y")
    more.setFixedHeight(160)
    sections[0].add(more)
    wait(lambda: sections[0].height() > 300)
    wait(lambda: not column._later.isActive())
    end = sections[0].mapTo(column.viewport(), sections[0].rect().bottomLeft()).y()
    assert end <= column.viewport().height()
    bar.setValue(0)
    sections[5].set_open(True)
    wait(lambda: not column._later.isActive())
    bar.setValue(0)
    unseen = QLabel("z")
    unseen.setFixedHeight(50)
    sections[5].add(unseen)
    wait(lambda: sections[5].height() > 200)
    wait(lambda: not column._later.isActive())
    assert bar.value() == 0, "what grows elsewhere moves nothing"
    column.close()


@pytest.mark.parametrize("height", [300, 1200])
def test_a_long_text_is_seen_whole_and_leaves_no_gaps(sections: list[Section], height: int) -> None:
    label = QLabel("many words " * 40)
    label.setWordWrap(True)
    sections[1].add(label)
    sections[1].set_open(True)
    column = SectionColumn(sections)
    column.resize(220, height)
    column.show()
    QApplication.processEvents()
    assert label.height() == label.heightForWidth(label.width())
    for i in (0, 2, 3):
        assert sections[i].height() == sections[i].header.height()
    column.close()


class _Drawn(QLabel):
    """A row that counts how often it is drawn."""

    def __init__(self, height: int) -> None:
        super().__init__("row")
        self.setFixedHeight(height)
        self.times = 0

    def paintEvent(self, event: Any) -> None:
        self.times += 1
        super().paintEvent(event)


@pytest.mark.usefixtures("qapp_exists")
def test_a_fold_is_drawn_once_with_all_in_place() -> None:
    sections = [Section("Above"), Section("Folds"), Section("Below", open=False)]
    rows = [section.add(_Drawn(height)) for section, height in zip(sections, (90, 100, 60), strict=True)]
    column = SectionColumn(sections)
    column.resize(300, 240)
    column.show()
    _let_qt_work()
    width, places = rows[0].width(), []
    sections[1].header.clicked.connect(lambda: places.append(sections[2].y()))
    for folds in (True, False, True):
        QTest.mousePress(sections[1].header, Qt.MouseButton.LeftButton)
        _let_qt_work()
        before = [row.times for row in rows]
        QTest.mouseRelease(sections[1].header, Qt.MouseButton.LeftButton)
        _let_qt_work()
        assert places[-1] == sections[2].y(), "it was out of place when it could be drawn"
        assert rows[0].width() == width, "a scroll bar takes the room of the rows"
        times = [row.times - one for row, one in zip(rows, before, strict=True)]
        assert max(times) <= 1
        assert (times[1] == 0) is folds
    column.close()


def _let_qt_work() -> None:
    for _ in range(5):
        QApplication.processEvents()
        time.sleep(0.01)
