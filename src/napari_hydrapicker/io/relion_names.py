"""What RELION calls a micrograph: its path within the project."""

from __future__ import annotations

import os
from pathlib import Path

from napari_hydrapicker.io.micrograph import Micrograph

# A folder that RELION works in holds this file; it names micrographs relative to that folder.
_RELION_PROJECT = "default_pipeline.star"


def relion_name(micrograph: Micrograph) -> str:
    """Name of a micrograph for RELION; a stack's frames, which it knows only as files, get one each."""
    path = micrograph.path
    return written_name(path.with_name(f"{micrograph.stem}.mrc") if micrograph.n_frames > 1 else path)


def name_here(micrograph: Micrograph) -> str:
    """Name of a micrograph in files that are written from the current folder.

    That is RELION's name; outside of its projects the path relative to the current folder, where the
    micrograph lies in that; else the file's name.
    """
    name, folder = relion_name(micrograph), micrograph.path.absolute().parent
    if relion_project(folder) is not None or not folder.is_relative_to(Path.cwd()):
        return name
    return (folder.relative_to(Path.cwd()) / name).as_posix()


def written_name(path: Path) -> str:
    """Return a micrograph's name as RELION knows it: relative to its project, else the file's name."""
    project = relion_project(path.absolute().parent)
    return path.name if project is None else path.absolute().relative_to(project).as_posix()


def relion_project(folder: Path) -> Path | None:
    """Return the RELION project that a folder lies in, or None."""
    return next((up for up in (folder, *folder.parents) if os.path.isfile(up / _RELION_PROJECT)), None)
