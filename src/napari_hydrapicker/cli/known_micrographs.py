"""What a conversion is told of the micrographs: their sizes, and their names in a RELION project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.micrograph import Micrograph
from napari_hydrapicker.micrograph_lists import open_any
from napari_hydrapicker.relion_names import relion_name, relion_project


def open_known(paths: Sequence[str]) -> list[Micrograph]:
    """Open micrographs: files, folders, patterns, or other programs' lists of micrographs.

    Raises
    ------
    MicrographError
        If a micrograph cannot be opened.
    """
    opened, problems = open_any(paths)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise MicrographError(problems[0] + more)
    return opened


def written_name(micrograph: Micrograph) -> str:
    """Return the name to write into RELION's files.

    That is the path relative to the RELION project that the micrograph lies in; else to the current folder,
    if it lies in that; else the file's name.
    """
    name, folder = relion_name(micrograph), micrograph.path.absolute().parent
    if relion_project(folder) is not None or not folder.is_relative_to(Path.cwd()):
        return name
    return (folder.relative_to(Path.cwd()) / name).as_posix()
