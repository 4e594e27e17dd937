"""Whether a head could be kept, asked before minutes are spent on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from napari_hydrapicker.errors import WeightsError

_HEAD_MB = 16


def check_room(libraries: Sequence[Path]) -> None:
    """Refuse a training whose head could be kept in none of some folders, as things are.

    Parameters
    ----------
    libraries
        Folders; those that are not there yet will be made.

    Raises
    ------
    WeightsError
        If none of them can be written, or has room for a head.
    """
    problems = [_obstacle(folder) for folder in libraries]
    if problems and all(problems):
        raise WeightsError(f"there is nowhere to keep the head: {'; '.join(problems)}")


def _obstacle(folder: Path) -> str:
    """What would keep a head from being saved in a folder; "" for nothing that can be seen beforehand."""
    there = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    if not (there.is_dir() and os.access(there, os.W_OK)):
        return f"{folder} cannot be written"
    left = shutil.disk_usage(there).free >> 20
    return f"on the disk of {folder} {left} MB are left, not {_HEAD_MB}" if left < _HEAD_MB else ""
