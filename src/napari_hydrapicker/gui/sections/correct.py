"""The section for corrections: tools, undo, the "complete" mark and the gallery."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QButtonGroup, QLabel

from napari_hydrapicker.gui.layers.tools import Tool
from napari_hydrapicker.gui.sections.section import Section
from napari_hydrapicker.gui.widgets.gallery import Gallery
from napari_hydrapicker.gui.widgets.parts import SteadyLabel, button, row
from napari_hydrapicker.project.records import Status

_TOOLS = (
    (Tool.BROWSE, "Browse", "Move about and zoom (key 4)"),
    (Tool.ADD, "Add", "Click to add a pick (key 2)"),
    (Tool.MOVE, "Move", "Select picks and drag them; Delete removes them (key 3)"),
    (Tool.ERASE, "Erase", "Click or drag over picks to delete them (key E)"),
)
_MEANING = {
    Status.NEW: "Nothing is picked here yet",
    Status.PICKED: "As picked: a head learns nothing from here until you correct it or mark it complete",
    Status.EXCLUDED: "Excluded: left out of picking, training and export",
    Status.CORRECTED: "Corrected in part: a head learns from these alone, not from picks left as they are",
    Status.COMPLETE: "Complete: a head learns from every pick shown, and the rest is background",
}


class CorrectSection(Section):
    """Buttons and figures; what they do is the dock's business.

    Signals
    -------
    tool_chosen (Tool)
        A tool was chosen.
    undo_requested, redo_requested ()
        The buttons of that name.
    complete_toggled (bool)
        The micrograph is, or is no longer, corrected throughout.
    gallery_wanted (bool)
        The gallery was opened or closed: closed, it costs nothing.
    """

    tool_chosen = Signal(object)
    undo_requested = Signal()
    redo_requested = Signal()
    complete_toggled = Signal(bool)
    gallery_wanted = Signal(bool)

    def __init__(self) -> None:
        super().__init__("Correct")
        self._tools = {
            tool: button(text, tip, partial(self.tool_chosen.emit, tool), checkable=True)
            for tool, text, tip in _TOOLS
        }
        self._group = QButtonGroup(self)
        for one in self._tools.values():
            self._group.addButton(one)
        self.add(row(list(self._tools.values())))
        self.undo = button("Undo", "Undo the last correction or import (Ctrl+Z)", self.undo_requested.emit)
        self.redo = button("Redo", "Redo it (Ctrl+Shift+Z)", self.redo_requested.emit)
        self.complete = button(
            "Complete",
            "All particles here are marked: whatever is unmarked is background (key Q)",
            lambda: self.complete_toggled.emit(self.complete.isChecked()),
            checkable=True,
        )
        self.add(row([self.undo, self.redo, self.complete]))
        self.counts = QLabel()
        self.add(self.counts)
        self.meaning = SteadyLabel(tuple(_MEANING.values()))
        self.add(self.meaning)
        self.show_gallery = button(
            "Gallery",
            "The particles side by side, by score: click one to reject it or take it back",
            lambda: self._toggle_gallery(),
            checkable=True,
        )
        self.add(self.show_gallery)
        self.gallery = Gallery()
        self.gallery.setVisible(False)
        self.gallery.setMinimumHeight(220)
        self.add(self.gallery)
        self.show_tool(Tool.BROWSE)

    def show_tool(self, tool: Tool | str) -> None:
        """Show which tool is chosen; none of them while measuring."""
        chosen = self._tools.get(Tool(tool))
        self._group.setExclusive(False)
        for one in self._tools.values():
            one.setChecked(one is chosen)
        self._group.setExclusive(True)

    def show_counts(self, added: int, moved: int, deleted: int) -> None:
        """Say what was corrected on the micrograph on the canvas."""
        self.counts.setText(f"{added:,} added, {moved:,} moved, {deleted:,} deleted")

    def show_meaning(self, status: Status) -> None:
        """Say what of the micrograph on the canvas a head learns from."""
        self.meaning.setText(_MEANING.get(status, ""))

    def _toggle_gallery(self) -> None:
        wanted = self.show_gallery.isChecked()
        self.gallery.setVisible(wanted)
        self.gallery_wanted.emit(wanted)
