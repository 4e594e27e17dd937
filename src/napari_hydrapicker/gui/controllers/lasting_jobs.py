"""Trainings in the background that go on when their window is closed, and are found by the next one."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QObject, Signal

from napari_hydrapicker.errors import ProjectError
from napari_hydrapicker.gui.controllers.jobs import Jobs
from napari_hydrapicker.hydra.head_record import check_head_name
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.project.training_set import corrected_micrographs
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph
from napari_hydrapicker.worker.job_directory import DetachedJob, JobDirectory
from napari_hydrapicker.worker.messages import (
    Broken,
    Finished,
    LongRequest,
    Made,
    Message,
    Trained,
    Training,
    TrainRequest,
)

_POLL_MS = 50


class LastingJobs(Jobs):
    """One training of a kind at a time of the open project, in a process of its own beside that which picks.

    When window or project are closed the process goes on alone, and what became of it is reported when the
    project is opened again, by this or another window. A subclass says what is to be trained, the kind of
    its job directories, and how a failure is put.

    Signals
    -------
    started ()
        A training is under way.
    resumed (str)
        It is one that a window has left to itself; the name of what it makes. `started` comes too.
    progressed (Training)
        How far it is.
    trained (Trained or Made)
        What it makes is saved.
    found (Trained or Made)
        In place of `trained`: by a training that was left to itself.
    finished (bool, str)
        Whether it was cancelled, and what went wrong, in words; "" for nothing.
    left (str)
        The project is being closed, and the training goes on; the name of what it makes.
    """

    started = Signal()
    resumed = Signal(str)
    progressed = Signal(object)
    trained = Signal(object)
    found = Signal(object)
    finished = Signal(bool, str)
    left = Signal(str)

    kind = "training"

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session, _POLL_MS, parent)
        self.name = ""  # of what is in training
        self._own: JobDirectory | None = None
        self._detached: DetachedJob | None = None  # what is followed, where it is not our worker's
        self._announced = False  # whether that is under way

    def check_free(self) -> None:
        """Refuse a second training.

        Raises
        ------
        ProjectError
            If one of the project is under way.
        """
        if self.running or any(
            one.is_held() for one in JobDirectory.all(self._session.project.path, self.kind)
        ):
            raise ProjectError("a training of this project is under way: wait for its end, or cancel it")

    def cancel(self) -> None:
        """Stop the training.

        Raises
        ------
        ProjectError
            If it is one that was left to itself, and it cannot be reached.
        """
        if self._detached is not None:
            self._detached.cancel()
        else:
            super().cancel()

    def close(self) -> None:
        """Let a training go on by itself, and leave nothing else running."""
        self._leave()
        super().close()

    def _begin(self, request: LongRequest) -> None:
        """Send a request to the process, with a status that it is under way; not before `check_free`."""
        directory = self._directory(request.name)
        directory.begin(request)
        self.name, self._own = request.name, directory
        self._send(request)
        self.started.emit()

    def _failure(self, problem: str) -> str:
        """Say what was not made, and why."""
        raise NotImplementedError

    def _directory(self, name: str) -> JobDirectory:
        return JobDirectory.of(self._session.project.path, self.kind, name)

    def _on_project(self) -> None:
        name = self.name if self.running else ""
        self._leave()
        if name:
            self.left.emit(name)
        self._look()

    def _leave(self) -> None:
        self._timer.stop()
        directory, self._own = self._own, None
        if self._detached is not None or directory is None:
            self._detached = None
        elif self._child.cancelling:
            self._child.close()
            directory.forget()
        else:
            self._child.leave()

    def _look(self) -> None:
        """Follow a training of this project that a window has left to itself; one that ended is told soon."""
        if self._project is None or self._session.read_only:  # it is reported to whoever may write to it
            return
        for directory in JobDirectory.all(self._project.path, self.kind):
            if directory.status.is_file():
                self._job += 1
                self.name, self._own = directory.name, directory
                self._detached = DetachedJob(directory, self._job)
                self._announced = False
                self._timer.start()
                return

    def _poll(self) -> None:
        for message in self._messages() if self._detached is None else self._detached.poll():
            self._take(message)

    def _take(self, message: Message) -> None:
        if isinstance(message, Training):
            if self._detached is not None and not self._announced:
                self._announced = True
                self.started.emit()
                self.resumed.emit(self.name)
            self.progressed.emit(message)
        elif isinstance(message, Trained | Made):
            (self.trained if self._detached is None else self.found).emit(message)
        elif isinstance(message, Broken):
            self._end(False, self._failure(message.text))
        elif isinstance(message, Finished):
            self._end(message.cancelled, "")

    def _end(self, cancelled: bool, problem: str) -> None:
        self._timer.stop()
        if self._detached is None:
            self._child.stop()  # its memory is worth more than the second that the next start takes
        if self._own is not None:
            self._own.forget()
        self._own = self._detached = None
        self.finished.emit(cancelled, problem)


class TrainJobs(LastingJobs):
    """Trains heads; what is cancelled leaves nothing."""

    kind = "training"

    def train(
        self,
        name: str,
        libraries: list[Path],
        replace: bool = False,
        micrographs: tuple[AnnotatedMicrograph, ...] | None = None,
    ) -> None:
        """Train a head and save it in these libraries.

        It learns from these micrographs, or else from the session's corrections as they are now: the user
        goes on meanwhile.

        Raises
        ------
        ParameterError
            If no head can be called that.
        ProjectError
            If a training of the project is under way, or the project's folder cannot be written.
        """
        check_head_name(name)
        self.check_free()
        self._job += 1
        s = self._session.settings
        request = TrainRequest(
            job=self._job, name=name,
            micrographs=corrected_micrographs(self._session) if micrographs is None else micrographs,
            diameter_angstrom=s.diameter_angstrom, weights=s.weights, device=s.device,
            libraries=tuple(map(str, libraries)), replace=replace, folder=self._directory(name).folder,
        )  # fmt: skip
        self._begin(request)

    def _failure(self, problem: str) -> str:
        return f"Head {self.name!r} was not trained: {problem}"
