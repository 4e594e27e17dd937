"""Micrographs named by other programs' lists: RELION's micrograph STAR files, cryoSPARC's exposures."""

from __future__ import annotations

import io
import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from napari_hydrapicker.errors import CoordinateFileError, HydraPickerError, MicrographError
from napari_hydrapicker.io.coordinates.star_syntax import StarTable, star_tables
from napari_hydrapicker.io.coordinates.structured_arrays import load_records
from napari_hydrapicker.io.ctf import read_figures
from napari_hydrapicker.io.files import open_file
from napari_hydrapicker.io.find import find_micrographs
from napari_hydrapicker.io.image_info import ListedFigures, plausible_pixel_size
from napari_hydrapicker.io.micrograph import (
    Micrograph,
    MicrographWarning,
    open_with_problems,
    with_distinct_names,
)
from napari_hydrapicker.io.names import micrograph_path
from napari_hydrapicker.wording import first_of, shortened

_LISTS = (".star", ".cs")
_NAME, _GROUP, _MOVIE = "rlnMicrographName", "rlnOpticsGroup", "rlnMicrographMovieName"
_PIXEL = ("rlnMicrographPixelSize", "rlnImagePixelSize")
# RELION 3.0 and older state micrometres of the detector and the magnification.
_DETECTOR, _MAGNIFICATION = "rlnDetectorPixelSize", "rlnMagnification"
_ANGSTROM_PER_UM = 1e4
# Exposures, and particles, which name their micrographs too.
_CS_COLUMNS = (
    ("micrograph_blob/path", "micrograph_blob/psize_A"),
    ("location/micrograph_path", "location/micrograph_psize_A"),
)
Listed = tuple[str, float | None]
MicrographsLike: TypeAlias = (
    "Micrograph | str | os.PathLike[str] | Sequence[Micrograph | str | os.PathLike[str]]"
)
"""One micrograph or several: opened ones, files, folders, patterns, and other programs' lists."""


def open_given(micrographs: MicrographsLike | None) -> list[Micrograph]:
    """Open what a caller gave as micrographs; what is open stays as it is. None gives none.

    Raises
    ------
    MicrographError
        If one cannot be opened.
    """
    if micrographs is None:
        return []
    given = [micrographs] if isinstance(micrographs, Micrograph | str | os.PathLike) else list(micrographs)
    found: list[Micrograph] = []
    for one in given:
        if isinstance(one, Micrograph):
            found.append(one)
            continue
        opened, problems = open_any([Path(one)])
        if problems:
            raise MicrographError(first_of(problems))
        found += opened
    return found


def is_list(path: str | Path) -> bool:
    """Whether a path leads to a file that lists micrographs, by its extension."""
    path = Path(os.path.expanduser(path))
    return path.suffix.lower() in _LISTS and os.path.isfile(path)


def open_any(paths: Sequence[str | Path]) -> tuple[list[Micrograph], list[str]]:
    """Open micrographs named by files, folders, patterns, or other programs' lists of them.

    Returns
    -------
    micrographs, problems
        What could be opened, and a line for each thing that could not.

    Warns
    -----
    MicrographWarning
        Once for each flaw of the files' headers.
    """
    micrographs: list[Micrograph] = []
    problems: list[str] = []
    doubts: dict[str, list[Path]] = {}
    for path in paths:
        try:
            found = list(_named(Path(os.path.expanduser(path))))
        except HydraPickerError as error:
            problems.append(str(error))
            continue
        for listing, name, pixel_size, figures in found:
            try:
                file = name if listing is None else find_listed(listing, str(name))
                opened = _open(file, pixel_size, doubts)
                micrographs += [replace(one, figures=figures) for one in opened] if figures else opened
            except HydraPickerError as error:
                problems.append(str(error))
    warn_once(doubts)
    return with_distinct_names(micrographs), problems


def _named(path: Path) -> Iterator[tuple[Path | None, Path, float | None, ListedFigures | None]]:
    """Lists that name files, or None for files named directly; the files, and what a list states of them."""
    if is_list(path):
        for name, pixel_size, figures in listed_micrographs(path):
            yield path, Path(name), pixel_size, figures
    else:
        for file in find_micrographs([path]):
            yield None, file, None, None


def _open(path: Path, pixel_size: float | None, doubts: dict[str, list[Path]]) -> list[Micrograph]:
    opened, problems = open_with_problems(path)
    for problem in problems:
        doubts.setdefault(problem, []).append(path)
    return opened if pixel_size is None else [one.with_pixel_size(pixel_size) for one in opened]


def warn_once(doubts: Mapping[str, Sequence[Path]]) -> None:
    """Warn of each flaw of the headers once, with the files that have it: of thousands all may."""
    for doubt, paths in doubts.items():
        warnings.warn(f"{shortened(paths, 1)}: {doubt}", MicrographWarning, stacklevel=3)


def listed_micrographs(path: Path) -> list[tuple[str, float | None, ListedFigures | None]]:
    """Micrographs' names in another program's list, their pixel sizes, Angstrom, and what else it states.

    Raises as `listed_names`.
    """
    names = listed_names(path)
    figures = read_figures(path)
    return [(name, pixel_size, figures.get(micrograph_path(name))) for name, pixel_size in names]


def listed_names(path: Path) -> Iterable[Listed]:
    """Micrographs' names in another program's list, each once, with Angstrom per pixel where that is stated.

    Raises
    ------
    CoordinateFileError
        If the list cannot be read, or lists no micrographs.
    """
    return listed_in_star(path) if path.suffix.lower() == ".star" else _from_cs(path)


def listed_in_star(path: Path) -> Iterable[Listed]:
    """Names in a RELION micrographs STAR, with the pixel size of their own row, or of their optics group.

    Raises
    ------
    CoordinateFileError
        If it cannot be read, or lists no micrographs.
    """
    sizes: dict[str, float] = {}
    names: dict[tuple[str, str], float | None] = {}
    movies = False
    for table in star_tables(path):
        group, name = table.index(_GROUP), table.index(_NAME)
        movies = movies or table.index(_MOVIE) is not None
        for _, values in table.rows:
            size = _stated_size(table, values, path)
            if name is not None:
                names.setdefault((values[name], values[group] if group is not None else ""), size)
            elif size is not None and group is not None:
                sizes[values[group]] = size
    if not names:
        what = "but movies: correct their motion first" if movies else f"(no column {_NAME})"
        raise CoordinateFileError(f"{path}: lists no micrographs {what}")
    return [(name, size or sizes.get(group)) for (name, group), size in names.items()]


def _stated_size(table: StarTable, values: Sequence[str], path: Path) -> float | None:
    """Angstrom per pixel that a row states, one way or the other."""
    for label in _PIXEL:
        column = table.index(label)
        if column is not None:
            return _positive(values[column], path)
    detector, magnification = table.index(_DETECTOR), table.index(_MAGNIFICATION)
    if detector is None or magnification is None:
        return None
    size = _positive(values[detector], path) * _ANGSTROM_PER_UM / _positive(values[magnification], path)
    return plausible_pixel_size(size)


def list_without(path: Path, excluded: Callable[[str], bool]) -> tuple[bytes, int]:
    """Return a list of micrographs, or of particles on such, without the rows of some of them.

    Parameters
    ----------
    path
        RELION's STAR or cryoSPARC's .cs; all else that it holds stays as it is.
    excluded
        Says of a micrograph, by the name that `micrograph_path` makes of the list's, whether it is left out.

    Returns
    -------
    bytes, int
        The file, and how many rows it has less.

    Raises
    ------
    CoordinateFileError
        If it cannot be read, or lists no micrographs.
    """
    if path.suffix.lower() != ".star":
        return _cs_without(path, excluded)
    dropped: set[int] = set()
    named = False
    for table in star_tables(path):
        name = table.index(_NAME)
        if name is None:
            continue
        named = True
        dropped |= {line for line, values in table.rows if excluded(micrograph_path(values[name]))}
    if not named:
        raise CoordinateFileError(f"{path}: lists no micrographs (no column {_NAME})")
    with open_file(path) as file:
        lines = [line for number, line in enumerate(file, 1) if number not in dropped]
    return b"".join(lines), len(dropped)


def _cs_without(path: Path, excluded: Callable[[str], bool]) -> tuple[bytes, int]:
    records = load_records(path)
    columns = records.dtype.names or ()
    name = next((one for one, _ in _CS_COLUMNS if one in columns and records.dtype[one].kind == "S"), None)
    if name is None:
        raise CoordinateFileError(f"{path}: lists no micrographs (no column {_CS_COLUMNS[0][0]})")
    names = (one.decode(errors="replace") for one in records[name].tolist())
    kept = np.array([not excluded(micrograph_path(one)) for one in names], bool)
    content = io.BytesIO()
    np.save(content, records[kept], allow_pickle=False)
    return content.getvalue(), int((~kept).sum())


def _from_cs(path: Path) -> Iterable[Listed]:
    """Paths in a cryoSPARC exposures file, or of the micrographs that its particles lie on."""
    records = load_records(path)
    columns = records.dtype.names or ()
    found = next(((name, size) for name, size in _CS_COLUMNS if name in columns), None)
    if found is None:
        raise CoordinateFileError(
            f"{path}: lists no micrographs (no column {_CS_COLUMNS[0][0]}); choose exposures"
        )
    for column, kinds in zip(found, "Sf", strict=True):
        if column in columns and (records.dtype[column].kind not in kinds or records.dtype[column].shape):
            raise CoordinateFileError(f"{path}: column {column} has the wrong type {records.dtype[column]}")
    # Exported groups have a mark before each path.
    names = [name.decode(errors="replace").lstrip(">") for name in records[found[0]].tolist()]
    if found[1] not in columns:
        return [(name, None) for name in dict.fromkeys(names)]
    sizes = [_positive(size, path) for size in records[found[1]].tolist()]
    return list(dict(zip(names, sizes, strict=True)).items())


def _positive(stated: str | float, path: Path) -> float:
    try:
        value = float(stated)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise CoordinateFileError(f"{path}: the pixel size {stated!r:.40} is not a positive number")
    return value


def find_listed(listing: Path, name: str) -> Path:
    """Find a listed file: lists name them relative to the project's folder, which lies above.

    Raises
    ------
    MicrographError
        If there is none.
    """
    given = Path(name)
    if given.is_absolute():
        return given
    folders = listing.absolute().parents
    found = next((folder / given for folder in folders if os.path.isfile(folder / given)), None)
    if found is None:
        raise MicrographError(
            f"{listing}: lists {name:.200}, which is neither beside it nor in a folder above; "
            "keep the list within its project"
        )
    return found
