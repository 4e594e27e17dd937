"""A cGAN picker whose training has not come to its end: its checkpoint, and what was asked for."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from napari_hydrapicker.background.lines import from_line, to_line
from napari_hydrapicker.background.messages import MakeRequest
from napari_hydrapicker.errors import CoordinateFileError, ProjectError
from napari_hydrapicker.formats._files import write_files

CHECKPOINT = "checkpoint.safetensors"
_REQUEST = "request"


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
