"""Each micrograph's size and pixel size, for samples made from coordinate files."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from napari_hydrapicker.errors import CoordinateFileError, MicrographError, ParameterError
from napari_hydrapicker.io.coordinates import PICKING_SUMMARY
from napari_hydrapicker.io.coordinates.folder import Key, ShapeIndex
from napari_hydrapicker.io.lists import open_any
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.io.names import NameFinder
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.wording import first_of

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


class Scales:
    """Looks up micrographs by name, for their shape and pixel size.

    Parameters
    ----------
    micrographs : sequence of str
        Files, folders, patterns or other programs' lists; a folder that holds only folders stands for these.
        If there are none, a micrograph is taken to end at its outermost coordinate.
    pixel_size_angstrom : float or None
        Overrides what files state.
    summaries : mapping, optional
        What the summary of a picking says of the micrographs, keyed as the picks; used if there are none of
        these.
    shape : (int, int), optional
        Rows and columns of all micrographs, pixels, where nothing else tells them.

    Raises
    ------
    MicrographError
        If one of the micrographs is missing or cannot be opened.
    ParameterError
        If there are neither micrographs nor a pixel size.
    """

    def __init__(
        self,
        micrographs: Sequence[str],
        pixel_size_angstrom: float | None,
        summaries: Mapping[Key, Scale] | None = None,
        shape: tuple[int, int] | None = None,
    ) -> None:
        self._summaries = summaries or {}
        if pixel_size_angstrom is None and not (micrographs or self._summaries):
            raise ParameterError(
                "the pixel size is unknown: give `pixel_size`, or `micrographs` to read it from"
            )
        self._pixel_size = pixel_size_angstrom
        self._shape = shape
        opened, problems = open_any(_with_sub_folders(micrographs))
        if problems:
            raise MicrographError(first_of(problems))
        self._micrographs = {one.full_name: one for one in opened}
        self._finder = NameFinder({name: name for name in self._micrographs})
        known = {key.path: scale[0] for key, scale in self._summaries.items()}
        self._shapes = ShapeIndex({name: one.shape for name, one in self._micrographs.items()} or known)

    @property
    def micrographs(self) -> list[Micrograph]:
        """The micrographs that were opened."""
        return list(self._micrographs.values())

    @property
    def knows_shapes(self) -> bool:
        """Whether shapes are the micrographs' own, not guessed from coordinates."""
        return bool(self._micrographs or self._summaries or self._shape)

    def shape_of(self, name: str) -> tuple[int, int] | None:
        """Return the rows and columns of a micrograph by a coordinate file's name for it; None if not "
        "known."""
        return self._shapes(name) or self._shape

    def lacks(self, keys: Sequence[Key]) -> bool:
        """Whether micrographs were given, and none of them has one of these names."""
        return bool(self._micrographs) and not any(self._finder.candidates(key.path) for key in keys)

    def micrograph(self, keys: Sequence[Key]) -> Micrograph | None:
        """Return the micrograph of these keys; None if no micrographs were given. Raises as `of`."""
        return self._find(keys) if self._micrographs else None

    def of(self, keys: Sequence[Key], picks: Picks, truth: Picks) -> tuple[tuple[int, int], float]:
        """Return one micrograph's shape, pixels, and its pixel size, Angstrom.

        Parameters
        ----------
        keys : sequence of Key
            What its coordinates were found under: of two micrographs of one name, that in folders of the same
            names is meant.
        picks, truth : Picks
            Its coordinates, to guess the shape from if nothing better is known.

        Raises
        ------
        ParameterError
            If the micrograph is missing or ambiguous, or its pixel size unknown.
        """
        if self._micrographs:
            micrograph = self._find(keys)
            size = micrograph.pixel_size_angstrom
            if size is None and self._pixel_size is None:
                why = micrograph.why_no_pixel_size()
                raise ParameterError(f"{micrograph.path}: {why}: give --pixel-size")
            return micrograph.shape, self._size(size, str(micrograph.path))
        known = next((self._summaries[key] for key in keys if key in self._summaries), None)
        if known is not None:
            return known[0], self._size(known[1], keys[0].name)
        if self._shape is not None:
            return self._shape, self._size(None, keys[0].name)
        rows, cols = np.concatenate([picks.yx, truth.yx, [[0.0, 0.0]]]).max(axis=0).tolist()
        return (math.floor(rows) + 1, math.floor(cols) + 1), self._size(None, keys[0].name)

    def _find(self, keys: Sequence[Key]) -> Micrograph:
        found = [self._finder.candidates(key.path) for key in keys]
        fewest = min(found, key=lambda names: len(names) or len(self._micrographs) + 1)
        if len(fewest) != 1:
            problem = "is not among" if not fewest else f"is the name of {len(fewest)} of"
            raise ParameterError(f"{keys[0].label} {problem} the micrographs: check what `micrographs` names")
        return self._micrographs[fewest[0]]

    def _size(self, own: float | None, where: str) -> float:
        size = own if self._pixel_size is None else self._pixel_size
        if size is None:
            raise ParameterError(f"{where}: states no pixel size: give `pixel_size`")
        if not (math.isfinite(size) and size > 0):
            raise ParameterError(f"{where}: the pixel size must be a positive number, not {size}")
        return size


def _with_sub_folders(paths: Sequence[str]) -> list[str | Path]:
    listed: list[str | Path] = []
    for path in paths:
        inside = sorted(Path(path).iterdir()) if Path(path).is_dir() else []
        folders = [entry for entry in inside if entry.is_dir()]
        listed.extend(folders if folders and len(folders) == len(inside) else [path])
    return listed
