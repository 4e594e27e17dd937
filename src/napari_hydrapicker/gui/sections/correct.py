"""The section for corrections: tools, undo, the "complete" mark and the gallery."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QButtonGroup, QLabel

from napari_hydrapicker.gui.guide import Action, Step
from napari_hydrapicker.gui.layers.tools import Tool
from napari_hydrapicker.gui.sections.section import Section
from napari_hydrapicker.gui.widgets.gallery import Gallery
from napari_hydrapicker.gui.widgets.parts import SteadyLabel, button, row
from napari_hydrapicker.project.records import Status

_TOOLS = (
    (Tool.BROWSE, "Browse", "Pan and zoom (key 4)"),
    (Tool.ADD, "Add", "Click to add a pick (key 2)"),
    (Tool.MOVE, "Move", "Select and drag picks; Delete removes the selected ones (key 3)"),
    (Tool.ERASE, "Erase", "Click or drag over picks to delete them (key E)"),
)
_NO_MICROGRAPH = "Open micrographs and pick them: their picks are corrected here"
_MEANING = {
    Status.NEW: "No picks here yet: pick this micrograph (key G), or add picks (key 2)",
    Status.PICKED: "Picked: not used for training until you correct it or mark it complete",
    Status.EXCLUDED: "Excluded: left out of picking, training and export",
    Status.CORRECTED: "Partly corrected: only what you added, moved or deleted is used for training",
    Status.COMPLETE: "Complete: for training, every pick shown is a particle, and the rest is background",
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
    step = Step.CORRECT

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
            "Every particle here has a pick, and the rest is background (key Q)",
            lambda: self.complete_toggled.emit(self.complete.isChecked()),
            checkable=True,
        )
        self.add(row([self.undo, self.redo, self.complete]))
        self.counts = QLabel()
        self.add(self.counts)
        self.meaning = SteadyLabel((_NO_MICROGRAPH, *_MEANING.values()))
        self.add(self.meaning)
        self.show_gallery = button(
            "Gallery",
            "The particles side by side, by score: click one to reject or restore it",
            lambda: self._toggle_gallery(),
            checkable=True,
        )
        self.add(self.show_gallery)
        self.gallery = Gallery()
        self.gallery.setVisible(False)
        self.gallery.setMinimumHeight(220)
        self.add(self.gallery)
        self.actions = {
            Action.ADD: self._tools[Tool.ADD], Action.MOVE: self._tools[Tool.MOVE],
            Action.ERASE: self._tools[Tool.ERASE], Action.UNDO: self.undo, Action.REDO: self.redo,
            Action.COMPLETE: self.complete,
        }  # fmt: skip
        self.show_tool(Tool.BROWSE)
        self.show_meaning(None)

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

    def show_meaning(self, status: Status | None) -> None:
        """Say what of the micrograph on the canvas a head learns from; None: there is no micrograph."""
        self.meaning.setText(_NO_MICROGRAPH if status is None else _MEANING[status])

    def _toggle_gallery(self) -> None:
        wanted = self.show_gallery.isChecked()
        self.gallery.setVisible(wanted)
        self.gallery_wanted.emit(wanted)
