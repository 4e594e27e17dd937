"""One program at a time changes a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from napari_hydrapicker.errors import HydraPickerError


@contextmanager
def locked(
    folder: Path, wait_seconds: float, refusal: Callable[[str], HydraPickerError], busy: str, advice: str
) -> Iterator[None]:
    """Make a folder, and keep out other programs that lock it.

    Parameters
    ----------
    folder
        It gets a file ``.lock``.
    wait_seconds
        How long to wait for another program.
    refusal
        Makes the error of what is wrong with the folder.
    busy, advice
        What is wrong where another program has it, and what to do; what to do where it cannot be written.

    Raises
    ------
    HydraPickerError
        That of `refusal`, if the folder cannot be made or written, or is not let go of in time.
    """
    lock = FileLock(folder / ".lock", timeout=wait_seconds)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:  # the system frees the lock of a program that dies
        raise refusal(busy) from error
    except OSError as error:
        raise refusal(f"cannot be written ({error.strerror or error}); {advice}") from error
    try:
        yield
    finally:
        lock.release()
