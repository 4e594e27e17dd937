"""What a conversion is told of the micrographs: their sizes, and their names in a RELION project."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from napari_hydrapicker.errors import MicrographError, ParameterError
from napari_hydrapicker.micrograph import Micrograph
from napari_hydrapicker.micrograph_lists import open_any
from napari_hydrapicker.relion_names import relion_name, relion_project

_LISTED = 3


def known_micrographs(
    paths: Sequence[str], wanted: Sequence[str]
) -> tuple[dict[str, str], dict[str, tuple[int, int]]]:
    """Open micrographs, and return the names to write and the shapes of those that are wanted.

    Parameters
    ----------
    paths : sequence of str
        Files, folders, patterns, or other programs' lists of micrographs.
    wanted : sequence of str
        Names (`Micrograph.name`) of the micrographs that have picks.

    Returns
    -------
    names : dict of str to str
        Paths relative to the RELION project that the micrographs lie in; else to the current folder, if
        they lie in that; else file names.
    shapes : dict of str to (int, int)
        Rows and columns, pixels.

    Raises
    ------
    MicrographError
        If a micrograph cannot be opened.
    ParameterError
        If a wanted one is missing, or two have its name.
    """
    opened, problems = open_any(paths)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise MicrographError(problems[0] + more)
    found: dict[str, Micrograph] = {}
    for one in opened:
        other = found.setdefault(one.name, one)
        if one.name in wanted and not os.path.samefile(one.path, other.path):
            raise ParameterError(
                f"--micrographs: {other.path} and {one.path} have one name; leave out the one without picks"
            )
    missing = [name for name in wanted if name not in found]
    if missing:
        listed = ", ".join(missing[:_LISTED]) + (" and others" if len(missing) > _LISTED else "")
        raise ParameterError(f"--micrographs: {listed}: not among them, but there are picks")
    chosen = {name: found[name] for name in wanted}
    return (
        {name: _written_name(one) for name, one in chosen.items()},
        {name: one.shape for name, one in chosen.items()},
    )


def _written_name(micrograph: Micrograph) -> str:
    name, folder = relion_name(micrograph), micrograph.path.absolute().parent
    if relion_project(folder) is not None or not folder.is_relative_to(Path.cwd()):
        return name
    return (folder.relative_to(Path.cwd()) / name).as_posix()
