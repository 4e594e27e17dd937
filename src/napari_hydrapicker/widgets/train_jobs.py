"""Training a head in the background: the session's corrections go out, progress and figures come back."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QObject, Signal

from napari_hydrapicker.background.left_training import LeftTraining
from napari_hydrapicker.background.messages import (
    Broken,
    Finished,
    Message,
    Trained,
    Training,
    TrainingNote,
    TrainRequest,
)
from napari_hydrapicker.background.note import NoteFile
from napari_hydrapicker.errors import ProjectError
from napari_hydrapicker.session import Session
from napari_hydrapicker.training_set import corrected_micrographs
from napari_hydrapicker.widgets.jobs import Jobs

_POLL_MS = 50


class TrainJobs(Jobs):
    """One training at a time of the open project, in a process of its own beside that which picks.

    When window or project are closed the process goes on alone, and what became of it is told when the
    project is opened again, by this or another window.

    Signals
    -------
    started ()
        A training is under way.
    resumed (str)
        It is one that a window has left to itself; the head's name. `started` comes too.
    progressed (Training)
        How far it is.
    trained (Trained)
        The head is saved.
    found (Trained)
        In place of `trained`: by a training that was left to itself.
    finished (bool, str)
        Whether it was cancelled, and what went wrong, in words; "" for nothing.
    left (str)
        The project is being closed, and the training goes on; the head's name.
    """

    started = Signal()
    resumed = Signal(str)
    progressed = Signal(object)
    trained = Signal(object)
    found = Signal(object)
    finished = Signal(bool, str)
    left = Signal(str)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session, _POLL_MS, parent)
        self.name = ""  # of the head in training
        self._note: NoteFile | None = None
        self._left: LeftTraining | None = None  # what is followed, where it is not a child of ours
        self._told = False  # whether that is under way

    def train(self, name: str, libraries: list[Path], replace: bool = False) -> None:
        """Train a head on the session's corrections and save it in these libraries.

        The corrections are those of now: the user goes on meanwhile.

        Raises
        ------
        ProjectError
            If a training of the project is under way, or the project's folder cannot be written.
        """
        note = NoteFile.beside(self._session.project.path)
        if self.running or note.is_held():
            raise ProjectError("a training of this project is under way: wait for its end, or cancel it")
        note.write(TrainingNote(name))
        self._job += 1
        self.name, self._note = name, note
        s = self._session.settings
        request = TrainRequest(
            job=self._job, name=name, micrographs=corrected_micrographs(self._session),
            diameter_angstrom=s.diameter_angstrom, weights=s.weights, device=s.device,
            libraries=tuple(map(str, libraries)), replace=replace, note=str(note.path),
        )  # fmt: skip
        self._send(request)
        self.started.emit()

    def cancel(self) -> None:
        """Stop the training; nothing is saved.

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
        """Follow a training of this project that a window has left to itself; one that ended is told soon."""
        if self._project is None or self._session.read_only:  # whoever may write to it is told
            return
        note = NoteFile.beside(self._project.path)
        try:
            noted = note.read()
        except ProjectError:  # told by what follows it
            noted = TrainingNote("")
        if noted is None:
            return
        self._job += 1
        self.name, self._note, self._left = noted.name, note, LeftTraining(note, self._job)
        self._told = False
        self._timer.start()

    def _poll(self) -> None:
        for message in self._messages() if self._left is None else self._left.poll():
            self._take(message)

    def _take(self, message: Message) -> None:
        if isinstance(message, Training):
            if self._left is not None and not self._told:
                self._told = True
                self.started.emit()
                self.resumed.emit(self.name)
            self.progressed.emit(message)
        elif isinstance(message, Trained):
            (self.trained if self._left is None else self.found).emit(message)
        elif isinstance(message, Broken):
            self._end(False, f"Head {self.name!r} was not trained: {message.text}")
        elif isinstance(message, Finished):
            self._end(message.cancelled, "")

    def _end(self, cancelled: bool, problem: str) -> None:
        self._timer.stop()
        if self._left is None:
            self._child.stop()  # its memory is worth more than the second that the next start takes
        if self._note is not None:
            self._note.remove()  # it is told
        self._note = self._left = None
        self.finished.emit(cancelled, problem)
