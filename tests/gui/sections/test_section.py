"""Sections fold, and grow with what is put into them."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel

from napari_hydrapicker.gui.sections.section import Section


@pytest.mark.usefixtures("qapp_exists")
def test_a_click_on_the_title_folds_and_unfolds() -> None:
    section, heard = Section("Title"), []
    label = section.add(QLabel("row"))
    section.form().addRow("name", QLabel("value"))
    section.toggled.connect(heard.append)
    assert not label.isHidden()
    tall = section.sizeHint().height()
    QTest.mouseClick(section.header, Qt.MouseButton.LeftButton)
    assert not section.is_open
    assert section.sizeHint().height() < tall / 2
    QTest.mouseClick(section.header, Qt.MouseButton.LeftButton)
    assert heard == [False, True]
    assert section.sizeHint().height() == tall
    section.deleteLater()


@pytest.mark.usefixtures("qapp_exists")
def test_a_section_can_begin_folded() -> None:
    section = Section("Title", open=False)
    assert not section.is_open
    section.set_open(True)
    assert section.is_open
    section.deleteLater()
