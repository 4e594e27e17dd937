"""Joins the Train section to the session: corrections in, a new head out, and how it differs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import QObject, Signal

from napari_hydrapicker.errors import HydraPickerError, ParameterError, ProjectError
from napari_hydrapicker.gui.controllers.head_comparison import HeadComparison
from napari_hydrapicker.gui.controllers.lasting_jobs import TrainJobs
from napari_hydrapicker.gui.guide import READ_ONLY
from napari_hydrapicker.gui.layers.canvas import Canvas
from napari_hydrapicker.gui.layers.plugin_layers import PluginLayers
from napari_hydrapicker.gui.sections.micrographs import MicrographsSection
from napari_hydrapicker.gui.sections.pick import PickSection
from napari_hydrapicker.gui.sections.train import TrainSection, verdict
from napari_hydrapicker.gui.widgets.tasks import once_after
from napari_hydrapicker.hydra.head_record import free_name
from napari_hydrapicker.picking.library import find, head_names
from napari_hydrapicker.picking.parameters import PickerKind
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.project.training_set import (
    corrected_micrographs,
    head_libraries,
    held_out_names,
    next_to_correct,
)
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph
from napari_hydrapicker.wording import counted
from napari_hydrapicker.worker.messages import Trained

_COUNT_MS = 250  # corrections are counted at this pace


class TrainingController(QObject):
    """Starts trainings, offers heads, and keeps what the head before had picked.

    Signals
    -------
    problem (str)
        Something that the user should read.
    message (str)
        Something good to know.
    counted ()
        `corrected` or `own_heads` may have changed.

    Attributes
    ----------
    corrected : tuple of AnnotatedMicrograph
        What a training would learn from now.
    own_heads : tuple of str
        Heads that were trained in this project.
    """

    problem = Signal(str)
    message = Signal(str)
    counted = Signal()

    def __init__(
        self, layers: PluginLayers, session: Session, canvas: Canvas, jobs: TrainJobs, section: TrainSection,
        pick: PickSection, micrographs: MicrographsSection, parent: QObject,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._session, self._canvas, self._jobs = session, canvas, jobs
        self._section, self._pick, self._micrographs = section, pick, micrographs
        self._before = HeadComparison(layers, session)
        self._project: Path | None = None
        self.corrected: tuple[AnnotatedMicrograph, ...] = ()
        self.own_heads: tuple[str, ...] = ()
        self._previous: tuple[str, PickerKind] | None = None
        self._count = once_after(_COUNT_MS, self._show_corrections, self)
        section.train_requested.connect(self.train)
        section.head_chosen.connect(self.take)
        section.next_requested.connect(self.go_on)
        section.back_requested.connect(self.take_back)
        section.problem.connect(self.problem)
        jobs.trained.connect(lambda _: self.refresh_heads())
        jobs.found.connect(self._on_found)
        jobs.resumed.connect(self._on_resumed)
        jobs.left.connect(self._on_left)
        canvas.shown.connect(lambda _: self._compare())
        canvas.emptied.connect(self._compare)
        session.labels_changed.connect(self._on_labels)
        session.micrograph_changed.connect(lambda _: self._count.start())
        session.micrographs_changed.connect(self._on_project)
        session.settings_changed.connect(self._on_settings)
        self.refresh_heads()

    def train(self, name: str) -> None:
        """Train a head on the corrections made so far."""
        try:
            self._train(name)
        except HydraPickerError as error:
            self._section.show_problem(f"Head {name!r} was not trained: {error}")

    def _train(self, name: str) -> None:
        if self._session.read_only:
            raise ProjectError(READ_ONLY)
        libraries = head_libraries(self._session)
        taken = find(name, libraries)
        if taken is not None:
            raise ParameterError(
                f"A head called {name!r} exists already: choose another name ({taken.folder})"
            )
        self._jobs.train(name, [one.folder for one in libraries])

    def train_from_classes(self, micrographs: tuple[AnnotatedMicrograph, ...]) -> None:
        """Train a head on the members of classes; it is called after the project."""
        try:
            if self._session.read_only:
                raise ProjectError(READ_ONLY)
            libraries = head_libraries(self._session)
            taken = {name for library in libraries for name in library.names()}
            name = free_name(f"{self._section.proposed_name}-classes", taken)
            self._jobs.train(name, [one.folder for one in libraries], micrographs=micrographs)
        except HydraPickerError as error:
            self._section.show_problem(f"No head was trained from the classes: {error}")
            return
        particles, none = (sum(map(len, places)) for places in (
            [one.yx for one in micrographs], [one.negative_yx for one in micrographs]
        ))  # fmt: skip
        self.message.emit(
            f"Head {name!r} is being trained from the classes: {counted(particles, 'particle')} and "
            f"{counted(none, 'pick')} of other things, on {counted(len(micrographs), 'micrograph')}; "
            "Train shows how far it is"
        )

    def take_back(self) -> None:
        """Pick with what was in use before the new head was taken."""
        if self._previous is None:
            return
        head, picker = self._previous
        if self._attempt(lambda: self._session.update(head=head, picker=picker)):
            self._previous = None
            self._section.show_previous("")
            self.message.emit(f"Head {head!r} is in use again: what the other one has picked stays")

    def take(self, name: str) -> None:
        """Pick with another head from now on; one step back goes to the one that is in use now."""
        self.refresh_heads()
        settings = self._session.settings
        before = settings.head, settings.picker
        if self._attempt(lambda: self._session.update(head=name, picker="hydra")):
            self._previous = before
            self._section.show_previous(before[0])
            self.message.emit(
                f"Head {name!r} is in use now: pick this micrograph, or all, again to see what changes"
            )

    def go_on(self) -> None:
        """Show the micrograph on which a correction would teach most, and say why."""
        found = next_to_correct(self._session, self._before.picked_again())
        if found is None:
            self.problem.emit("No other picked micrograph is left to correct: pick some first")
            return
        self._attempt(lambda: self._session.set_current(found.micrograph_id))
        self._section.show_suggestion(self._session.record(found.micrograph_id).name, found)

    def refresh_heads(self) -> None:
        """List the heads that there are: the network's own, then those that were trained for it."""
        weights = self._session.settings.weights
        names: list[str] = []
        try:
            names += head_names(None if weights is None else Path(weights))
            libraries = head_libraries(self._session)
            names += [name for library in libraries for name in library.names()]
            self.own_heads = tuple(libraries[0].names()) if self._session.is_open else ()
        except HydraPickerError as error:
            self.problem.emit(str(error))
        self._pick.show_heads(names, self._session.settings.head)
        self._show_head()
        self.counted.emit()

    def close(self) -> None:
        """Forget the comparison."""
        self._count.stop()
        self._before.forget()

    def _on_found(self, trained: Trained) -> None:
        """Report a head that was finished while its project was closed; the user chooses it, or not."""
        self.refresh_heads()
        self.message.emit(
            f"A training in the background has finished. {verdict(trained)}. Choose it in Pick to use it"
        )

    def _on_resumed(self, name: str) -> None:
        self.message.emit(f"Head {name!r} is still training; Cancel in Train stops it")

    def _on_left(self, name: str) -> None:
        self.message.emit(f"Head {name!r} keeps training in the background: open its project again to see it")

    def _on_project(self) -> None:
        self._before.forget()
        self.refresh_heads()
        project = self._session.project.path if self._session.is_open else None
        if project != self._project:  # and not only more micrographs
            self._project, self.corrected, self._previous = project, (), None
            self._section.forget()
        if project is not None:
            self._section.suggest_name(f"{project.stem}-1")
        self._count.start()

    def _on_settings(self, names: frozenset[str]) -> None:
        if "weights" in names:
            self.refresh_heads()
        elif "head" in names:
            self._before.keep()
            self._show_head()
        if "threshold" in names:
            self._count.start()

    def _on_labels(self, number: int) -> None:
        self._count.start()
        if number == self._session.current:
            self._compare()

    def _show_corrections(self) -> None:
        if self._session.is_open:
            self.corrected = corrected = corrected_micrographs(self._session)
            self._section.show_corrections(corrected, held_out_names(corrected))
            self._section.show_comparison(self._before.in_words(self._canvas.micrograph_id))
            self.counted.emit()

    def _show_head(self) -> None:
        """Tell which head is in use, and which micrographs it was made from."""
        name = self._session.settings.head
        self._section.show_head(name)
        self._micrographs.show_uses({})
        self._attempt(lambda: self._show_uses(name))

    def _show_uses(self, name: str) -> None:
        library = find(name, head_libraries(self._session))
        if library is not None:
            self._micrographs.show_uses({one.name: one.use for one in library.record(name).micrographs})

    def _compare(self) -> None:
        """Show the picks before beside the present ones, where the head's change has made a difference."""
        number = self._canvas.micrograph_id
        self._section.show_comparison(self._before.show(number, self._canvas.diameter_px()))

    def _attempt(self, change: Callable[[], object]) -> bool:
        """Do something that may be refused; `problem` says why."""
        try:
            change()
        except HydraPickerError as error:
            self.problem.emit(str(error))
            return False
        return True
