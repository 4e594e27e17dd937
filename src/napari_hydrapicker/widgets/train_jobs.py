"""Training a head in the background: the session's corrections go out, progress and figures come back."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QObject, QTimer, Signal

from napari_hydrapicker.background.child import Child
from napari_hydrapicker.background.messages import (
    Broken,
    Finished,
    Message,
    Trained,
    Training,
    TrainRequest,
)
from napari_hydrapicker.session import Session
from napari_hydrapicker.training_set import corrected_micrographs

_POLL_MS = 50


class TrainJobs(QObject):
    """One training at a time, in a process of its own beside that which picks.

    Signals
    -------
    started ()
        A training is under way.
    progressed (Training)
        How far it is.
    trained (Trained)
        The head is saved.
    finished (bool, str)
        Whether it was cancelled, and what went wrong, in words; "" for nothing.
    """

    started = Signal()
    progressed = Signal(object)
    trained = Signal(object)
    finished = Signal(bool, str)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._child = Child()
        self._job = 0
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._poll)

    @property
    def running(self) -> bool:
        """Whether a training is under way."""
        return bool(self._timer.isActive())

    def train(self, name: str, libraries: list[Path], replace: bool = False) -> None:
        """Train a head on the session's corrections and save it in these libraries.

        The corrections are those of now: the user goes on meanwhile.
        """
        if self.running:
            return
        self._job += 1
        s = self._session.settings
        request = TrainRequest(
            job=self._job, name=name, micrographs=corrected_micrographs(self._session),
            diameter_angstrom=s.diameter_angstrom, weights=s.weights, device=s.device,
            libraries=tuple(map(str, libraries)), replace=replace,
        )  # fmt: skip
        self._child.send(request)
        self._timer.start()
        self.started.emit()

    def cancel(self) -> None:
        """Stop the training; nothing is saved."""
        if self.running:
            self._child.cancel(self._job)

    def close(self) -> None:
        """End the process; nothing is left running when this returns."""
        self._timer.stop()
        self._child.close()

    def _poll(self) -> None:
        for message in self._child.poll():
            self._take(message)

    def _take(self, message: Message) -> None:
        if isinstance(message, Broken):
            self._end(False, message.text)
        elif getattr(message, "job", None) != self._job or not self.running:
            return
        elif isinstance(message, Training):
            self.progressed.emit(message)
        elif isinstance(message, Trained):
            self.trained.emit(message)
        elif isinstance(message, Finished):
            self._end(message.cancelled, "")

    def _end(self, cancelled: bool, problem: str) -> None:
        self._timer.stop()
        self._child.close()  # its memory is worth more than the second that the next start takes
        self.finished.emit(cancelled, problem)
