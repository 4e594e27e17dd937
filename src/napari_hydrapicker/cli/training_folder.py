"""The folder of a training by command: of one at a time, and gone on from if it is interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_hydrapicker.cli.interruption import interruptible
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.folder_lock import locked


@contextmanager
def training_in(out: Path) -> Iterator[None]:
    """Make the folder and keep other trainings out of it; says what is left of an interrupted one.

    Raises
    ------
    ParameterError
        If another training writes there, or the folder cannot be written.
    """
    busy = "another training is writing there; wait for it, or choose another folder"
    with (
        locked(out, 0, lambda what: ParameterError(f"--out {out}: {what}"), busy, "choose another folder"),
        interruptible(lambda: _left(out)),
    ):
        yield


def has_checkpoint(out: Path) -> bool:
    """Whether there is a training to go on with."""
    return (out / "checkpoint.safetensors").exists()


def _left(out: Path) -> str:
    if has_checkpoint(out):
        return "the same command goes on from the latest checkpoint"
    return "before the first checkpoint"
