"""Topaz's coordinate tables: separated by tabs (or commas), many micrographs a file, integer centres."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io.coordinates.base import (
    CoordinateFormat,
    PickTable,
    WriteOptions,
    check_writable_name,
    parse_score,
)
from napari_hydrapicker.io.files import bad_line, head_lines, read_lines
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.wording import counted

_NEEDED = ("image_name", "x_coord", "y_coord")


def _separator(header: str) -> str | None:
    """Return what separates the values of a table with this header; None: white space."""
    return next((separator for separator in ("\t", ",") if separator in header), None)


def _split(text: str, separator: str | None) -> list[str]:
    return [value.strip() for value in text.split(separator)]


def _is_topaz(head: bytes) -> bool:
    lines = head_lines(head)
    return bool(lines) and set(_NEEDED) <= set(_split(lines[0], _separator(lines[0])))


def read(path: Path) -> dict[str, Picks]:
    """Read a Topaz table; columns in any order, ``score`` optional, others ignored.

    Raises
    ------
    CoordinateFileError
        If the header lacks a column, or a row has not as many values as the header.
    """
    table = PickTable(path)
    header: list[str] = []
    separator: str | None = None
    for line, text in read_lines(path):
        if not text:
            continue
        if not header:
            separator = _separator(text)
            header = _header(path, line, _split(text, separator))
            name, x, y = (header.index(label) for label in _NEEDED)
            score = header.index("score") if "score" in header else None
            continue
        row = _split(text, separator)
        if len(row) == len(header) - 1 and score == len(row):
            row.append("")  # an empty last value went with the white space at the line's end
        if len(row) != len(header):
            raise bad_line(path, line, f"{counted(len(row), 'value')} under a header of {len(header)}")
        merit = math.nan if score is None else parse_score(path, line, row[score])
        table.add(line, row[name], row[x], row[y], merit)
    if not header:
        raise CoordinateFileError(f"{path}: is empty; a Topaz table starts with {' '.join(_NEEDED)}")
    return table.picks()


def _header(path: Path, line: int, header: list[str]) -> list[str]:
    missing = [label for label in _NEEDED if label not in header]
    if missing:
        raise bad_line(path, line, f"no column {missing[0]} in the header: not a Topaz table")
    return header


def _encode(picks: dict[str, Picks], folder: Path, options: WriteOptions) -> dict[str, bytes]:
    """Encode all micrographs in one table; those without picks cannot be held."""
    scored = any(not np.isnan(one.score).all() for one in picks.values())
    lines = ["\t".join(_NEEDED + (("score",) if scored else ())) + "\n"]
    for name, one in picks.items():
        check_writable_name(name)
        xy = np.rint(one.yx[:, ::-1]).astype(np.int64).tolist()
        ends = [f"\t{score:.9g}" if scored else "" for score in one.score.tolist()]
        lines += [f"{name}\t{x}\t{y}{end}\n" for (x, y), end in zip(xy, ends, strict=True)]
    return {"picks.txt": "".join(lines).encode()}


TOPAZ = CoordinateFormat("topaz", "Topaz table", ".txt", _is_topaz, read, _encode, main="picks.txt")
