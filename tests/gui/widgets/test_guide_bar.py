"""The line that says what is next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from qtpy.QtWidgets import QApplication, QCheckBox, QLabel, QPushButton

from napari_hydrapicker.gui.widgets.guide_bar import GuideBar


@pytest.fixture
def bar(qapp_exists: None) -> Iterator[GuideBar]:
    """The bar, as wide as the dock."""
    made = GuideBar()
    made.resize(350, 60)
    yield made
    made.deleteLater()


def test_its_button_reads_like_the_one_that_it_presses(bar: GuideBar) -> None:
    source = QPushButton("Pick all")
    source.setToolTip("All of them")
    bar.show_advice("Pick the rest", source, True)
    assert (bar.text.text(), bar.follow.text(), bar.follow.toolTip()) == (
        "Pick the rest", "Pick all", "All of them",
    )  # fmt: skip
    bar.show_advice("Look there", QCheckBox("Show mask"), True)
    assert bar.follow.text() == "Show"
    bar.show_advice("All is done", None, False)
    assert bar.follow.isHidden()


def test_nothing_moves_with_the_length_of_the_text(bar: GuideBar) -> None:
    heights = set()
    for text in ("Pick", "Read-only, open in another napari: look at the picks, or export them"):
        bar.show_advice(text, QPushButton("Show"), True)
        heights.add(bar.heightForWidth(bar.width()))
        assert bar.text.minimumHeight() >= 2 * bar.text.fontMetrics().lineSpacing()
    assert len(heights) == 1


@pytest.mark.parametrize("style", ["QLabel { padding: 3px; }", "QLabel { font-size: 23px; }"])
def test_two_lines_are_seen_whole_in_the_style_of_the_window(bar: GuideBar, style: str) -> None:
    bar.show_advice("Not everything was picked: the section Pick says why, in words", None, False)
    bar.show()
    QApplication.processEvents()
    bar.setStyleSheet(style)  # as napari's comes, after the bar was made
    QApplication.processEvents()
    wanted = QLabel("one\ntwo", bar)
    wanted.show()
    assert bar.text.height() >= wanted.sizeHint().height()
    longer = "Read-only, open in another napari: look at the picks, or export them"
    before = bar.text.height()
    bar.show_advice(longer, None, False)
    assert bar.text.height() == before
    bar.hide()
