"""Brings picks of other programs into the project: by a button, by a drop, or where a folder has some.

Reading them and holding them against the images takes seconds and is done in the background; it can be
cancelled, and the window does not wait for it. Where the images speak for another reading, nothing is
imported until the user has said how; meanwhile he can do what he likes. Imports come one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_hydrapicker.errors import HydraPickerError, ProjectError
from napari_hydrapicker.gui.guide import READ_ONLY
from napari_hydrapicker.gui.sections.pick import PickSection
from napari_hydrapicker.gui.widgets.tasks import Report, Tasks, work_in_parts
from napari_hydrapicker.io.coordinates.frame_check import Reading
from napari_hydrapicker.project.importing import (
    ImportPlan,
    coordinates_beside,
    import_in_parts,
    plan_import,
)
from napari_hydrapicker.project.recent import Recent
from napari_hydrapicker.project.records import MicrographRecord
from napari_hydrapicker.project.session import Session

_PURPOSE = "import"
_TASK = "import"


class ImportController(QObject):
    """Asks what to import and, in doubt, how; reads it in the background, and says what came of it.

    Signals
    -------
    problem (str)
        Something that the user should read.
    message (str)
        What was imported, and what not.
    """

    problem = Signal(str)
    message = Signal(str)

    def __init__(
        self, session: Session, tasks: Tasks, recent: Recent, section: PickSection, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._session, self._tasks, self._recent = session, tasks, recent
        self._section, self._window = section, parent
        self._project: Path | None = None
        self._read: Path | None = None  # what is being read
        self._asked: ImportPlan | None = None  # what is not imported until its question is answered
        self._taken: ImportPlan | None = None  # what is being taken into the project
        self._waiting: list[Path] = []  # what comes after it
        self._said: list[str] = []  # what came of those before
        section.import_requested.connect(self.ask)
        section.import_cancelled.connect(self._cancel)
        section.offer_taken.connect(self.take)
        section.question.answered.connect(self._answer)
        session.micrographs_changed.connect(self._on_project)

    def ask(self, what: str) -> None:
        """Ask for a "file" or a "folder" of picks, and import it."""
        if not self._is_possible():
            return
        start, title = str(self._recent.folder(_PURPOSE)), "Picks from another program or the command line"
        if what == "file":
            path, _ = QFileDialog.getOpenFileName(self._window, title, start)
        else:
            path = QFileDialog.getExistingDirectory(self._window, title, start)
        if path:
            self._recent.add_folder(_PURPOSE, Path(path).parent)
            self.take(Path(path))

    def take(self, path: Path) -> None:
        """Import a file or a folder of picks, after those that were to be imported before."""
        if not self._is_possible():
            return
        if self._asked is not None and self._taken is None:
            self._wait(
                path, self._asked.path, f"first choose in Pick how {self._asked.path.name} is imported"
            )
        elif self._taken is not None:
            self._wait(path, self._taken.path, f"{self._taken.path.name} is being taken in")
        elif self._read is not None:
            self._wait(path, self._read, f"{self._read.name} is being read")
        else:
            self._said = []
            self._begin(path)

    def note(self, text: str) -> None:
        """Say what has become of an import since, in place of what was said of it."""
        self._said = [text]
        self._show_report()
        self.message.emit(text)

    def _wait(self, path: Path, before: Path, why: str) -> None:
        """Import something later on; once, however often it is asked for."""
        if path == before:
            self.message.emit(f"{path.name} is being imported already: {why}")
            return
        if path not in self._waiting:
            self._waiting.append(path)
        self._show_report()
        self.message.emit(f"{path.name} is imported next: {why}")

    def _begin(self, path: Path) -> None:
        self._read, records = path, self._session.records
        self._show_report()
        self._section.show_import(0, 0)
        self._tasks.run_stoppable(
            _TASK, lambda report: _planned(path, records, report), self._consider, self._section.show_import
        )

    def _consider(self, plan: ImportPlan | HydraPickerError) -> None:
        self._read = None
        self._section.end_import()
        if isinstance(plan, HydraPickerError):
            self._end(str(plan), self.problem)
        elif plan.question:
            self._ask_how(plan)
        else:
            self._import(plan)

    def _cancel(self) -> None:
        if self._read is None:
            return
        name = self._read.name
        self._tasks.stop(_TASK)
        self._read = None
        self._section.end_import()
        self._end(f"Cancelled: nothing was imported from {name}", self.message)

    def _ask_how(self, plan: ImportPlan) -> None:
        self._asked = plan
        self._show_report()
        self._section.question.ask(plan)
        self._section.set_open(True)
        self.problem.emit(f"{plan.question}. Choose in Pick how they are imported")

    def _answer(self, reading: Reading | None) -> None:
        if self._asked is None or self._taken is not None:
            return
        if reading is not None:
            self._import(self._asked.read_as(reading))
            return
        name = self._asked.path.name
        self._withdraw()
        self._end(f"Nothing was imported; {name} can be imported later", self.message)

    def _withdraw(self) -> None:
        self._asked = None
        self._section.question.withdraw()

    def _import(self, plan: ImportPlan) -> None:
        self._taken = plan
        self._show_report()
        try:
            parts = import_in_parts(plan, self._session)
        except HydraPickerError as error:
            self._not_imported(plan, str(error))
            return
        work_in_parts(parts, lambda _: self._imported(plan), lambda why: self._not_imported(plan, why), self)

    def _not_imported(self, plan: ImportPlan, why: str) -> None:
        if self._taken is not plan:
            return  # of a project that is no longer open
        self._taken = None
        if self._asked is None:
            self._end(why, self.problem)
            return
        self._said.append(why)
        self._show_report()
        self.problem.emit(why)  # the question stays: what could not be written can be tried again

    def _imported(self, plan: ImportPlan) -> None:
        if self._taken is not plan:
            return
        self._taken = None
        self._withdraw()
        self._section.show_offer(None)
        self._end(plan.summary(), self.message)

    def _end(self, text: str, signal: Signal) -> None:
        """Say what came of an import, and go on with the next."""
        self._said.append(text)
        self._show_report()
        signal.emit(text)
        if self._waiting:
            self._begin(self._waiting.pop(0))

    def _show_report(self) -> None:
        """Say what came of imports, which one is being read, and what comes next; a question says itself."""
        now = [] if self._read is None else [f"Reading {self._read.name} and comparing it with the images…"]
        now += [] if self._taken is None else [f"Taking {self._taken.path.name} in…"]
        then = [f"Next: {', '.join(path.name for path in self._waiting)}"] if self._waiting else []
        self._section.show_report("\n".join([*self._said, *now, *then]))

    def _is_possible(self) -> bool:
        try:
            if self._session.project.read_only:
                raise ProjectError(READ_ONLY)
        except ProjectError as error:
            self.problem.emit(str(error))
            return False
        return True

    def _drop_all(self) -> None:
        """Want nothing any more of what was to be imported into another project, and say nothing of it."""
        something = bool(self._read or self._asked or self._taken or self._said)
        self._tasks.stop(_TASK)
        self._read = self._taken = None
        self._section.end_import()
        self._waiting.clear()
        self._said = []
        self._withdraw()
        self._section.show_offer(None)
        if something:
            self._show_report()

    def _on_project(self) -> None:
        """Look whether a folder that was opened has picks beside its micrographs."""
        path = self._session.project.path if self._session.is_open else None
        if path is None or not self._session.records:
            self._project = None
            self._drop_all()
        elif path != self._project:
            self._project = path
            self._drop_all()
            records, folder = self._session.records, self._session.records[0].path.parent
            if not self._session.read_only:
                self._tasks.run(
                    "offer", lambda: coordinates_beside(folder, records), self._section.show_offer
                )


def _planned(
    path: Path, records: Sequence[MicrographRecord], report: Report
) -> ImportPlan | HydraPickerError:
    """Plan an import, or return why it cannot be: that has to be said where "reading" is said."""
    try:
        return plan_import(path, records, report)
    except HydraPickerError as error:
        return error
