"""RELION's list of coordinate files: a STAR table that names the file of each micrograph's picks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from napari_hydrapicker.io.coordinates.base import NameIndex
from napari_hydrapicker.io.coordinates.star_syntax import StarTable, star_tables
from napari_hydrapicker.io.files import bad_line

MICROGRAPH, LISTED = "rlnMicrographName", "rlnMicrographCoordinates"


def is_list(star: StarTable) -> bool:
    """Whether a table lists files."""
    return {LISTED, MICROGRAPH} <= set(star.columns)


def listed_in(path: Path, star: StarTable) -> Iterator[tuple[str, Path]]:
    """Yield each micrograph that a table of the file `path` lists, and its coordinate file.

    Raises
    ------
    CoordinateFileError
        If a listed file does not exist, or a micrograph is listed twice; names the line.
    """
    name, file = star.columns.index(MICROGRAPH), star.columns.index(LISTED)
    names = NameIndex(path)
    seen: set[str] = set()
    for line, row in star.rows:
        micrograph = names.path(row[name], f"line {line}")
        if micrograph in seen:
            raise bad_line(path, line, f"micrograph {row[name]} is listed twice")
        seen.add(micrograph)
        yield micrograph, _find(path, line, row[file])


def _find(path: Path, line: int, name: str) -> Path:
    """Find a listed file: paths are relative to the project, some folder above the list."""
    for folder in path.absolute().parents:
        candidate = folder / name
        try:
            if candidate.is_file() and candidate.resolve() != path.resolve():
                return candidate
        except (OSError, ValueError) as error:
            raise bad_line(path, line, f"{name!r:.80} is not a file's name") from error
    raise bad_line(
        path, line, f"{name:.200} is neither beside this file nor in a folder above; keep them together"
    )


def listed_files(path: Path) -> dict[str, Path]:
    """Return the coordinate file of each micrograph that a combined STAR lists.

    Raises
    ------
    CoordinateFileError
        If the file is not STAR, or a listed file does not exist.
    """
    tables = (star for star in star_tables(path) if is_list(star))
    return {name: file for star in tables for name, file in listed_in(path, star)}
