"""Formats that are read and not written: plain lists of centres, Xmipp's .pos, and EMAN2's info files."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io.coordinates.base import (
    PickColumns,
    ReadOnlyFormat,
    parse_coordinate,
    parse_score,
    stem_of_picks_file,
)
from napari_hydrapicker.io.coordinates.star_syntax import star_tables
from napari_hydrapicker.io.files import bad_line, head_lines, open_file, read_lines
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.wording import counted

_SCORES = ("score", "fom", "confidence")
# With one of these columns x and y may be a corner of a box.
_SIZES = frozenset(["w", "h", "width", "height", "box", "boxsize", "box_size", "size"])
_INFO = re.compile(r"_info$")


def _is_number(token: str) -> bool:
    try:
        return math.isfinite(float(token))
    except ValueError:
        return False


def _split(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _is_centres(head: bytes) -> bool:
    lines = [line for line in head_lines(head) if not line.startswith("#")]
    first = _split(lines[0]) if lines else []
    if _is_header(first):
        return len(lines) == 1 or len(_split(lines[1])) == len(first)
    return len(first) == 2 and all(_is_number(token) for token in first)


def _is_header(values: list[str]) -> bool:
    return [value.lower() for value in values[:2]] == ["x", "y"]


def read_centres(path: Path) -> dict[str, Picks]:
    """Read a list of centres, ``x y`` a line, blanks or commas between; a first line may name the columns.

    Such lists are .coord, .coords (Ximdisp) and .txt files.

    Raises
    ------
    CoordinateFileError
        If a line does not hold two numbers, or as many values as the first line names; if these may be
        corners of boxes.
    """
    if path.suffix.lower() == ".box":
        raise CoordinateFileError(
            f"{path}: two numbers a line, where EMAN and RELION have a corner, width and height; if these "
            "are centres, give the file the extension .coords"
        )
    columns, header = PickColumns(), ["x", "y"]
    first = True
    for line, text in read_lines(path):
        values = _split(text)
        if not values or text.startswith("#"):
            continue
        if first and _is_header(values):
            header = [value.lower() for value in values]
            sizes = [label for label in header if label in _SIZES]
            if sizes:
                raise bad_line(
                    path,
                    line,
                    f"with the column {sizes[0]!r}, x and y may be a corner of a box as well as its centre; "
                    "remove that column if they are centres, or write four numbers a line without titles, as "
                    "EMAN's .box has them",
                )
        elif len(values) != len(header):
            raise bad_line(
                path, line, f"{counted(len(values), 'value')} where {' and '.join(header)} are expected"
            )
        else:
            score = next((values[header.index(label)] for label in _SCORES if label in header), "")
            x, y = (parse_coordinate(path, line, token) for token in values[:2])
            columns.add(x, y, parse_score(path, line, score))
        first = False
    return {stem_of_picks_file(path): columns.picks()}


def _is_xmipp(head: bytes) -> bool:
    return re.search(rb"^[ \t]*_xcoor\b", head, re.MULTILINE) is not None


def read_xmipp(path: Path) -> dict[str, Picks]:
    """Read Xmipp's .pos: centres of one micrograph; what a user has disabled there is left out.

    Raises
    ------
    CoordinateFileError
        If it is no STAR file, or has no table of positions.
    """
    columns = PickColumns()
    found = False
    for table in star_tables(path):
        x, y = table.index("xcoor"), table.index("ycoor")
        if x is None or y is None:
            continue
        found = True
        enabled, cost = table.index("enabled"), table.index("cost")
        for line, row in table.rows:
            at = [parse_coordinate(path, line, row[column]) for column in (x, y)]
            if enabled is not None and row[enabled].startswith("-"):
                continue
            score = math.nan if cost is None else parse_score(path, line, row[cost])
            # Xmipp writes 0 (or less) for what a person has picked.
            columns.add(at[0], at[1], score if score > 0 else math.nan)
    if not found:
        raise CoordinateFileError(f"{path}: no table with xcoor and ycoor")
    return {stem_of_picks_file(path): columns.picks()}


def _is_info(head: bytes) -> bool:
    return head.lstrip()[:1] == b"{" and re.search(rb'"boxes(_3d)?"\s*:', head) is not None


def read_info(path: Path) -> dict[str, Picks]:
    """Read the boxes in EMAN2's ``info/<micrograph>_info.json``: centres, and scores where there are some.

    Raises
    ------
    CoordinateFileError
        If it is no such file, is damaged, or holds a tomogram's boxes.
    """
    with open_file(path) as file:
        try:
            content = json.loads(file.read())
        except (ValueError, RecursionError, OSError) as error:
            raise CoordinateFileError(f"{path}: not JSON, or damaged ({str(error)[:80]})") from error
    boxes = content.get("boxes") if isinstance(content, dict) else None
    if not isinstance(boxes, list):
        raise CoordinateFileError(f"{path}: no boxes on a micrograph: not a picking of EMAN2's e2boxer")
    columns = PickColumns()
    for number, box in enumerate(boxes, 1):
        x, y, score = _box(path, number, box)
        columns.add(x, y, score)
    return {_INFO.sub("", stem_of_picks_file(path)): columns.picks()}


def _box(path: Path, number: int, box: Any) -> tuple[float, float, float]:
    if not (isinstance(box, list) and len(box) >= 2):
        raise CoordinateFileError(f"{path}, box {number}: not x, y and a kind")
    if len(box) > 2 and not isinstance(box[2], str):
        raise CoordinateFileError(
            f"{path}, box {number}: three coordinates: EMAN2's boxes of a tomogram, not of a micrograph"
        )
    x, y = (parse_coordinate(path, number, json.dumps(value)) for value in box[:2])
    scored = len(box) > 3 and isinstance(box[3], int | float) and box[2] != "manual"
    return x, y, parse_score(path, number, json.dumps(box[3])) if scored else math.nan


CENTRES = ReadOnlyFormat("centres", "list of centres", _is_centres, read_centres)
XMIPP = ReadOnlyFormat("xmipp", "Xmipp pos", _is_xmipp, read_xmipp)
EMAN2_INFO = ReadOnlyFormat("eman2-info", "EMAN2 info", _is_info, read_info)
