"""Trainings in the background that go on when their window is closed, and are found by the next one."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QObject, Signal

from napari_hydrapicker.errors import ProjectError
from napari_hydrapicker.gui.controllers.jobs import Jobs
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.project.training_set import corrected_micrographs
from napari_hydrapicker.worker.messages import (
    Broken,
    Finished,
    LongRequest,
    Made,
    Message,
    Trained,
    Training,
    TrainingNote,
    TrainRequest,
)
from napari_hydrapicker.worker.status_file import LeftTraining, NoteFile

_POLL_MS = 50


class LastingJobs(Jobs):
    """One training of a kind at a time of the open project, in a process of its own beside that which picks.

    When window or project are closed the process goes on alone, and its result is reported when the
    project is opened again, by this or another window. A subclass says what is to be trained, the kind of
    its notes, and how a failure is reported.

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
        self._note: NoteFile | None = None
        self._left: LeftTraining | None = None  # what is followed, where it is not a child of ours
        self._reported = False  # whether that is under way

    def check_free(self) -> None:
        """Refuse a second training.

        Raises
        ------
        ProjectError
            If one of the project is under way.
        """
        if self.running or self._note_of_project().is_held():
            raise ProjectError("a training of this project is under way: wait for its end, or cancel it")

    def cancel(self) -> None:
        """Stop the training.

        Raises
        ------
        ProjectError
            If it is one that was left to itself, and it cannot be reached.
        """
        if self._left is not None:
            self._left.cancel()
        else:
            super().cancel()

    def close(self) -> None:
        """Let a training go on by itself, and leave nothing else running."""
        self._leave()
        super().close()

    def _begin(self, request: LongRequest) -> None:
        """Send a request to the process, with a note that it is under way; not before `check_free`."""
        note = self._note_of_project()
        note.write(TrainingNote(request.name))
        self.name, self._note = request.name, note
        self._send(request)
        self.started.emit()

    def _failure(self, problem: str) -> str:
        """Say what was not made, and why."""
        raise NotImplementedError

    def _note_of_project(self) -> NoteFile:
        return NoteFile.beside(self._session.project.path, self.kind)

    def _on_project(self) -> None:
        name = self.name if self.running else ""
        self._leave()
        if name:
            self.left.emit(name)
        self._look()

    def _leave(self) -> None:
        self._timer.stop()
        note, self._note = self._note, None
        if self._left is not None or note is None:
            self._left = None
        elif self._child.cancelling:
            self._child.close()
            note.remove()
        else:
            self._child.leave()

    def _look(self) -> None:
        """Follow a training of this project that continued in the background; one that ended is reported."""
        if self._project is None or self._session.read_only:  # only the window that may write to it reports
            return
        note = self._note_of_project()
        try:
            noted = note.read()
        except ProjectError:  # reported by what follows it
            noted = TrainingNote("")
        if noted is None:
            return
        self._job += 1
        self.name, self._note, self._left = noted.name, note, LeftTraining(note, self._job)
        self._reported = False
        self._timer.start()

    def _poll(self) -> None:
        for message in self._messages() if self._left is None else self._left.poll():
            self._take(message)

    def _take(self, message: Message) -> None:
        if isinstance(message, Training):
            if self._left is not None and not self._reported:
                self._reported = True
                self.started.emit()
                self.resumed.emit(self.name)
            self.progressed.emit(message)
        elif isinstance(message, Trained | Made):
            (self.trained if self._left is None else self.found).emit(message)
        elif isinstance(message, Broken):
            self._end(False, self._failure(message.text))
        elif isinstance(message, Finished):
            self._end(message.cancelled, "")

    def _end(self, cancelled: bool, problem: str) -> None:
        self._timer.stop()
        if self._left is None:
            self._child.stop()  # its memory is worth more than the second that the next start takes
        if self._note is not None:
            self._note.remove()  # it is reported
        self._note = self._left = None
        self.finished.emit(cancelled, problem)


class TrainJobs(LastingJobs):
    """Trains heads; what is cancelled leaves nothing."""

    kind = "training"

    def train(self, name: str, libraries: list[Path], replace: bool = False) -> None:
        """Train a head on the session's corrections and save it in these libraries.

        The corrections are those of now: the user goes on meanwhile.

        Raises
        ------
        ProjectError
            If a training of the project is under way, or the project's folder cannot be written.
        """
        self.check_free()
        self._job += 1
        s, note = self._session.settings, self._note_of_project()
        request = TrainRequest(
            job=self._job, name=name, micrographs=corrected_micrographs(self._session),
            diameter_angstrom=s.diameter_angstrom, weights=s.weights, device=s.device,
            libraries=tuple(map(str, libraries)), replace=replace, note=str(note.path),
        )  # fmt: skip
        self._begin(request)

    def _failure(self, problem: str) -> str:
        return f"Head {self.name!r} was not trained: {problem}"
