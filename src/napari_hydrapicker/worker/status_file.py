"""What a training leaves beside its project, for a window that opens after the one that began it."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from napari_hydrapicker.errors import CoordinateFileError, ProjectError
from napari_hydrapicker.io.files import write_files
from napari_hydrapicker.worker.messages import (
    Broken,
    Finished,
    LongRequest,
    Made,
    MakeRequest,
    Message,
    Trained,
    Training,
    TrainingNote,
    from_line,
    to_line,
)

_TRIES, _AGAIN_SECONDS = 10, 0.05  # Windows replaces no file while somebody reads it
_START_SECONDS = 30.0  # from the first note to the process' lock, on a very busy machine
_HANDOVER_SECONDS = 5.0  # for a process that has said its last word to be gone

_PROGRESS_SECONDS = 1.0
_LOOK_SECONDS = 0.25
_DIED = (
    "its process ended before it was done: it was killed, memory ran out, or the computer was switched off. "
    "Nothing that was saved is lost: begin again"
)
CHECKPOINT = "checkpoint.safetensors"
_REQUEST = "request"


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
                f"{self.path}: what became of the training cannot be told ({error}). If a newer version of "
                "HydraPicker has made it, update; otherwise delete this file"
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


def begin(request: MakeRequest) -> None:
    """Make the work folder of a request, with the request in it.

    Raises
    ------
    ProjectError
        If it cannot be written.
    """
    folder = Path(request.work)
    try:
        # Whole, or as it was: half a request would make a checkpoint that is there worthless.
        write_files({folder / _REQUEST: to_line(request)}, overwrite=True)
    except CoordinateFileError as error:
        raise ProjectError(str(error)) from error


def begun(folder: Path) -> MakeRequest | None:
    """Return what was asked for in a work folder; None without a checkpoint, or if it cannot be told."""
    if not (folder / CHECKPOINT).is_file():
        return None
    with contextlib.suppress(OSError, ValueError):
        request = from_line((folder / _REQUEST).read_bytes())
        if isinstance(request, MakeRequest):
            return request
    return None


def discard(folder: Path) -> None:
    """Remove a work folder with its checkpoint, if there is one.

    Raises
    ------
    ProjectError
        If it cannot be removed.
    """
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ProjectError(f"{folder}: cannot be removed ({error.strerror or error})") from error
