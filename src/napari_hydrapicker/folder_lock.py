"""One program at a time changes a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from napari_hydrapicker.errors import HydraPickerError

_POLL_SECONDS = 0.01  # most folders are held for some milliseconds


class FolderLock:
    """The lock of one folder, a file ``.lock`` in it; who holds it may take it again.

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
    """

    def __init__(
        self, folder: Path, refusal: Callable[[str], HydraPickerError], busy: str, advice: str
    ) -> None:
        self._folder, self._refusal, self._busy, self._advice = folder, refusal, busy, advice
        self._lock = FileLock(folder / ".lock", poll_interval=_POLL_SECONDS)

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


@contextmanager
def locked(
    folder: Path, wait_seconds: float, refusal: Callable[[str], HydraPickerError], busy: str, advice: str
) -> Iterator[None]:
    """Make a folder, and keep out other programs that lock it, once; see `FolderLock`."""
    with FolderLock(folder, refusal, busy, advice).held(wait_seconds):
        yield
