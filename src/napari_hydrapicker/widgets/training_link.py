"""Joins the Train section to the session: corrections in, a new head out, and how it differs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_hydrapicker.background.messages import Trained
from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.hydra.bundled import head_names
from napari_hydrapicker.project.counts import is_shown
from napari_hydrapicker.project.labels import Labels
from napari_hydrapicker.session import Session
from napari_hydrapicker.training_set import corrected_micrographs, head_libraries, next_to_correct
from napari_hydrapicker.widgets.before_layer import BeforeLayer
from napari_hydrapicker.widgets.canvas import Canvas
from napari_hydrapicker.widgets.micrographs_section import MicrographsSection
from napari_hydrapicker.widgets.pick_section import PickSection
from napari_hydrapicker.widgets.train_jobs import TrainJobs
from napari_hydrapicker.widgets.train_section import TrainSection, verdict

if TYPE_CHECKING:
    from napari.viewer import Viewer

_COUNT_MS = 250  # corrections are counted at this pace


class TrainingLink(QObject):
    """Starts trainings, offers heads, and keeps what the head before had picked.

    Signals
    -------
    problem (str)
        Something that the user should read.
    told (str)
        Something good to know.
    """

    problem = Signal(str)
    told = Signal(str)

    def __init__(
        self, viewer: Viewer, session: Session, canvas: Canvas, jobs: TrainJobs, section: TrainSection,
        pick: PickSection, micrographs: MicrographsSection, parent: QObject,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._session, self._canvas, self._jobs = session, canvas, jobs
        self._section, self._pick, self._micrographs = section, pick, micrographs
        self._before_layer = BeforeLayer(viewer)
        self._before: dict[int, Labels] = {}
        self._threshold_before = 0.5
        self._count = QTimer(self)
        self._count.setSingleShot(True)
        self._count.setInterval(_COUNT_MS)
        self._count.timeout.connect(self._show_corrections)
        section.train_requested.connect(self.train)
        section.head_chosen.connect(self.take)
        section.next_requested.connect(self.go_on)
        section.problem.connect(self.problem)
        jobs.trained.connect(lambda _: self.refresh_heads())
        jobs.found.connect(self._on_found)
        jobs.resumed.connect(self._on_resumed)
        jobs.left.connect(self._on_left)
        canvas.shown.connect(lambda _: self._compare())
        session.labels_changed.connect(self._on_labels)
        session.micrograph_changed.connect(lambda _: self._count.start())
        session.micrographs_changed.connect(self._on_project)
        session.settings_changed.connect(self._on_settings)
        self.refresh_heads()

    def train(self, name: str) -> None:
        """Train a head on the corrections made so far."""
        libraries = head_libraries(self._session)
        taken = [one.folder for one in libraries if name in one.names()]
        if self._session.read_only:
            self.problem.emit("The project is read-only here: it is open in another napari")
        elif taken:
            self.problem.emit(f"There is a head called {name!r} already in {taken[0]}: choose another name")
        else:
            try:
                self._jobs.train(name, [one.folder for one in libraries])
            except HydraPickerError as error:
                self.problem.emit(str(error))

    def take(self, name: str) -> None:
        """Pick with another head from now on, and keep what the one before had picked."""
        session = self._session
        self._before = {r.id: session.labels(r.id) for r in session.records if len(session.labels(r.id))}
        self._threshold_before = session.settings.threshold
        self.refresh_heads()
        try:
            session.update(head=name, picker="hydra")
        except HydraPickerError as error:
            self.problem.emit(str(error))
            return
        self.told.emit(
            f"Head {name!r} picks from now on: pick this micrograph or all again to see what changes"
        )

    def go_on(self) -> None:
        """Show the micrograph on which a correction would teach most."""
        number = next_to_correct(self._session, self._before)
        if number is None:
            self.problem.emit("No other picked micrograph is left to correct: pick some first")
        else:
            self._session.set_current(number)

    def refresh_heads(self) -> None:
        """List the heads that there are: the network's own, then those that were trained for it."""
        weights = self._session.settings.weights
        names: list[str] = []
        try:
            names += head_names(None if weights is None else Path(weights))
            names += [name for library in head_libraries(self._session) for name in library.names()]
        except HydraPickerError as error:
            self.problem.emit(str(error))
        self._pick.show_heads(names, self._session.settings.head)
        self._show_head()

    def close(self) -> None:
        """Forget the comparison."""
        self._count.stop()
        self._before.clear()
        self._before_layer.remove()

    def _on_found(self, trained: Trained) -> None:
        """Tell of a head that was finished while nobody looked; it is chosen by the user, or not at all."""
        self.refresh_heads()
        self.told.emit(
            f"The training that went on by itself is done. {verdict(trained)}. Choose it in Pick to use it"
        )

    def _on_resumed(self, name: str) -> None:
        self.told.emit(f"The training of head {name!r} is going on still; Cancel in Train ends it")

    def _on_left(self, name: str) -> None:
        self.told.emit(f"The training of head {name!r} goes on by itself: open its project again to see it")

    def _on_project(self) -> None:
        self._before.clear()
        self._before_layer.remove()
        self.refresh_heads()
        if self._session.is_open:
            self._section.suggest_name(f"{self._session.project.path.stem}-1")
        self._count.start()

    def _on_settings(self, names: frozenset[str]) -> None:
        if "weights" in names:
            self.refresh_heads()
        elif "head" in names:
            self._show_head()
        if "threshold" in names:
            self._count.start()

    def _on_labels(self, number: int) -> None:
        self._count.start()
        if number == self._session.current:
            self._compare()

    def _show_corrections(self) -> None:
        if self._session.is_open:
            self._section.show_corrections(corrected_micrographs(self._session))
            if not self._section.comparison.isHidden() and self._canvas.micrograph_id in self._before:
                self._tell_difference(self._canvas.micrograph_id)

    def _show_head(self) -> None:
        """Tell which head is in use, and which micrographs it was made from."""
        name = self._session.settings.head
        self._section.show_head(name)
        for library in head_libraries(self._session):
            if name in library.names():
                try:
                    uses = {one.name: one.use for one in library.record(name).micrographs}
                except HydraPickerError as error:
                    self.problem.emit(str(error))
                    uses = {}
                self._micrographs.show_uses(uses)
                return
        self._micrographs.show_uses({})

    def _compare(self) -> None:
        """Show the picks before beside the present ones, where the head's change has made a difference."""
        number = self._canvas.micrograph_id
        old = None if number is None else self._before.get(number)
        if number is None or old is None or old.equals(self._session.labels(number)):
            self._before_layer.clear()
            self._section.show_comparison("")
            return
        self._before_layer.show(old.yx[is_shown(old, self._threshold_before)], self._canvas.diameter_px())
        self._tell_difference(number)

    def _tell_difference(self, number: int) -> None:
        """Say how many picks there were on a micrograph, and on all that were picked again, and are now."""
        before = {n: int(is_shown(old, self._threshold_before).sum()) for n, old in self._before.items()}
        text = f"Picks here {before[number]} before, {self._session.count(number)} now"
        # Others still have the old head's picks, of which the new head's threshold says nothing.
        again = [n for n, old in self._before.items() if self._session.labels(n) is not old]
        if len(again) > 1:
            counts = sum(before[n] for n in again), sum(self._session.count(n) for n in again)
            text += "; on the {} micrographs picked again {} before, {} now".format(len(again), *counts)
        self._section.show_comparison(f"{text}. The layer “{self._before_layer.name}” has those of before.")
