"""Brings picks of other programs into the project: by a button, by a drop, or where a folder has some.

Reading them and holding them against the images takes seconds and is done in the background. Where the images
speak for another reading, nothing is imported until the user has said how; meanwhile he can do what he likes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_hydrapicker.errors import HydraPickerError, ProjectError
from napari_hydrapicker.gui.sections.pick import PickSection
from napari_hydrapicker.gui.widgets.tasks import Tasks
from napari_hydrapicker.io.coordinates.frame_check import Reading
from napari_hydrapicker.project.importing import ImportPlan, coordinates_beside, plan_import, run_import
from napari_hydrapicker.project.recent import Recent
from napari_hydrapicker.project.records import MicrographRecord
from napari_hydrapicker.project.session import Session

_PURPOSE = "import"


class ImportLink(QObject):
    """Asks what to import and, in doubt, how; reads it in the background, and says what came of it.

    Signals
    -------
    problem (str)
        Something that the user should read.
    told (str)
        What was imported, and what not.
    """

    problem = Signal(str)
    told = Signal(str)

    def __init__(
        self, session: Session, tasks: Tasks, recent: Recent, section: PickSection, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._session, self._tasks, self._recent = session, tasks, recent
        self._section, self._window = section, parent
        self._project: Path | None = None
        self._asked: ImportPlan | None = None  # what is not imported until its question is answered
        section.import_requested.connect(self.ask)
        section.offer_taken.connect(self._take_offer)
        section.question.answered.connect(self._answer)
        session.micrographs_changed.connect(self._on_project)

    def ask(self, what: str) -> None:
        """Ask for a "file" or a "folder" of picks, and import it."""
        if not self._is_possible():
            return
        start, title = str(self._recent.folder(_PURPOSE)), "Picks of another program, or of the command line"
        if what == "file":
            path, _ = QFileDialog.getOpenFileName(self._window, title, start)
        else:
            path = QFileDialog.getExistingDirectory(self._window, title, start)
        if path:
            self._recent.add_folder(_PURPOSE, Path(path).parent)
            self.take(Path(path))

    def take(self, path: Path) -> None:
        """Import a file or a folder of picks."""
        if self._is_possible():
            records = self._session.records
            self._section.say(f"Reading {path.name} and holding its positions against the images…")
            self._tasks.run(
                "import", lambda: _planned(path, records), self._consider(self._session.project.path)
            )

    def _consider(self, project: Path) -> Callable[[ImportPlan | HydraPickerError], None]:
        def consider(plan: ImportPlan | HydraPickerError) -> None:
            if not self._session.is_open or self._session.project.path != project:
                self._section.say("")
                return  # another one has been opened meanwhile: its micrographs have the same numbers
            if isinstance(plan, HydraPickerError):
                self._section.say(str(plan))
                self.problem.emit(str(plan))
            elif plan.question:
                self._ask_how(plan)
            else:
                self._import(plan)

        return consider

    def _ask_how(self, plan: ImportPlan) -> None:
        self._asked = plan
        self._section.say("")
        self._section.question.ask(plan)
        self._section.set_open(True)
        self.problem.emit(f"{plan.question}: choose in Pick how they are imported")

    def _answer(self, reading: Reading | None) -> None:
        if self._asked is None:
            return
        if reading is not None:
            self._import(self._asked.read_as(reading))
            return
        text = f"Nothing imported: {self._asked.path.name} is as it was, and can be imported later"
        self._withdraw()
        self._section.say(text)
        self.told.emit(text)

    def _withdraw(self) -> None:
        self._asked = None
        self._section.question.withdraw()

    def _import(self, plan: ImportPlan) -> None:
        try:
            run_import(plan, self._session)
        except HydraPickerError as error:
            self._section.say(str(error))
            self.problem.emit(str(error))
            return  # a question stays: what could not be written can be tried again
        self._withdraw()
        self._section.show_offer(None)
        self._section.say(plan.summary())
        self.told.emit(plan.summary())

    def _is_possible(self) -> bool:
        try:
            if self._session.project.read_only:
                raise ProjectError("The project is read-only here: it is open in another napari")
        except ProjectError as error:
            self.problem.emit(str(error))
            return False
        return True

    def _on_project(self) -> None:
        """Look whether a folder that was opened has picks beside its micrographs."""
        path = self._session.project.path if self._session.is_open else None
        if path is None or not self._session.records:
            self._project = None
            self._withdraw()
            self._section.show_offer(None)
        elif path != self._project:
            self._project = path
            self._withdraw()
            self._section.show_offer(None)
            records, folder = self._session.records, self._session.records[0].path.parent
            if not self._session.read_only:
                self._tasks.run(
                    "offer", lambda: coordinates_beside(folder, records), self._section.show_offer
                )

    def _take_offer(self, path: Path) -> None:
        self.take(path)


def _planned(path: Path, records: Sequence[MicrographRecord]) -> ImportPlan | HydraPickerError:
    """Plan an import, or return why it cannot be: that has to be said where "reading" is said."""
    try:
        return plan_import(path, records)
    except HydraPickerError as error:
        return error
