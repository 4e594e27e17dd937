"""The section that writes coordinates for the programs that come next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFileDialog, QLabel, QLineEdit, QMessageBox

from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.export import PRESETS, ExportItem, ExportPlan, ExportReport, plan, run
from napari_hydrapicker.widgets.parts import button, choice, row
from napari_hydrapicker.widgets.section import Section
from napari_hydrapicker.widgets.tasks import Tasks


class ExportSection(Section):
    """Preset, folder, preview and the button that writes.

    Parameters
    ----------
    items
        Gives what there is to export, at the thresholds that hold now.
    tasks
        Writes in the background.

    Signals
    -------
    problem, done (str)
        Something that the user should read.
    """

    problem = Signal(str)
    done = Signal(str)

    def __init__(self, items: Callable[[], list[ExportItem]], tasks: Tasks) -> None:
        super().__init__("Export", open=False)
        self._items, self._tasks = items, tasks
        form = self.form()
        self.preset = choice("What opens the coordinates next")
        for name, preset in PRESETS.items():
            self.preset.addItem(preset.title, name)
        form.addRow("For", self.preset)
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("folder to write to")
        choose = button("Choose…", "Choose a folder", self._choose)
        form.addRow("Folder", row([self.folder, choose], widest=0))
        self.only_complete = QCheckBox("Only complete micrographs")
        self.add(self.only_complete)
        self.preview = QLabel()
        self.preview.setWordWrap(True)
        self.add(self.preview)
        self.write = button("Export", "Write the files, then read them back and compare", self.export)
        self.add(self.write)
        self.preset.currentIndexChanged.connect(lambda _: self.refresh())
        self.folder.textChanged.connect(lambda _: self.refresh())
        self.only_complete.toggled.connect(lambda _: self.refresh())
        self.toggled.connect(lambda _: self.refresh())
        self.refresh()

    def refresh(self) -> None:
        """Count again what would be written; a folded section counts nothing."""
        if self.is_open:
            try:
                self.preview.setText(self._plan().summary())
            except HydraPickerError as error:
                self.preview.setText(str(error))

    def export(self) -> None:
        """Write; files that exist are replaced only if the user says so."""
        try:
            planned = self._plan()
        except HydraPickerError as error:
            self.problem.emit(str(error))
            return
        if not self.folder.text().strip():
            self.problem.emit("choose a folder to export to first")
            return
        overwrite = bool(planned.existing)
        if overwrite and not self._confirm(planned):
            return
        self.write.setEnabled(False)
        self._tasks.run("export", lambda: _attempt(planned, overwrite), self._written)

    def _plan(self) -> ExportPlan:
        folder = Path(self.folder.text().strip() or ".").expanduser()
        return plan(self._items(), self.preset.currentData(), folder, self.only_complete.isChecked())

    def _confirm(self, planned: ExportPlan) -> bool:
        first, n = planned.existing[0], len(planned.existing)
        more = f" and {n - 1} more" if n > 1 else ""
        answer = QMessageBox.question(self, "Replace files?", f"{first}{more} exist already. Replace?")
        return bool(answer == QMessageBox.StandardButton.Yes)

    def _written(self, result: ExportReport | HydraPickerError) -> None:
        self.write.setEnabled(True)
        self.refresh()
        if isinstance(result, HydraPickerError):
            self.problem.emit(str(result))
        else:
            self.preview.setText(result.outcome())  # not that the files are there, until something changes
            self.done.emit(result.summary())

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder to export to", self.folder.text())
        if folder:
            self.folder.setText(folder)


def _attempt(planned: ExportPlan, overwrite: bool) -> ExportReport | HydraPickerError:
    """Export, with an error as the result: the button has to come back either way."""
    try:
        return run(planned, overwrite=overwrite)
    except HydraPickerError as error:
        return error
