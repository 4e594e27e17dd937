"""One program at a time changes a folder of heads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from napari_hydrapicker.errors import WeightsError

HOME_VARIABLE: Final = "HYDRAPICKER_HOME"
WAIT_SECONDS = 30.0


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Make a folder, and keep other programs from changing it meanwhile.

    Raises
    ------
    WeightsError
        If the folder cannot be made or written, or another program does not let go of it.
    """
    lock = FileLock(folder / ".lock", timeout=WAIT_SECONDS)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:  # the system frees the lock of a program that dies
        raise WeightsError(
            f"{folder}: another program has been changing it for {WAIT_SECONDS:g} s; try again later"
        ) from error
    except OSError as error:
        raise WeightsError(
            f"{folder}: cannot be written ({error.strerror or error}); choose another folder, or set "
            f"{HOME_VARIABLE} to one"
        ) from error
    try:
        yield
    finally:
        lock.release()
