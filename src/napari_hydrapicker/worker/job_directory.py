"""The directory of a long job, beside its project: what was asked for, how it stands, and its checkpoints.

A training goes on when its window is closed. All that the next window needs, or one that resumes it, is in
one directory: `request`, `status`, `work` with the checkpoints; hidden, `.lock`, which says whether the job's
process lives, and `.cancel`, which asks it to end. The operating system frees the lock however the process
ends, so that the status of a job under way without the lock is that of one that was killed.
"""

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
    JobStatus,
    LongRequest,
    Made,
    Message,
    Trained,
    Training,
    from_line,
    to_line,
)

_TRIES, _AGAIN_SECONDS = 10, 0.05  # Windows replaces no file while somebody reads it
_START_SECONDS = 30.0  # from the first status to the process' lock, on a very busy machine
_HANDOVER_SECONDS = 5.0  # for a process that has sent its last message to be gone

_PROGRESS_SECONDS = 1.0
_LOOK_SECONDS = 0.25
_DIED = (
    "its process ended before it was done: it was killed, memory ran out, or the computer was switched off. "
    "Nothing that was saved is lost: begin again"
)
CHECKPOINT = "checkpoint.safetensors"
_JOBS = "-jobs"  # behind the project's name


class JobDirectory:
    """One long job of a project.

    Parameters
    ----------
    folder
        Named like what the job makes; it is made by `begin`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder / "work"
        self.status = folder / "status"
        self._request, self._cancel = folder / "request", folder / ".cancel"
        self._lock = FileLock(folder / ".lock", thread_local=False)

    @classmethod
    def of(cls, project: Path, kind: str, name: str) -> JobDirectory:
        """Return the directory of a project's job, by its kind and the name of what it makes."""
        return cls(_folder(project, kind) / name)

    @classmethod
    def all(cls, project: Path, kind: str) -> list[JobDirectory]:
        """Return those of a project's jobs of a kind that there are."""
        with contextlib.suppress(OSError):  # none, or a folder that is gone or may not be read
            return [cls(one) for one in sorted(_folder(project, kind).iterdir()) if one.is_dir()]
        return []

    @property
    def name(self) -> str:
        """What the job makes is called."""
        return self.folder.name

    def begin(self, request: LongRequest) -> None:
        """Write a request, and a first status, for whoever looks before the process is up.

        Raises
        ------
        ProjectError
            If they cannot be written.
        """
        try:
            # Whole, or as it was: half a request would make a checkpoint that is there worthless.
            write_files({self._request: to_line(request)}, overwrite=True)
        except CoordinateFileError as error:
            raise ProjectError(str(error)) from error
        self.write(JobStatus())

    def resumable(self) -> LongRequest | None:
        """Return what was asked for; None without a checkpoint, or if it cannot be read."""
        if (self.work / CHECKPOINT).is_file():
            with contextlib.suppress(OSError, ValueError):
                request = from_line(self._request.read_bytes())
                return request if isinstance(request, LongRequest) else None
        return None

    def write(self, status: JobStatus) -> None:
        """Replace the status, which is whole at any moment.

        Raises
        ------
        ProjectError
            If it cannot be written.
        """
        part = self.folder / f".status.{os.getpid()}.part"
        try:
            part.write_bytes(to_line(status))
            _replace(part, self.status)
        except OSError as error:
            raise ProjectError(f"{self.status}: cannot be written ({error.strerror or error})") from error
        finally:  # a cancellation can come at any moment
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)

    def read(self) -> JobStatus | None:
        """Return the status; None if there is no job, or its end is known already.

        Raises
        ------
        ProjectError
            If it cannot be read, or is none of ours.
        """
        try:
            status = from_line(self.status.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ProjectError(f"{self.status}: cannot be read ({error.strerror or error})") from error
        except ValueError as error:
            raise ProjectError(
                f"{self.status}: how the job ended is unknown ({error}). If a newer version of "
                "HydraPicker has made it, update; otherwise delete this file"
            ) from error
        if not isinstance(status, JobStatus):
            raise ProjectError(f"{self.status}: is not the status of a job")
        return status

    def forget(self) -> None:
        """Remove the status, whose end is known now; all of it, unless there is a checkpoint to resume."""
        for path in (self.status, self._cancel):
            with contextlib.suppress(OSError):  # at worst its end is reported once more
                path.unlink(missing_ok=True)
        if not (self.work / CHECKPOINT).is_file():
            shutil.rmtree(self.folder, ignore_errors=True)
            kind, jobs = self.folder.parents[:2]
            if jobs.name.endswith(_JOBS):
                with contextlib.suppress(OSError):  # others are there, or somebody looks into it
                    kind.rmdir()
                    jobs.rmdir()

    def discard(self) -> None:
        """Remove all of it, checkpoints too, if there is anything.

        Raises
        ------
        ProjectError
            If it cannot be removed.
        """
        try:
            shutil.rmtree(self.folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise ProjectError(f"{self.folder}: cannot be removed ({error.strerror or error})") from error

    def hold(self) -> None:
        """Take the lock, for as long as this process lives.

        Raises
        ------
        ProjectError
            If another process is at the job, or the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=_HANDOVER_SECONDS)
            self._cancel.unlink(missing_ok=True)
        except Timeout as error:
            raise ProjectError("another training of this project is under way: wait for its end") from error
        except OSError as error:
            raise ProjectError(f"{self.folder}: cannot be written ({error.strerror or error})") from error

    def release(self) -> None:
        """Give the lock back, if this process has it."""
        self._lock.release()

    def is_held(self) -> bool:
        """Whether a process is at the job; not to be asked by the one that is."""
        if not self.folder.is_dir():
            return False
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return True
        except OSError:  # a folder that is gone, or read-only now
            return False
        self._lock.release()
        return False

    def is_fresh(self) -> bool:
        """Whether the status is so new that its process may not be up yet."""
        try:
            return abs(time.time() - self.status.stat().st_mtime) < _START_SECONDS
        except OSError:
            return False

    def cancel(self) -> None:
        """Ask the process, whosoever began it, to break the job off.

        Raises
        ------
        ProjectError
            If the folder cannot be written.
        """
        try:
            self._cancel.touch()
        except OSError as error:
            raise ProjectError(f"{self.folder}: cannot be written ({error.strerror or error})") from error

    def is_cancelled(self) -> bool:
        """Whether somebody has asked for that."""
        return self._cancel.exists()


def picking_folder(project: Path) -> Path:
    """Return where the results of a project's picking are kept, for a job that is broken off."""
    return _folder(project, "picking")


def _folder(project: Path, kind: str) -> Path:
    return project.with_name(f"{project.name}{_JOBS}") / kind


def _replace(part: Path, path: Path) -> None:
    for _ in range(_TRIES - 1):
        try:
            os.replace(part, path)
        except PermissionError:
            time.sleep(_AGAIN_SECONDS)
        else:
            return
    os.replace(part, path)


class JobReporter:
    """Writes how a job stands; as a context it holds the lock that says that its process lives.

    Raises
    ------
    ProjectError
        On entering: if another process is at the job, or the folder cannot be written.
    """

    def __init__(self, request: LongRequest) -> None:
        self._job, self._directory = request.job, JobDirectory(request.folder)
        self._written = 0.0

    def __enter__(self) -> Self:
        self._directory.hold()
        self._write(JobStatus(progress=Training(self._job, "starting", 0, 0, 0.0, None, None)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._directory.release()

    def progress(self, progress: Training) -> None:
        """Write how far it is, not more often than somebody would look."""
        now = time.monotonic()
        if now - self._written >= _PROGRESS_SECONDS:
            self._written = now
            self._write(JobStatus(progress=progress))

    def done(self, outcome: Trained | Made) -> None:
        """Write that the head or the picker is saved."""
        self._write(JobStatus(outcome=outcome))

    def failed(self, problem: str) -> None:
        """Write what went wrong, in words."""
        self._write(JobStatus(problem=problem))

    def cancelled(self) -> None:
        """Leave no status: whoever cancelled it knows."""
        self._directory.forget()

    def is_cancelled(self) -> bool:
        """Whether a window that did not begin the job wants it to end."""
        return self._directory.is_cancelled()

    def _write(self, status: JobStatus) -> None:
        # A disk that is full, or gone, must not end a training whose window may well be there to hear of it.
        with contextlib.suppress(ProjectError):
            self._directory.write(status)


class DetachedJob:
    """Reports what the status says in the messages of the process itself.

    Parameters
    ----------
    directory
        Of the job.
    job
        The messages' number.
    """

    def __init__(self, directory: JobDirectory, job: int) -> None:
        self._directory, self._job = directory, job
        self._next_look = 0.0
        self._reported: Training | None = None

    def poll(self) -> list[Message]:
        """Return what is new; a `Finished` or `Broken` is the last of it."""
        now = time.monotonic()
        if now < self._next_look:
            return []
        self._next_look = now + _LOOK_SECONDS
        alive = self._directory.is_held()  # asked first: then the status of one that is gone is its last
        try:
            status = self._directory.read()
        except ProjectError as error:
            return [] if alive else [Broken(str(error))]
        if status is None:
            return [] if alive else [Finished(self._job, True)]
        return self._report(status, alive)

    def cancel(self) -> None:
        """Ask the process to break off; it takes a moment.

        Raises
        ------
        ProjectError
            If there is no way to ask it.
        """
        self._directory.cancel()

    def _report(self, status: JobStatus, alive: bool) -> list[Message]:
        if status.outcome is not None:
            return [replace(status.outcome, job=self._job), Finished(self._job, False)]
        if status.problem is not None:
            return [Broken(status.problem)]
        starting = status.progress is None and self._directory.is_fresh()
        if not alive and not starting:
            return [Broken(_DIED)]
        if status.progress is None or status.progress == self._reported:
            return []
        self._reported = status.progress
        return [replace(status.progress, job=self._job)]
