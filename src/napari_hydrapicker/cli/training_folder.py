"""The folder of a training by command: of one at a time, and gone on from if it is interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from napari_hydrapicker.cli.interruption import interruptible
from napari_hydrapicker.errors import ParameterError


@contextmanager
def training_in(out: Path) -> Iterator[None]:
    """Make the folder and keep other trainings out of it; says what is left of an interrupted one.

    Raises
    ------
    ParameterError
        If another training writes there, or the folder cannot be written.
    """
    lock = FileLock(out / ".lock", timeout=0)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:  # the system frees the lock of a program that dies
        raise ParameterError(
            f"--out {out}: another training is writing there; wait for it, or choose another folder"
        ) from error
    except OSError as error:
        raise ParameterError(
            f"--out {out}: cannot be written ({error.strerror or error}); choose another folder"
        ) from error
    try:
        with interruptible(lambda: _left(out)):
            yield
    finally:
        lock.release()


def _left(out: Path) -> str:
    if (out / "checkpoint.safetensors").exists():
        return "the same command goes on from the latest checkpoint"
    return "before the first checkpoint"
