"""What a training leaves beside its project, for a window that opens after the one that began it."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from filelock import FileLock, Timeout

from napari_hydrapicker.background.lines import from_line, to_line
from napari_hydrapicker.background.messages import TrainingNote
from napari_hydrapicker.errors import ProjectError

_TRIES, _AGAIN_SECONDS = 10, 0.05  # Windows replaces no file while somebody reads it
_START_SECONDS = 30.0  # from the first note to the process' lock, on a very busy machine
_HANDOVER_SECONDS = 5.0  # for a process that has said its last word to be gone


class NoteFile:
    """A file that says how a training stands, and a lock that says whether its process lives.

    The operating system frees the lock however the process ends, so that a note of a training under way
    without the lock is that of one that was killed.

    Parameters
    ----------
    path
        Of the note; the lock, and the wish that the training be cancelled, are hidden files beside it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path.with_name(f".{path.name}.lock"), thread_local=False)
        self._wish = path.with_name(f".{path.name}.cancel")

    @classmethod
    def beside(cls, project: Path, kind: str = "training") -> NoteFile:
        """Return the note of a project; there is one training of a kind at a time."""
        return cls(project.with_name(f"{project.name}-{kind}"))

    def write(self, note: TrainingNote) -> None:
        """Replace the note, which is whole at any moment.

        Raises
        ------
        ProjectError
            If it cannot be written.
        """
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            part.write_bytes(to_line(note))
            _replace(part, self.path)
        except OSError as error:
            raise ProjectError(f"{self.path}: cannot be written ({error.strerror or error})") from error
        finally:  # a cancellation can come at any moment
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)

    def read(self) -> TrainingNote | None:
        """Return the note, if there is one.

        Raises
        ------
        ProjectError
            If it cannot be read, or is none of ours.
        """
        try:
            note = from_line(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ProjectError(f"{self.path}: cannot be read ({error.strerror or error})") from error
        except ValueError as error:
            raise ProjectError(
                f"{self.path}: what became of the training cannot be told ({error})"
            ) from error
        if not isinstance(note, TrainingNote):
            raise ProjectError(f"{self.path}: this is no note of a training")
        return note

    def remove(self) -> None:
        """Remove the note, and the wish to cancel; it is told."""
        for path in (self.path, self._wish):
            with contextlib.suppress(OSError):  # at worst it is told once more
                path.unlink(missing_ok=True)

    def hold(self) -> None:
        """Take the lock, for as long as this process lives.

        Raises
        ------
        ProjectError
            If another training of the project has it, or the folder cannot be written.
        """
        try:
            self._lock.acquire(timeout=_HANDOVER_SECONDS)
            self._wish.unlink(missing_ok=True)
        except Timeout as error:
            raise ProjectError("another training of this project is under way: wait for its end") from error
        except OSError as error:
            raise ProjectError(f"{self.path}: cannot be written ({error.strerror or error})") from error

    def release(self) -> None:
        """Give the lock back, if this process has it."""
        self._lock.release()

    def is_held(self) -> bool:
        """Whether a process is at the training; not to be asked by the one that is."""
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return True
        except OSError:  # a folder that is gone, or read-only now
            return False
        self._lock.release()
        return False

    def is_fresh(self) -> bool:
        """Whether the note is so new that its process may not be up yet."""
        try:
            return abs(time.time() - self.path.stat().st_mtime) < _START_SECONDS
        except OSError:
            return False

    def wish_cancelled(self) -> None:
        """Ask the process, whosoever began it, to break the training off.

        Raises
        ------
        ProjectError
            If the folder cannot be written.
        """
        try:
            self._wish.touch()
        except OSError as error:
            raise ProjectError(f"{self._wish}: cannot be written ({error.strerror or error})") from error

    def is_cancel_wished(self) -> bool:
        """Whether somebody has asked for that."""
        return self._wish.exists()


def _replace(part: Path, path: Path) -> None:
    for _ in range(_TRIES - 1):
        try:
            os.replace(part, path)
        except PermissionError:
            time.sleep(_AGAIN_SECONDS)
        else:
            return
    os.replace(part, path)
