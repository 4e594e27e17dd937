"""Picks that `hydrapicker pick --project` has made, on a cluster say, are offered, and taken in if wanted."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QObject, QTimer, Signal

from napari_hydrapicker.cluster.project import Waiting, note_path, waiting
from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.gui.sections.pick import PickSection
from napari_hydrapicker.gui.widgets.tasks import Tasks, work_in_parts
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.wording import counted

_EVERY_MS = 5_000  # between two looks at one small file


class ElsewhereController(QObject):
    """Looks beside the open project whether there are results for it.

    Signals
    -------
    problem (str)
        Something that the user should read.
    message (str)
        What is there, and what was taken in.
    """

    problem = Signal(str)
    message = Signal(str)

    def __init__(self, session: Session, tasks: Tasks, section: PickSection, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._tasks, self._section = session, tasks, section
        self._project: Path | None = None
        self._seen: tuple[int, int] | None = None  # the note that was looked at last, by time and number
        self._waiting: Waiting | None = None
        self._taking = False
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self.look)
        section.results_taken.connect(self.take)
        session.micrographs_changed.connect(self._on_project)

    def look(self) -> None:
        """Look in the background; what has been offered is not read again."""
        project, seen = self._project, self._seen
        if project is None or self._taking:
            return

        def changed() -> tuple[tuple[int, int] | None, Waiting | HydraPickerError | None]:
            note = _identity(project)
            try:
                return note, waiting(project) if note is not None and note != seen else None
            except HydraPickerError as error:  # to be said once, not at every look
                return note, error

        self._tasks.run("elsewhere", changed, lambda found: self._offer(project, *found))

    def take(self) -> None:
        """Take in what is offered, a little at a time."""
        found = self._waiting
        if found is None or self._taking:
            return
        self._taking = True
        self._section.show_results(0)
        work_in_parts(
            self._session.project.in_parts(found.taking_in(self._session)), self._taken, self._not_taken, self
        )

    def close(self) -> None:
        """Look no more."""
        self._timer.stop()
        self._project = None

    def _offer(
        self, project: Path, note: tuple[int, int] | None, found: Waiting | HydraPickerError | None
    ) -> None:
        if project != self._project or self._taking:
            return
        if note is None and self._waiting is not None:  # the command has taken them in, or they are withdrawn
            self._withdraw()
        self._seen = note
        if isinstance(found, HydraPickerError):
            self.problem.emit(str(found))
        if not isinstance(found, Waiting):
            return
        self._waiting = found
        n = len(found.found(self._session.records))
        self._section.show_results(n)
        if n:
            self.message.emit(
                f"Picked elsewhere: {counted(n, 'micrograph')}, by `hydrapicker pick` for this project. Take "
                "the picks in under Pick; your corrections stay"
            )

    def _taken(self, n: int) -> None:
        self._taking = False
        self._withdraw()
        self.message.emit(
            f"Taken in: picks of {counted(n, 'micrograph')}. Your corrections stayed (Ctrl+Z undoes it)"
        )

    def _not_taken(self, why: str) -> None:
        self._taking = False
        if self._waiting is not None:  # the project is open still: it can be tried again
            self._section.show_results(len(self._waiting.found(self._session.records)))
        self.problem.emit(why)

    def _withdraw(self) -> None:
        self._waiting = self._seen = None
        self._section.show_results(0)

    def _on_project(self) -> None:
        session = self._session
        usable = session.is_open and session.records and not (session.read_only or session.passing)
        project = session.project.path if usable else None
        if project == self._project:
            return
        self._project, self._taking = project, False
        self._withdraw()
        if project is None:
            self._timer.stop()
        else:
            self._timer.start()
            self.look()


def _identity(project: Path) -> tuple[int, int] | None:
    """Tell one note from the next; None if there is none."""
    try:
        status = note_path(project).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino
