"""Making a cGAN picker in the background, from the project's own micrographs and no picks at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from qtpy.QtCore import QObject, Signal

from napari_hydrapicker.errors import HydraPickerError, ParameterError, ProjectError
from napari_hydrapicker.gui.controllers.lasting_jobs import LastingJobs
from napari_hydrapicker.gui.guide import READ_ONLY
from napari_hydrapicker.gui.sections.make import MakeSection, described
from napari_hydrapicker.gui.sections.pick import PickSection
from napari_hydrapicker.picking.library import check_name
from napari_hydrapicker.project.generators import (
    background_micrographs,
    generator_libraries,
    generator_names,
)
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.worker.messages import Made, MakeRequest


class MakeJobs(LastingJobs):
    """Makes pickers; one that is cancelled, or fails, can be gone on with from its last checkpoint."""

    kind = "making"

    def unfinished(self, name: str) -> MakeRequest | None:
        """Return what was asked for a picker of this name whose training has not come to its end."""
        if not self._session.is_open:
            return None
        try:
            check_name(name)
        except ParameterError:  # half-typed, perhaps
            return None
        request = self._directory(name).resumable()
        return request if isinstance(request, MakeRequest) else None

    def discard(self, name: str) -> None:
        """Throw away what there is of an unfinished picker.

        Raises
        ------
        ParameterError
            If no picker can be called that.
        ProjectError
            If it is being trained, or cannot be removed.
        """
        check_name(name)
        self.check_free()
        self._directory(name).discard()

    def make(self, name: str, number: int | None, steps: int) -> None:
        """Train a picker for particles of the session's diameter, so many on a micrograph.

        One of this name that is unfinished is gone on with, as it was begun.

        Raises
        ------
        ParameterError
            If no picker can be called that, or no micrograph has a known pixel size.
        ProjectError
            If a training of the project is under way, or the project's folder cannot be written.
        """
        check_name(name)
        self.check_free()
        old = self.unfinished(name)
        if old is None:
            self._directory(name).discard()  # a checkpoint of nobody knows what
        self._job += 1
        request = self._request(name, number, steps)
        if old is not None:
            request = replace(
                request, number=old.number, steps=old.steps, diameter_angstrom=old.diameter_angstrom
            )
        self._begin(request)

    def _request(self, name: str, number: int | None, steps: int) -> MakeRequest:
        s = self._session.settings
        return MakeRequest(
            job=self._job, name=name, micrographs=background_micrographs(self._session),
            diameter_angstrom=s.diameter_angstrom, number=number, steps=steps, device=s.device,
            libraries=tuple(str(one.folder) for one in generator_libraries(self._session)),
            folder=self._directory(name).folder,
        )  # fmt: skip

    def _failure(self, problem: str) -> str:
        kept = self.unfinished(self.name) is not None
        advice = ". The last checkpoint is kept: “Resume” in Make a picker continues from it" if kept else ""
        return f"Picker {self.name!r} was not made: {problem}{advice}"


class MakeController(QObject):
    """Starts trainings of cGAN pickers and offers what came of them.

    Signals
    -------
    problem (str)
        Something that the user should read.
    message (str)
        Something good to know.
    counted ()
        `backgrounds` may have changed.

    Attributes
    ----------
    backgrounds : int
        Micrographs from which a picker could learn its backgrounds.
    """

    problem = Signal(str)
    message = Signal(str)
    counted = Signal()

    def __init__(
        self, session: Session, jobs: MakeJobs, section: MakeSection, pick: PickSection, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._session, self._jobs, self._section, self._pick = session, jobs, section, pick
        self.backgrounds = 0
        section.make_requested.connect(self.make)
        section.discard_requested.connect(self.discard)
        section.cancel_requested.connect(lambda: self._attempt(jobs.cancel))
        section.picker_chosen.connect(self.take)
        section.name_changed.connect(lambda _: self._show_unfinished())
        jobs.started.connect(section.on_started)
        jobs.progressed.connect(section.on_progress)
        jobs.trained.connect(self._on_made)
        jobs.found.connect(self._on_made)
        jobs.finished.connect(self._on_finished)
        jobs.resumed.connect(self._on_resumed)
        jobs.left.connect(self._on_left)
        session.micrographs_changed.connect(self._on_project)
        session.settings_changed.connect(self._on_settings)
        self._on_project()

    def make(self, name: str, number: int | None, steps: int) -> None:
        """Make a picker, or go on with the unfinished one of this name."""
        try:
            self._make(name, number, steps)
        except HydraPickerError as error:
            self._fail(str(error))

    def discard(self, name: str) -> None:
        """Throw away an unfinished picker."""
        self._attempt(lambda: self._jobs.discard(name))
        self._section.result.setVisible(False)
        self._show_unfinished()

    def take(self, name: str) -> None:
        """Pick with another cGAN picker from now on."""
        self.refresh()
        if self._attempt(lambda: self._session.update(picker="cgan", generator=name)):
            self.message.emit(
                f"Picker {name!r} is in use now: pick this micrograph, or all, to see what it finds"
            )

    def refresh(self) -> None:
        """List the generators that there are."""
        self._attempt(lambda: self._pick.choices.show_generators(generator_names(self._session)))

    def _make(self, name: str, number: int | None, steps: int) -> None:
        if self._session.read_only:
            raise ProjectError(READ_ONLY)
        taken = [one.folder for one in generator_libraries(self._session) if name in one.names()]
        if taken:
            raise ParameterError(f"A picker called {name!r} exists already: choose another name ({taken[0]})")
        self._jobs.make(name, number, steps)

    def _on_made(self, made: Made) -> None:
        """Tell of a picker that is done; it is chosen by the user, or not at all."""
        self.refresh()
        self._section.show_result(made)
        self.message.emit(f"{described(made)}. Choose it in Pick to use it")

    def _on_resumed(self, name: str) -> None:
        self._section.name.setText(name)
        self.message.emit(f"Picker {name!r} is still training; Cancel in Make a picker stops it")

    def _on_finished(self, cancelled: bool, problem: str) -> None:
        self._section.on_finished(cancelled)
        self._show_unfinished()
        if problem:
            self._fail(problem)

    def _fail(self, problem: str) -> None:
        self._section.show_report(problem)
        self.problem.emit(problem)

    def _on_left(self, name: str) -> None:
        self._section.on_finished(True)
        self.message.emit(f"Picker {name!r} keeps training in the background: reopen its project to see it")

    def _on_project(self) -> None:
        self.refresh()
        self._show_particles()
        self._show_unfinished()

    def _on_settings(self, names: frozenset[str]) -> None:
        if "diameter_angstrom" in names:
            self._show_particles()
        if "generator" in names:
            self.refresh()

    def _show_particles(self) -> None:
        try:
            self.backgrounds = len(background_micrographs(self._session)) if self._session.is_open else 0
        except HydraPickerError:  # none of known pixel size, which the section says in its own words
            self.backgrounds = 0
        self._section.show_particles(self._session.settings.diameter_angstrom, self.backgrounds)
        self.counted.emit()

    def _show_unfinished(self) -> None:
        self._section.show_unfinished(self._jobs.unfinished(self._section.name.text().strip()))

    def _attempt(self, action: Callable[[], object]) -> bool:
        try:
            action()
        except HydraPickerError as error:
            self.problem.emit(str(error))
            return False
        return True
