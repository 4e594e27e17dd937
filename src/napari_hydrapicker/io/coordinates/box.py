"""EMAN's .box files: no header, one box a line, lower corner and size in pixels.

Written with integers, since RELION's reader truncates floats; a fifth column holds the score.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io.coordinates.base import (
    MAX_PICKS,
    MISSING,
    CoordinateFormat,
    PickColumns,
    WriteOptions,
    check_writable_name,
    parse_coordinate,
    parse_score,
    parse_size,
    stem_of_picks_file,
)
from napari_hydrapicker.io.files import bad_line, head_lines, read_lines
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.wording import counted

# What EMAN1's boxer writes into the fifth column is no score: -3 for a box, -1 and -2 for the ends of a
# helix.
_BOX_FLAG, _HELIX_FLAGS = -3.0, {-1.0, -2.0}


class BoxColumns:
    """The growing columns of lower corners, sizes and scores."""

    def __init__(self) -> None:
        self.corner, self.size = PickColumns(), PickColumns()

    def add(self, path: Path, line: int, corner_and_size: list[str], score: float) -> None:
        """Append a box given as the texts x_low, y_low, width, height."""
        if len(self.corner.x) >= MAX_PICKS:
            raise CoordinateFileError(f"{path}: more than {MAX_PICKS} boxes; split the file")
        x, y = (parse_coordinate(path, line, token) for token in corner_and_size[:2])
        width, height = (parse_size(path, line, token) for token in corner_and_size[2:])
        self.corner.add(x, y, score)
        self.size.add(width, height, math.nan)

    def picks(self) -> Picks:
        """Return the boxes' centres; the diameter is the median width."""
        corner, size = self.corner, self.size
        return Picks.from_lower_corner(corner.x, corner.y, size.x, size.y, corner.score)


def _is_box(head: bytes) -> bool:
    lines = head_lines(head)
    if any(line.replace(" ", "").startswith("#helix:") for line in lines):
        return False
    values = next((line for line in lines if not line.startswith("#")), "").split()
    return len(values) in (4, 5) and all(_is_number(v) for v in values if v not in MISSING)


def _is_number(token: str) -> bool:
    try:
        return math.isfinite(float(token))
    except ValueError:
        return False


def read(path: Path) -> dict[str, Picks]:
    """Read a .box file: four or five columns, tabs or spaces, integers or floats; ``#`` begins a comment.

    Raises
    ------
    CoordinateFileError
        If a line does not hold four or five numbers, or not as many as the first, or if its fifth column says
        that the boxes are ends of helices.
    """
    boxes = BoxColumns()
    width = 0
    flags: set[float] = set()
    for line, text in read_lines(path):
        values = text.split()
        if not values or text.startswith("#"):
            continue
        width = width or len(values)
        if len(values) not in (4, 5):
            raise bad_line(
                path,
                line,
                f"{counted(len(values), 'value')}, but a box is x, y, width, height and maybe a score",
            )
        if len(values) != width:
            raise bad_line(
                path, line, f"{counted(len(values), 'value')} where the lines above have {width}: cut short?"
            )
        score = parse_score(path, line, values[4]) if width == 5 else math.nan
        flags.add(score)
        boxes.add(path, line, values[:4], score)
    picks = boxes.picks()
    if flags <= {_BOX_FLAG, *_HELIX_FLAGS} and flags:
        if flags & _HELIX_FLAGS:
            raise CoordinateFileError(
                f"{path}: the fifth column marks the ends of helices (-1 and -2), as EMAN and RELION write "
                "them; "
                "filaments are not picked here, export single particles"
            )
        picks = replace(picks, score=np.full(len(picks), np.nan, np.float32))
    return {stem_of_picks_file(path): picks}


def _lines(picks: Picks, box_px: int) -> list[str]:
    x_low, y_low = (np.rint(low).astype(np.int64).tolist() for low in picks.lower_corner(box_px))
    # Programs that know no fifth column meet none where there is nothing to say.
    scored = not np.isnan(picks.score).all()
    ends = [f"\t{score:.9g}" if scored else "" for score in picks.score.tolist()]
    return [f"{x}\t{y}\t{box_px}\t{box_px}{end}\n" for x, y, end in zip(x_low, y_low, ends, strict=True)]


def _encode(picks: dict[str, Picks], folder: Path, options: WriteOptions) -> dict[str, bytes]:
    files = {}
    for name, one in picks.items():
        # An empty list needs no box size: it is an empty file.
        lines = _lines(one, options.box_of(name, one)) if len(one) else []
        files[f"{check_writable_name(name)}.box"] = "".join(lines).encode()
    return files


BOX = CoordinateFormat("box", "EMAN box", ".box", _is_box, read, _encode, needs_box=True)
