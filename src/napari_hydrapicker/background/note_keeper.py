"""The training process' hand on the note about it."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from napari_hydrapicker.background.messages import LongRequest, Made, Trained, Training, TrainingNote
from napari_hydrapicker.background.note import NoteFile
from napari_hydrapicker.errors import ProjectError

_PROGRESS_SECONDS = 1.0


class NoteKeeper:
    """Notes how a training stands; as a context it holds the lock that says that its process lives.

    Raises
    ------
    ProjectError
        On entering: if another training of the project is under way, or the folder cannot be written.
    """

    def __init__(self, request: LongRequest) -> None:
        self._job, self._name, self._file = request.job, request.name, NoteFile(Path(request.note))
        self._noted = 0.0

    def __enter__(self) -> Self:
        self._file.hold()
        begun = Training(self._job, "starting", 0, 0, 0.0, None, None)
        self._write(TrainingNote(self._name, progress=begun))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.release()

    def progress(self, progress: Training) -> None:
        """Note how far it is, not more often than somebody would look."""
        now = time.monotonic()
        if now - self._noted >= _PROGRESS_SECONDS:
            self._noted = now
            self._write(TrainingNote(self._name, progress=progress))

    def trained(self, outcome: Trained | Made) -> None:
        """Note that the head or the picker is saved."""
        if isinstance(outcome, Made):
            self._write(TrainingNote(self._name, made=outcome))
        else:
            self._write(TrainingNote(self._name, trained=outcome))

    def failed(self, problem: str) -> None:
        """Note what went wrong, in words."""
        self._write(TrainingNote(self._name, problem=problem))

    def cancelled(self) -> None:
        """Leave nothing: whoever cancelled it knows."""
        self._file.remove()

    def is_cancel_wished(self) -> bool:
        """Whether a window that did not begin the training wants it to end."""
        return self._file.is_cancel_wished()

    def _write(self, note: TrainingNote) -> None:
        # A disk that is full, or gone, must not end a training whose window may well be there to be told.
        with contextlib.suppress(ProjectError):
            self._file.write(note)
