"""Columns of picks while a file is read: numbers are checked as they come, with their line."""

from __future__ import annotations

import math
from array import array
from pathlib import Path

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.formats._files import bad_line
from napari_hydrapicker.formats._names import NameIndex
from napari_hydrapicker.picks import Picks

MAX_COORDINATE_PX = 1e6  # ten times the widest montage; beyond it a number is damage
MAX_SCORE = 3e38  # scores are kept as float32
MAX_PICKS = 20_000_000

MISSING = frozenset({"", "<NA>", "NA", "N/A", "nan", "NaN", "NAN", "None", "null"})


def parse_number(path: Path, line: int, token: str, limit: float, what: str) -> float:
    """Return a finite number of magnitude up to `limit`, or raise `CoordinateFileError`."""
    try:
        value = float(token)
    except ValueError:
        value = math.nan
    # The comparison is false for NaN too; Python alone would take 1_000 for a number.
    if not abs(value) <= limit or "_" in token:
        raise bad_line(path, line, f"{token!r:.40} is no usable {what}")
    return value


def parse_coordinate(path: Path, line: int, token: str) -> float:
    """Return a coordinate in pixels; raise `CoordinateFileError` for anything absurd."""
    return parse_number(path, line, token, MAX_COORDINATE_PX, "coordinate in pixels")


def parse_score(path: Path, line: int, token: str) -> float:
    """Return a score, NaN where the file has none; raise `CoordinateFileError` if it is no number."""
    if token in MISSING:
        return math.nan
    return parse_number(path, line, token, MAX_SCORE, "score")


def parse_size(path: Path, line: int, token: str) -> float:
    """Return a positive length in pixels; raise `CoordinateFileError` for anything else."""
    value = parse_number(path, line, token, MAX_COORDINATE_PX, "size in pixels")
    if value <= 0:
        raise bad_line(path, line, f"{token!r:.40} is no size: it must be positive")
    return value


class PickColumns:
    """The growing columns of one micrograph's picks."""

    def __init__(self) -> None:
        self.x, self.y, self.score = array("d"), array("d"), array("d")

    def add(self, x: float, y: float, score: float) -> None:
        """Append a centre (pixels) and its score (NaN for none)."""
        self.x.append(x)
        self.y.append(y)
        self.score.append(score)

    def picks(self, diameter_px: float | None = None) -> Picks:
        """Return what was added as imported picks."""
        return Picks.from_xy(self.x, self.y, self.score, diameter_px=diameter_px)


class PickTable:
    """The growing picks of all micrographs in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names = NameIndex(path)
        self._columns: dict[str, PickColumns] = {}
        self._count = 0

    def open(self, micrograph: str, line: int) -> str:
        """Return the path of a micrograph, given by its name as the file writes it; from now on it has picks.

        They may be none: an empty list is a list too.
        """
        path = self._names.path(micrograph, f"line {line}")
        self._columns.setdefault(path, PickColumns())
        return path

    def add(self, line: int, micrograph: str, x: str, y: str, score: float) -> None:
        """Append one row: the centre as text, the score as a number."""
        self._count += 1
        if self._count > MAX_PICKS:
            raise CoordinateFileError(f"{self._path}: more than {MAX_PICKS} picks; split the file")
        columns = self._columns[self.open(micrograph, line)]
        columns.add(parse_coordinate(self._path, line, x), parse_coordinate(self._path, line, y), score)

    def picks(self) -> dict[str, Picks]:
        """Return the picks of each micrograph by its path, in the order of the file."""
        return {name: columns.picks() for name, columns in self._columns.items()}
