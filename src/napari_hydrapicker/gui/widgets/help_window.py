"""The help: the keys, and the user's guide of the window, which needs no network."""

from __future__ import annotations

import re
from pathlib import Path

from qtpy.QtWidgets import QDialog, QTextBrowser, QVBoxLayout, QWidget

from napari_hydrapicker.gui.widgets import keys

_PAGE = "napari.md"
_PICTURES = re.compile(r"^!\[[^\n]*\n", re.MULTILINE)
_CAPTIONS = re.compile(r"^\*The pictures here.*?\*\n", re.MULTILINE | re.DOTALL)
_LINKS = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_SIZE = (640, 720)


def guide_page() -> Path:
    """Return the page of the user's guide that is about the window, of the wheel or of a checkout."""
    installed = Path(__file__).parents[1] / _PAGE
    return installed if installed.is_file() else Path(__file__).parents[4] / "docs" / _PAGE


def guide_text(page: Path) -> str:
    """Return a page as Markdown without its pictures and its links to other pages; "" if it is not there."""
    try:
        text = page.read_text("utf-8")
    except OSError:
        return ""
    return _LINKS.sub(r"\1", _CAPTIONS.sub("", _PICTURES.sub("", text)))


class HelpWindow(QDialog):
    """The keys, then the guide; it stays open while one goes on working."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Help for HydraPicker")
        self.setModal(False)
        self.keys, self.guide = QTextBrowser(), QTextBrowser()
        self.keys.setHtml(f"<h3>Keys</h3>{keys.as_html()}")
        self.guide.setMarkdown(guide_text(guide_page()))
        column = QVBoxLayout(self)
        column.addWidget(self.keys, 2)
        column.addWidget(self.guide, 3)
        self.resize(*_SIZE)
