"""Comma-separated tables: ours, which keeps everything, CryoPPP's ground truth, and napari's points.

Ours: ``micrograph,y_px,x_px,score,source,diameter_px``; a row with a micrograph alone says that it
has no picks. CryoPPP's: ``X-Coordinate,Y-Coordinate,Diameter``, one file a micrograph, or a table of a data
set with the column ``Micrographs Filename``; integers, and y counts on pictures that are upside down against
the micrographs: row = height - y. napari's: ``index,axis-0,axis-1``, rows before columns.
"""

from __future__ import annotations

import csv
import io
import math
from array import array
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io.coordinates.base import (
    CoordinateFormat,
    PickColumns,
    PickTable,
    ReadOnlyFormat,
    WriteOptions,
    check_writable_name,
    parse_coordinate,
    parse_score,
    parse_size,
    stem_of_picks_file,
)
from napari_hydrapicker.io.files import bad_line, head_lines, read_lines
from napari_hydrapicker.picks import Picks, Source
from napari_hydrapicker.wording import counted

_OURS = ("micrograph", "y_px", "x_px", "score", "source", "diameter_px")
_CRYOPPP = ("X-Coordinate", "Y-Coordinate", "Diameter")
_CRYOPPP_MICROGRAPH = ("Micrographs Filename", "Micrograph Filename", "Micrographs", "Micrograph")
_NAPARI = ("axis-0", "axis-1")
_SOURCES = {source.name.lower(): source for source in Source}

Row = tuple[int, dict[str, str]]


def _first_row(head: bytes) -> list[str]:
    lines = head_lines(head)
    return [value.strip().strip('"') for value in lines[0].split(",")] if lines else []


def _is_ours(head: bytes) -> bool:
    return set(_OURS[:3]) <= set(_first_row(head))


def _is_cryoppp(head: bytes) -> bool:
    return set(_CRYOPPP[:2]) <= set(_first_row(head))


def _rows(path: Path, needed: tuple[str, ...]) -> Iterator[Row]:
    """Yield (line, values by column) of a table whose header has the `needed` columns."""
    header: list[str] = []
    for line, text in read_lines(path):
        if not text:
            continue
        try:
            values = [value.strip() for value in next(csv.reader([text], strict=True))]
        except (csv.Error, StopIteration) as error:
            raise bad_line(path, line, f"not comma-separated values ({error})") from error
        if header and len(values) != len(header):
            raise bad_line(path, line, f"{counted(len(values), 'value')} under a header of {len(header)}")
        if header:
            yield line, dict(zip(header, values, strict=True))
            continue
        header = values
        missing = [label for label in needed if label not in header]
        if missing:
            raise bad_line(path, line, f"no column {missing[0]} in the header")
    if not header:
        raise CoordinateFileError(f"{path}: is empty; the first line must be {','.join(needed)}")


class _Extras:
    """What our table holds of a micrograph beyond centres and scores."""

    def __init__(self) -> None:
        self.source = array("b")
        self.diameter: float | None = None

    def set_diameter(self, path: Path, line: int, token: str) -> None:
        if not token:
            return
        diameter = parse_size(path, line, token)
        if self.diameter not in (None, diameter):
            raise bad_line(path, line, f"diameter {token}, but {self.diameter} above for the same micrograph")
        self.diameter = diameter


def read(path: Path) -> dict[str, Picks]:
    """Read our own table, with each pick's source and each micrograph's diameter.

    Raises
    ------
    CoordinateFileError
        If a column is missing, a value is unusable, or one micrograph has two diameters.
    """
    table = PickTable(path)
    extras: dict[str, _Extras] = {}
    for line, row in _rows(path, _OURS[:3]):
        name = row["micrograph"]
        extra = extras.setdefault(table.open(name, line), _Extras())
        extra.set_diameter(path, line, row.get("diameter_px", ""))
        if not row["x_px"] and not row["y_px"]:
            continue
        table.add(line, name, row["x_px"], row["y_px"], parse_score(path, line, row.get("score", "")))
        extra.source.append(_source(path, line, row.get("source", "")))
    return {
        name: Picks(one.yx, one.score, np.asarray(extras[name].source, np.int8), extras[name].diameter)
        for name, one in table.picks().items()
    }


def _source(path: Path, line: int, token: str) -> Source:
    if token and token not in _SOURCES:
        raise bad_line(
            path,
            line,
            f"{token!r:.40} is no source of picks that is known here, only {', '.join(_SOURCES)}: if "
            "a newer version has written it, update; otherwise leave the column out",
        )
    return _SOURCES[token] if token else Source.IMPORTED


def _encode(picks: dict[str, Picks], folder: Path, options: WriteOptions) -> dict[str, bytes]:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_OURS)
    for name, one in picks.items():
        check_writable_name(name)
        diameter = "" if one.diameter_px is None else repr(float(one.diameter_px))
        if not len(one):
            writer.writerow([name, "", "", "", "", diameter])
        for (y, x), score, source in zip(
            one.yx.tolist(), one.score.tolist(), one.source.tolist(), strict=True
        ):
            shown = "" if math.isnan(score) else f"{score:.9g}"
            writer.writerow([name, repr(y), repr(x), shown, Source(source).name.lower(), diameter])
    return {"picks.csv": text.getvalue().encode()}


def read_cryoppp(path: Path) -> dict[str, Picks]:
    """Read CryoPPP's table of one micrograph or of a data set; y is left as the file counts it.

    The diameter is the median of a micrograph's.

    Raises
    ------
    CoordinateFileError
        If a column is missing or a value is unusable.
    """
    table = PickTable(path)
    diameters: defaultdict[str, list[float]] = defaultdict(list)
    lone = stem_of_picks_file(path)
    rows = 0
    for line, row in _rows(path, _CRYOPPP[:2]):
        rows += 1
        column = next((label for label in _CRYOPPP_MICROGRAPH if label in row), None)
        name = lone if column is None else row[column]
        table.add(line, name, row[_CRYOPPP[0]], row[_CRYOPPP[1]], math.nan)
        if row.get("Diameter"):
            diameters[table.open(name, line)].append(parse_size(path, line, row["Diameter"]))
    if not rows:
        table.open(lone, 1)  # an empty list of picks
    return {
        name: replace(one, diameter_px=float(np.median(diameters[name])) if diameters[name] else None)
        for name, one in table.picks().items()
    }


def _encode_cryoppp(picks: dict[str, Picks], folder: Path, options: WriteOptions) -> dict[str, bytes]:
    files = {}
    for name, one in picks.items():
        diameter = options.box_of(name, one) if len(one) else 0
        # CryoPPP counts y from the other edge: height - row, not height - 1 - row.
        y = options.shape_of(name)[0] - one.y if len(one) else one.y
        xy = np.rint(np.stack([one.x, y], axis=1)).astype(np.int64).tolist()
        lines = [",".join(_CRYOPPP), *(f"{x},{y},{diameter}" for x, y in xy), ""]
        files[f"{check_writable_name(name)}.csv"] = "\n".join(lines).encode()
    return files


def _is_napari(head: bytes) -> bool:
    return set(_NAPARI) <= set(_first_row(head))


def read_napari(path: Path) -> dict[str, Picks]:
    """Read the points of one micrograph as napari saves a points layer.

    Raises
    ------
    CoordinateFileError
        If a value is unusable, or the points have more than two dimensions.
    """
    columns = PickColumns()
    for line, row in _rows(path, _NAPARI):
        if "axis-2" in row:
            raise bad_line(
                path, line, "napari points with three axes; save the points of each micrograph as a 2-D layer"
            )
        y, x = (parse_coordinate(path, line, row[label]) for label in _NAPARI)
        columns.add(x, y, math.nan)
    return {stem_of_picks_file(path): columns.picks()}


OURS = CoordinateFormat("csv", "CSV table", ".csv", _is_ours, read, _encode, main="picks.csv")
CRYOPPP = CoordinateFormat(
    "cryoppp", "CryoPPP CSV", ".csv", _is_cryoppp, read_cryoppp, _encode_cryoppp, needs_box=True,
    upside_down=True,
)  # fmt: skip
NAPARI = ReadOnlyFormat("napari-points", "napari points CSV", _is_napari, read_napari)
