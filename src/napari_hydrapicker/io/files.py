"""Text files of unknown quality, atomic writing, and folders that one program at a time changes."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from napari_hydrapicker.errors import CoordinateFileError, HydraPickerError
from napari_hydrapicker.wording import first_of

MAX_FILE_BYTES = 512 * 2**20
MAX_LINE_BYTES = 64 * 2**10
HEAD_BYTES = 64 * 2**10

_POLL_SECONDS = 0.01  # most folders are held for some milliseconds


def bad_line(path: Path, line: int, problem: str) -> CoordinateFileError:
    """Make the error for line `line` (counted from 1) of a coordinate file."""
    return CoordinateFileError(f"{path}, line {line}: {problem}")


def _shown(error: OSError) -> str:
    return error.strerror or type(error).__name__


def open_file(path: Path) -> BinaryIO:
    """Open a regular file of at most `MAX_FILE_BYTES` for reading.

    Raises
    ------
    CoordinateFileError
        If it does not exist, is no regular file, is too large, or may not be read.
    """
    try:
        if not path.is_file():
            raise CoordinateFileError(f"{path}: {'not a regular file' if path.exists() else 'no such file'}")
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise CoordinateFileError(
                f"{path}: {size / 2**20:.0f} MiB is too large for a coordinate file "
                f"(at most {MAX_FILE_BYTES // 2**20} MiB); split it by micrograph"
            )
        return path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = _shown(error) if isinstance(error, OSError) else str(error)
        raise CoordinateFileError(f"{path}: cannot be read ({reason})") from error


def read_head(path: Path) -> bytes:
    """Return the first `HEAD_BYTES` bytes of a file, to recognise its format by."""
    with open_file(path) as file:
        return _read(path, file, HEAD_BYTES)


def _read(path: Path, file: BinaryIO, size: int) -> bytes:
    try:
        return file.read(size)
    except OSError as error:
        raise CoordinateFileError(f"{path}: cannot be read ({_shown(error)})") from error


def head_lines(head: bytes) -> list[str]:
    """Return the non-blank lines of a file's head, stripped; the last may be cut off."""
    lines = (line.strip() for line in head.decode("utf-8-sig", "replace").splitlines())
    return [line for line in lines if line]


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, text stripped of white space) of a UTF-8 text file.

    The file is streamed: memory stays bounded whatever the file holds.

    Raises
    ------
    CoordinateFileError
        If the file cannot be read, holds NUL bytes or is not UTF-8, or a line is absurdly long.
    """
    with open_file(path) as file:
        number = 0
        while raw := _read_line(path, file):
            number += 1
            if len(raw) > MAX_LINE_BYTES:
                raise bad_line(path, number, f"longer than {MAX_LINE_BYTES} bytes: not a coordinate file")
            if b"\0" in raw:
                raise bad_line(path, number, "holds NUL bytes: not a text file, or a damaged one")
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise bad_line(path, number, "not UTF-8 text; save the file as UTF-8") from error
            yield number, text.strip()


def _read_line(path: Path, file: BinaryIO) -> bytes:
    try:
        return file.readline(MAX_LINE_BYTES + 1)
    except OSError as error:
        raise CoordinateFileError(f"{path}: cannot be read ({_shown(error)})") from error


def write_files(files: dict[Path, bytes], overwrite: bool, within: Path | None = None) -> list[Path]:
    """Write each file whole or not at all; make missing folders.

    Parameters
    ----------
    files
        Contents by path.
    overwrite
        Whether to replace files that exist.
    within
        A folder that must be there already, and is not made anew if it is gone.

    Raises
    ------
    CoordinateFileError
        If one of them exists and `overwrite` is not set (then nothing is written), or on a disk error.
    """
    existing = [path for path in files if os.path.exists(path)]
    if existing and not overwrite:
        raise CoordinateFileError(
            f"{first_of(existing)} exists already; choose another, or allow overwriting (`overwrite`)"
        )
    for path, content in files.items():
        try:
            _make_folder(path.parent, within)
            _write_whole(path, content)
        except OSError as error:
            raise CoordinateFileError(f"{path}: cannot be written ({_shown(error)})") from error
    return list(files)


def _make_folder(folder: Path, within: Path | None) -> None:
    if within is None:
        folder.mkdir(parents=True, exist_ok=True)
    elif folder != within:
        _make_folder(folder.parent, within)
        folder.mkdir(exist_ok=True)


def _write_whole(path: Path, content: bytes) -> None:
    # Same folder, so that os.replace is a rename; O_EXCL and mode 0o666 so that the umask decides.
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class FolderLock:
    """The lock of one folder, a file in it; who holds it may take it again.

    A process keeps one for as long as it works in the folder: should an interruption strike while the lock is
    being taken, the same process can still take it to write what it has.

    Parameters
    ----------
    folder
        The folder.
    refusal
        Makes the error of what is wrong with it.
    busy, advice
        What is wrong where another program holds it, and what to do where it cannot be written, if anything.
    name
        Of the file: who uses another one does not wait.
    """

    def __init__(
        self,
        folder: Path,
        refusal: Callable[[str], HydraPickerError],
        busy: str,
        advice: str,
        name: str = ".lock",
    ) -> None:
        self._folder, self._refusal, self._busy, self._advice = folder, refusal, busy, advice
        self._lock = FileLock(folder / name, poll_interval=_POLL_SECONDS)

    @contextmanager
    def held(self, wait_seconds: float) -> Iterator[None]:
        """Make the folder, and keep out other programs that lock it.

        Raises
        ------
        HydraPickerError
            That of `refusal`, if the folder cannot be made or written, or is not let go of in time.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=wait_seconds)
        except Timeout as error:  # the system frees the lock of a program that dies
            raise self._refusal(self._busy) from error
        except OSError as error:
            advice = f"; {self._advice}" if self._advice else ""
            raise self._refusal(f"cannot be written ({error.strerror or error}){advice}") from error
        try:
            yield
        finally:
            self._lock.release()

    def unmake(self) -> None:
        """Remove the folder if nothing but the lock is in it: made anew of one that had just gone."""
        file = Path(self._lock.lock_file)
        with suppress(OSError):
            if os.listdir(self._folder) == [file.name]:
                file.unlink()
                self._folder.rmdir()


@contextmanager
def locked(
    folder: Path, wait_seconds: float, refusal: Callable[[str], HydraPickerError], busy: str, advice: str
) -> Iterator[None]:
    """Make a folder, and keep out other programs that lock it, once; see `FolderLock`."""
    with FolderLock(folder, refusal, busy, advice).held(wait_seconds):
        yield
