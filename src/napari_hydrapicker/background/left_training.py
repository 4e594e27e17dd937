"""A training whose window was closed, as the next window sees it."""

from __future__ import annotations

import time
from dataclasses import replace

from napari_hydrapicker.background.messages import Broken, Finished, Message, Training, TrainingNote
from napari_hydrapicker.background.note import NoteFile
from napari_hydrapicker.errors import ProjectError

_LOOK_SECONDS = 0.25
_DIED = (
    "its process ended before it was done: it was killed, memory ran out, or the computer was switched off. "
    "Nothing that was saved is lost: begin again"
)


class LeftTraining:
    """Tells what the note says in the messages of the process itself.

    Parameters
    ----------
    note
        Of the training.
    job
        The messages' number.
    """

    def __init__(self, note: NoteFile, job: int) -> None:
        self._note, self._job = note, job
        self._next_look = 0.0
        self._told: Training | None = None

    def poll(self) -> list[Message]:
        """Return what is new; a `Finished` or `Broken` is the last of it."""
        now = time.monotonic()
        if now < self._next_look:
            return []
        self._next_look = now + _LOOK_SECONDS
        alive = self._note.is_held()  # asked first: then the note of one that is gone is its last word
        try:
            noted = self._note.read()
        except ProjectError as error:
            return [] if alive else [Broken(str(error))]
        if noted is None:
            return [] if alive else [Finished(self._job, True)]
        return self._told_by(noted, alive)

    def cancel(self) -> None:
        """Ask the process to break off; it takes a moment.

        Raises
        ------
        ProjectError
            If there is no way to ask it.
        """
        self._note.wish_cancelled()

    def _told_by(self, noted: TrainingNote, alive: bool) -> list[Message]:
        outcome = noted.trained or noted.made
        if outcome is not None:
            return [replace(outcome, job=self._job), Finished(self._job, False)]
        if noted.problem is not None:
            return [Broken(noted.problem)]
        starting = noted.progress is None and self._note.is_fresh()
        if not alive and not starting:
            return [Broken(_DIED)]
        if noted.progress is None or noted.progress == self._told:
            return []
        self._told = noted.progress
        return [replace(noted.progress, job=self._job)]
