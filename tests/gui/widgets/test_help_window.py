"""The help, which needs no network."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtWidgets import QWidget

from napari_hydrapicker.gui.widgets import help_window
from napari_hydrapicker.gui.widgets.help_window import HelpWindow, guide_page, guide_text


def test_it_shows_the_keys_and_the_guide(qapp_exists: None) -> None:
    parent = QWidget()
    window = HelpWindow(parent)
    assert "mark as complete" in window.keys.toPlainText()
    assert "Set the diameter" in window.guide.toPlainText()
    assert not window.isModal()
    parent.deleteLater()


def test_pictures_and_links_to_other_pages_are_left_out() -> None:
    text = guide_text(guide_page())
    assert "Train a head" in text
    assert "](" not in text
    assert ".png" not in text


def test_of_a_wheel_the_page_that_it_holds_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "gui" / "widgets" / "help_window.py"
    module.parent.mkdir(parents=True)
    page = tmp_path / "gui" / "napari.md"
    page.write_text("![A picture](a.png)\nSee [heads](heads.md).\n")
    monkeypatch.setattr(help_window, "__file__", str(module))
    assert guide_page() == page
    assert guide_text(page) == "See heads.\n"
    page.unlink()
    assert guide_text(guide_page()) == ""
