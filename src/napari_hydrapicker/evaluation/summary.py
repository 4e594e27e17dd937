"""Micrographs' sizes and pixel sizes out of the summary that picking leaves beside its coordinates."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.formats import PICKING_SUMMARY
from napari_hydrapicker.formats.folder import Key

Scale = tuple[tuple[int, int], float]


def read_summaries(folder: str | Path) -> dict[Key, Scale]:
    """Read the summaries in a folder of picks and its sub-folders: (rows, columns) and Angstrom a pixel.

    Rows without them, of micrographs that were not picked or by an older version, are left out.

    Raises
    ------
    CoordinateFileError
        If a summary cannot be read or a number in it is none.
    """
    folder = Path(folder)
    found: dict[Key, Scale] = {}
    for path in sorted(folder.rglob(PICKING_SUMMARY)) if folder.is_dir() else []:
        inner = path.relative_to(folder).parts[:-1]
        for name, scale in _read(path).items():
            # Micrographs of one name in several folders are picked into folders of the same names.
            *folders, stem = name.split("/")
            found[Key("/".join([*inner, *folders]), stem)] = scale
    return found


def _read(path: Path) -> dict[str, Scale]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CoordinateFileError(f"{path}: cannot be read ({error}); delete it or pick again") from error
    scales = {}
    for line, row in enumerate(rows, 2):
        values = [row.get(column) for column in ("rows", "columns", "pixel_size_angstrom")]
        if row.get("micrograph") and all(values):
            scales[str(row["micrograph"])] = _scale(path, line, [str(value) for value in values])
    return scales


def _scale(path: Path, line: int, values: list[str]) -> Scale:
    try:
        rows, columns, size = int(values[0]), int(values[1]), float(values[2])
    except ValueError:
        rows = columns = 0
        size = math.nan
    if rows < 1 or columns < 1 or not (math.isfinite(size) and size > 0):
        raise CoordinateFileError(
            f"{path}: line {line}: {', '.join(values)} are no size and pixel size; delete it or pick again"
        )
    return (rows, columns), size
