"""One program at a time changes a folder of heads."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from napari_hydrapicker.errors import WeightsError
from napari_hydrapicker.folder_lock import locked

HOME_VARIABLE: Final = "HYDRAPICKER_HOME"
WAIT_SECONDS = 30.0


def changing(folder: Path) -> AbstractContextManager[None]:
    """Make a folder, and keep other programs from changing it meanwhile.

    Raises
    ------
    WeightsError
        If the folder cannot be made or written, or another program does not let go of it.
    """
    return locked(
        folder,
        WAIT_SECONDS,
        lambda what: WeightsError(f"{folder}: {what}"),
        f"another program has been changing it for {WAIT_SECONDS:g} s; try again later",
        f"choose another folder, or set {HOME_VARIABLE} to one",
    )
