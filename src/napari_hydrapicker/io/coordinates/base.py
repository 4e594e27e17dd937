"""What all coordinate formats share: names of micrographs, checked columns, and what a format is."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.io.files import bad_line
from napari_hydrapicker.io.names import IMAGE_ENDING, micrograph_path
from napari_hydrapicker.picks import Picks

_PICKS_ENDING = re.compile(r"_(autopick|manualpick|topazpicks|automatch|picks?)$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\\]")

MAX_COORDINATE_PX = 1e6  # ten times the widest montage; beyond it a number is damage
MAX_SCORE = 3e38  # scores are kept as float32
MAX_PICKS = 20_000_000
MISSING = frozenset({"", "<NA>", "NA", "N/A", "nan", "NaN", "NAN", "None", "null"})
MAX_BOX_PX = 100_000
MAX_SIDE_PX = 1_000_000
ShapeOf = Callable[[str], "tuple[int, int] | None"]


def stem_of_picks_file(path: Path) -> str:
    """Guess the micrograph from a file that holds the picks of one: ``a_autopick.star`` -> ``a``."""
    stem = IMAGE_ENDING.sub("", path.stem)
    return _PICKS_ENDING.sub("", stem) or stem


def check_writable_name(micrograph: str) -> str:
    """Return `micrograph` if it can be a file's name and a table's value, folders before it included.

    Raises
    ------
    ParameterError
        If it is empty, leads out of the folder to write to, has a control character in it, or is not
        encodable.
    """
    parts = micrograph.split("/")
    bad = any(part in ("", ".", "..") or part != part.strip() for part in parts)
    if bad or _UNWRITABLE.search(micrograph) or not _encodable(micrograph):
        raise ParameterError(f"{micrograph!r} cannot name a micrograph: give its file name")
    return micrograph


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


class NameIndex:
    """The micrographs that one file names: keyed by path, so that one name in two folders is two of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._path_of: dict[str, str] = {}
        self._name_of: dict[str, str] = {}

    def path(self, name: str, where: str) -> str:
        """Return the micrograph's path without image extension; `where` ("line 7") stands in the error's
        text.

        Raises
        ------
        CoordinateFileError
            If it is no name, or another file of the same folder and name was named before.
        """
        known = self._path_of.get(name)
        if known is not None:
            return known
        path = micrograph_path(name)
        if not path.rpartition("/")[2] or _CONTROL.search(path):
            raise CoordinateFileError(f"{self._path}, {where}: {name!r:.80} is not a micrograph's name")
        other = self._name_of.setdefault(path, name)
        if Path(other).suffix != Path(name).suffix:
            raise CoordinateFileError(
                f"{self._path}, {where}: {name} and {other} are two micrographs of the same file name; "
                "convert them in two separate files"
            )
        self._path_of[name] = path
        return path


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


@dataclass(frozen=True)
class WriteOptions:
    """What some formats need to know beyond the picks.

    Attributes
    ----------
    box_px : int or None
        Box side in micrograph pixels; by default the picks' diameter, rounded.
    shapes : mapping of micrograph name to (rows, columns)
        Sizes of the micrographs in pixels (cs, cryoppp).
    micrograph_names : mapping of micrograph name to the name to write
        E.g. the path in the RELION project; by default ``<name>.mrc``.
    project_dir : Path or None
        The RELION project that a combined STAR's paths are relative to; by default its own folder.
    """

    box_px: int | None = None
    shapes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    micrograph_names: Mapping[str, str] = field(default_factory=dict)
    project_dir: Path | None = None

    def __post_init__(self) -> None:
        if self.box_px is not None and not 1 <= self.box_px <= MAX_BOX_PX:
            raise ParameterError(f"box size {self.box_px} px: must be between 1 and {MAX_BOX_PX}")

    def box_of(self, micrograph: str, picks: Picks) -> int:
        """Return the box side in pixels for one micrograph.

        Raises
        ------
        ParameterError
            If neither a box size nor the particles' diameter is known.
        """
        if self.box_px is not None:
            return int(self.box_px)
        diameter = picks.diameter_px
        if diameter is None or not 0.5 <= diameter <= MAX_BOX_PX:
            raise ParameterError(
                f"this format needs a box size in pixels, and {micrograph} has none: give one"
            )
        return max(1, int(np.rint(diameter)))

    def shape_of(self, micrograph: str) -> tuple[int, int]:
        """Return the rows and columns of one micrograph.

        Raises
        ------
        ParameterError
            If they are not known.
        """
        shape = self.shapes.get(micrograph)
        if shape is None or min(shape) < 1 or max(shape) > MAX_SIDE_PX:
            raise ParameterError(
                f"this format needs the micrographs' size in pixels, and that of {micrograph} is not known: "
                "give "
                "the micrographs, or their size (`micrographs` or `micrograph_shape`)"
            )
        return shape

    def name_of(self, micrograph: str) -> str:
        """Return the name or path to write for a micrograph in tables that hold it with extension."""
        return self.micrograph_names.get(micrograph, f"{micrograph}.mrc")


@dataclass(frozen=True)
class ReadOnlyFormat:
    """A coordinate file format that is read and never written.

    Attributes
    ----------
    name, label : str
        The name in our interfaces, and what a person calls it.
    sniff : callable
        Tells by the first bytes of a file whether it is of this format.
    read : callable
        Returns the picks of each micrograph in a file, keyed by the micrograph's path without image
        extension.
    upside_down : bool
        Whether y counts from the other edge: row = height - y. `coordinates.read` turns it.
    """

    name: str
    label: str
    sniff: Callable[[bytes], bool]
    read: Callable[[Path], dict[str, Picks]]
    upside_down: bool = False


@dataclass(frozen=True)
class CoordinateFormat:
    """A coordinate file format that is read and written.

    Attributes
    ----------
    name, label, sniff, read, upside_down
        As of `ReadOnlyFormat`.
    extension : str
        Of the files that it writes, with the dot.
    encode : callable
        Returns the content of each file to write, keyed by its name; given the folder it will be in.
    main : str or None
        Name of the file that stands for all micrographs; None: there is one file a micrograph.
    needs_box : bool
        Whether writing needs a box size where the picks state no diameter.
    """

    name: str
    label: str
    extension: str
    sniff: Callable[[bytes], bool]
    read: Callable[[Path], dict[str, Picks]]
    encode: Callable[[dict[str, Picks], Path, WriteOptions], dict[str, bytes]]
    main: str | None = None
    needs_box: bool = False
    upside_down: bool = False
