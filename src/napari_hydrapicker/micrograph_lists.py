"""Micrographs named by other programs' lists: RELION's micrograph STAR files, cryoSPARC's exposures."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from napari_hydrapicker.errors import CoordinateFileError, HydraPickerError, MicrographError
from napari_hydrapicker.formats._records import load_records
from napari_hydrapicker.formats._star_tables import star_tables
from napari_hydrapicker.micrograph import Micrograph, MicrographWarning, open_micrographs, with_distinct_names
from napari_hydrapicker.micrograph_files import find_micrographs

_LISTS = (".star", ".cs")
_NAME, _GROUP = "rlnMicrographName", "rlnOpticsGroup"
_PIXEL = ("rlnMicrographPixelSize", "rlnImagePixelSize")
_CS_PATH, _CS_PIXEL = "micrograph_blob/path", "micrograph_blob/psize_A"
Listed = tuple[str, float | None]


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
    """
    micrographs: list[Micrograph] = []
    problems: list[str] = []
    for path in paths:
        try:
            found = list(_named(Path(os.path.expanduser(path))))
        except HydraPickerError as error:
            problems.append(str(error))
            continue
        for listing, name, pixel_size in found:
            try:
                file = name if listing is None else _resolve(listing, str(name))
                micrographs += _open(file, pixel_size)
            except HydraPickerError as error:
                problems.append(str(error))
    return with_distinct_names(micrographs), problems


def _named(path: Path) -> Iterator[tuple[Path | None, Path, float | None]]:
    """Lists that name files, or None for files named directly; the files; and their pixel sizes."""
    if is_list(path):
        listed = _from_star(path) if path.suffix.lower() == ".star" else _from_cs(path)
        for name, pixel_size in listed:
            yield path, Path(name), pixel_size
    else:
        for file in find_micrographs([path]):
            yield None, file, None


def _open(path: Path, pixel_size: float | None) -> list[Micrograph]:
    with warnings.catch_warnings():
        # A header's flaws are worth a word when one file is opened, not for thousands.
        warnings.simplefilter("ignore", MicrographWarning)
        opened = open_micrographs(path)
    return opened if pixel_size is None else [one.with_pixel_size(pixel_size) for one in opened]


def _from_star(path: Path) -> Iterable[Listed]:
    """Names in a RELION micrographs STAR, with the pixel size of their optics group."""
    sizes: dict[str, float] = {}
    names: list[tuple[str, str]] = []
    for table in star_tables(path):
        size = next((table.index(label) for label in _PIXEL if table.index(label) is not None), None)
        group, name = table.index(_GROUP), table.index(_NAME)
        for _, values in table.rows:
            if name is not None:
                names.append((values[name], values[group] if group is not None else ""))
            elif size is not None and group is not None:
                sizes[values[group]] = _positive(values[size], path)
    if not names:
        raise CoordinateFileError(f"{path}: lists no micrographs (no column {_NAME})")
    return [(name, sizes.get(group)) for name, group in dict.fromkeys(names)]


def _from_cs(path: Path) -> Iterable[Listed]:
    """Paths in a cryoSPARC exposures file."""
    records = load_records(path)
    columns = records.dtype.names or ()
    if _CS_PATH not in columns:
        raise CoordinateFileError(f"{path}: lists no micrographs (no column {_CS_PATH}); choose exposures")
    for column, kinds in ((_CS_PATH, "S"), (_CS_PIXEL, "f")):
        if column in columns and (records.dtype[column].kind not in kinds or records.dtype[column].shape):
            raise CoordinateFileError(f"{path}: column {column} has the wrong type {records.dtype[column]}")
    names = [name.decode(errors="replace") for name in records[_CS_PATH].tolist()]
    if _CS_PIXEL not in columns:
        return [(name, None) for name in names]
    sizes = [_positive(size, path) for size in records[_CS_PIXEL].tolist()]
    return list(zip(names, sizes, strict=True))


def _positive(stated: str | float, path: Path) -> float:
    try:
        value = float(stated)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise CoordinateFileError(f"{path}: the pixel size {stated!r:.40} is not a positive number")
    return value


def _resolve(listing: Path, name: str) -> Path:
    """Find a listed file: lists name them relative to the project's folder, which lies above."""
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
