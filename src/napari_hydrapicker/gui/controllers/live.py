"""*Live*: micrographs that appear in the folders of the open ones are taken in and picked."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QObject, QTimer, Signal

from napari_hydrapicker.cluster.arrivals import Arrivals
from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.gui.controllers.picking import PickJobs
from napari_hydrapicker.gui.widgets.parts import button
from napari_hydrapicker.gui.widgets.tasks import Tasks
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.project.session import Session

_EVERY_MS = 10_000  # between two looks: longer than a copy pauses as a rule
_TIP = "Take in and pick micrographs as they appear in the folders of these, once their files are complete"


class LiveController(QObject):
    """A button that can stay down, and what it does until it is let go.

    Signals
    -------
    problem (str)
        Something that the user should read.
    """

    problem = Signal(str)

    def __init__(self, session: Session, jobs: PickJobs, tasks: Tasks, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._jobs, self._tasks = session, jobs, tasks
        self.button = button("Live", _TIP, self._toggle, checkable=True)
        self._arrivals: Arrivals | None = None
        self._looking = False
        self._project = None if not session.is_open else session.project
        self._to_pick: list[int] = []
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._look)
        session.micrographs_changed.connect(self._follow_project)
        jobs.finished.connect(self._on_finished)

    def stop(self) -> None:
        """Let the button go: nothing more is taken in; what is being picked goes on."""
        self._timer.stop()
        self._arrivals = None
        self._to_pick.clear()
        self.button.setChecked(False)

    def _toggle(self) -> None:
        if not self.button.isChecked():
            self.stop()
        elif self._session.read_only:
            self._refuse("The project is read-only here: it is open in another napari")
        elif not self._session.is_open or self._session.passing or not self._session.records:
            self._refuse("Open the folder first that the micrographs come into")
        else:
            known = [record.path for record in self._session.records]
            self._project = self._session.project
            self._arrivals = Arrivals(sorted({path.parent for path in known}), known)
            self._timer.start()
            self._look()

    def _refuse(self, why: str) -> None:
        self.stop()
        self.problem.emit(why)

    def _look(self) -> None:
        arrivals = self._arrivals
        if arrivals is None or self._looking:  # a newer look would take the place of one that is under way
            return
        self._looking = True

        def look() -> list[Micrograph]:
            try:
                return arrivals.look()
            finally:
                self._looking = False

        self._tasks.run("live", look, lambda found: self._take(arrivals, found))

    def _take(self, arrivals: Arrivals, found: Sequence[Micrograph]) -> None:
        if arrivals is not self._arrivals or not found:
            return
        before = {record.id for record in self._session.records}
        try:
            self._session.add_micrographs(found)
        except HydraPickerError as error:
            self._refuse(str(error))
            return
        self._to_pick += [record.id for record in self._session.records if record.id not in before]
        self._pick()

    def _pick(self) -> None:
        if self._to_pick and not self._jobs.running:
            chosen, self._to_pick = self._to_pick, []
            self._jobs.pick(chosen)

    def _on_finished(self, cancelled: bool, problems: list[str]) -> None:
        if cancelled:
            self.stop()
        else:
            self._pick()

    def _follow_project(self) -> None:
        if self._arrivals is not None and not (
            self._session.is_open and self._session.project is self._project
        ):
            self.stop()
