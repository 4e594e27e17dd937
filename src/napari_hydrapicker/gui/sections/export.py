"""The section that writes coordinates for the programs that come next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFileDialog, QLineEdit, QMessageBox

from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.gui.guide import Action, Step
from napari_hydrapicker.gui.sections.section import Section
from napari_hydrapicker.gui.widgets.parts import WrappedLabel, button, choice, in_window_words, row
from napari_hydrapicker.gui.widgets.tasks import Tasks
from napari_hydrapicker.project.export import PRESETS, ExportItem, ExportPlan, ExportReport, plan, run
from napari_hydrapicker.project.recent import Recent
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.project.session import Session

_SETTING = "export"


class ExportSection(Section):
    """Preset, folder, preview and the button that writes.

    Parameters
    ----------
    items
        Gives what there is to export, at the thresholds that hold now.
    tasks
        Writes in the background.
    session
        Its project keeps what was chosen here: another one has choices of its own.
    recent
        Knows where dialogs begin.

    Attributes
    ----------
    writing : bool
        Whether files are being written.

    Signals
    -------
    changed ()
        Whether it can be exported may be another now: a folder was chosen, or `writing` has changed.
    problem, done (str)
        Something that the user should read.
    """

    changed = Signal()
    problem = Signal(str)
    done = Signal(str)
    step = Step.EXPORT

    def __init__(
        self, items: Callable[[], list[ExportItem]], tasks: Tasks, session: Session, recent: Recent
    ) -> None:
        super().__init__("Export", open=False)
        self._items, self._tasks, self._session, self._recent = items, tasks, session, recent
        self._project: Path | None = None
        self._written_last: tuple[object, str] | None = None  # what, and what was said of it
        form = self.form()
        self.preset = choice("The program that will read the coordinates")
        for name, preset in PRESETS.items():
            self.preset.addItem(preset.title, name)
        form.addRow("Program", self.preset)
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("output folder")
        choose = button("Choose…", "Choose a folder", self._choose)
        form.addRow("Folder", row([self.folder, choose], widest=0))
        self.only_complete = QCheckBox("Only complete micrographs")
        self.add(self.only_complete)
        self.preview = WrappedLabel()
        self.add(self.preview)
        self.write = button("Export", "Write the files, then read them back and compare", self.export)
        self.add(self.write)
        self.actions = {Action.EXPORT: self.write}
        self.writing = False
        self.preset.currentIndexChanged.connect(lambda _: self._on_choice())
        self.folder.textChanged.connect(lambda _: self._on_choice())
        self.only_complete.toggled.connect(lambda _: self._on_choice())
        self.toggled.connect(lambda _: self.refresh())
        session.micrographs_changed.connect(self._on_project)
        self.refresh()

    def refresh(self) -> None:
        """Count again what would be written; a folded section counts nothing."""
        if self.is_open:
            try:
                planned = self._plan()
            except HydraPickerError as error:
                self.preview.setText(in_window_words(str(error)))
                return
            # What was said of the files stays while they hold what is shown, whenever the count comes.
            same = self._written_last is not None and self._written_last[0] == _content(planned)
            self.preview.setText(self._written_last[1] if same and self._written_last else planned.summary())

    def export(self) -> None:
        """Write; files that exist are replaced only if the user says so."""
        try:
            planned = self._plan()
        except HydraPickerError as error:
            self.problem.emit(str(error))
            return
        if planned.n_picks == 0:
            self.problem.emit("There is nothing to export: no picks are shown on these micrographs")
            return
        if not self.folder.text().strip():
            self.problem.emit("Choose a folder to export to first")
            return
        overwrite = bool(planned.existing)
        if overwrite and not self._confirm(planned):
            return
        self._set_writing(True)
        self._tasks.run(
            "export", lambda: _attempt(planned, overwrite), lambda result: self._written(planned, result)
        )

    def _plan(self) -> ExportPlan:
        folder = Path(self.folder.text().strip() or ".").expanduser()
        excluded = sum(record.status is Status.EXCLUDED for record in self._session.records)
        return plan(
            self._items(), self.preset.currentData(), folder, self.only_complete.isChecked(), excluded
        )

    def _confirm(self, planned: ExportPlan) -> bool:
        first, n = planned.existing[0], len(planned.existing)
        more = f" and {n - 1} more" if n > 1 else ""
        answer = QMessageBox.question(
            self, "Replace files?", f"These files exist already: {first}{more}. Replace them?"
        )
        return bool(answer == QMessageBox.StandardButton.Yes)

    def _written(self, planned: ExportPlan, result: ExportReport | HydraPickerError) -> None:
        self._set_writing(False)
        if isinstance(result, HydraPickerError):
            self.problem.emit(str(result))
        else:
            self._written_last = _content(planned), result.outcome()
            self.done.emit(result.summary())
        self.refresh()

    @property
    def has_folder(self) -> bool:
        """Whether a folder to export to is chosen."""
        return bool(self.folder.text().strip())

    def _set_writing(self, writing: bool) -> None:
        self.writing = writing
        self.changed.emit()

    def _on_choice(self) -> None:
        """Count again, and let the project remember what was chosen."""
        self._written_last = None
        self.refresh()
        self.changed.emit()
        if self._session.is_open and not self._session.read_only:
            chosen = {
                "preset": self.preset.currentData(),
                "folder": self.folder.text(),
                "only_complete": self.only_complete.isChecked(),
            }
            try:
                self._session.project.set_setting(_SETTING, chosen)
            except HydraPickerError as error:
                self.problem.emit(str(error))

    def _on_project(self) -> None:
        """Show what was chosen in the project that is open now; nothing of the one before."""
        path = self._session.project.path if self._session.is_open else None
        if path == self._project:
            return
        self._project = path
        chosen = self._session.project.setting(_SETTING, {}) if path is not None else {}
        fields = (self.preset, self.folder, self.only_complete)
        for field in fields:
            field.blockSignals(True)
        self.preset.setCurrentIndex(max(0, self.preset.findData(chosen.get("preset"))))
        self.folder.setText(str(chosen.get("folder", "")))
        self.only_complete.setChecked(bool(chosen.get("only_complete", False)))
        for field in fields:
            field.blockSignals(False)
        self._written_last = None
        self.refresh()
        self.changed.emit()

    def _choose(self) -> None:
        start = self.folder.text() or str(self._recent.folder(_SETTING))
        folder = QFileDialog.getExistingDirectory(self, "Folder to export to", start)
        if folder:
            self._recent.add_folder(_SETTING, Path(folder))
            self.folder.setText(folder)


def _content(planned: ExportPlan) -> tuple[object, ...]:
    """What an export writes, to be compared with what another would."""
    picks = tuple((name, one.yx.tobytes(), one.diameter_px) for name, one in planned.picks.items())
    return planned.preset, planned.folder, picks


def _attempt(planned: ExportPlan, overwrite: bool) -> ExportReport | HydraPickerError:
    """Export, with an error as the result: the button has to come back either way."""
    try:
        return run(planned, overwrite=overwrite)
    except HydraPickerError as error:
        return error
