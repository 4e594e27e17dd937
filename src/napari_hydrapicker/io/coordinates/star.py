"""RELION's STAR files: one a micrograph, a combined list of them, or one particles table.

Centres in unbinned micrograph pixels, x before y, no flip; -999 stands for "no value".
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io.coordinates import box
from napari_hydrapicker.io.coordinates.base import (
    MAX_PICKS,
    CoordinateFormat,
    PickTable,
    WriteOptions,
    check_writable_name,
    parse_score,
    stem_of_picks_file,
)
from napari_hydrapicker.io.coordinates.star_lists import LISTED, MICROGRAPH, is_list, listed_in
from napari_hydrapicker.io.coordinates.star_syntax import StarTable, star_table_text, star_tables, star_value
from napari_hydrapicker.io.files import bad_line, read_head
from napari_hydrapicker.picks import Picks

_X, _Y, _FOM = "rlnCoordinateX", "rlnCoordinateY", "rlnAutopickFigureOfMerit"
_Z, _TOMOGRAM = "rlnCoordinateZ", "rlnTomoName"
_PICK_COLUMNS = (_X, _Y, "rlnClassNumber", "rlnAnglePsi", _FOM)
_NO_VALUE = -999.0
_HEADER = "# version 30001\n\n"


def _has(head: bytes, label: str) -> bool:
    return re.search(rb"^[ \t]*_" + label.encode() + rb"(?!\w)", head, re.MULTILINE) is not None


def _is_combined(head: bytes) -> bool:
    return _has(head, LISTED) and not _has(head, _X)


def _is_particles(head: bytes) -> bool:
    return _has(head, _X) and _has(head, MICROGRAPH)


def _is_single(head: bytes) -> bool:
    return _has(head, _X) and not _has(head, MICROGRAPH)


def read(path: Path) -> dict[str, Picks]:
    """Read any of RELION's three kinds of coordinate STAR files.

    Returns
    -------
    dict of micrograph name to Picks
        Where the file names no micrograph, the name is guessed from the file's.

    Raises
    ------
    CoordinateFileError
        If it is not STAR, has no coordinates, or a listed file is missing or wrong.
    """
    table = PickTable(path)
    listed: dict[str, Path] = {}
    found = False
    for star in star_tables(path):
        if star.index(_X) is not None and star.index(_Y) is not None:
            found = True
            _read_picks(path, star, table)
        elif is_list(star):
            found = True
            listed.update(listed_in(path, star))
    if not found:
        raise CoordinateFileError(f"{path}: no table with {_X} and {_Y}, and none with {LISTED}")
    return table.picks() | _read_listed(path, listed)


def _read_picks(path: Path, star: StarTable, table: PickTable) -> None:
    x, y, z = star.columns.index(_X), star.columns.index(_Y), star.index(_Z)
    fom, micrograph = star.index(_FOM), star.index(MICROGRAPH)
    guessed = stem_of_picks_file(path)
    if micrograph is None:
        table.open(guessed, star.line)  # an empty table is an empty list of picks
    slices: set[str] = set()
    for line, row in star.rows:
        slices.add("" if z is None else row[z])
        if len(slices) > 1 or _TOMOGRAM in star.columns:
            raise bad_line(path, line, "positions in a tomogram, not on micrographs; they are not read")
        score = math.nan if fom is None else parse_score(path, line, row[fom])
        name = guessed if micrograph is None else row[micrograph]
        table.add(line, name, row[x], row[y], math.nan if score == _NO_VALUE else score)


def _read_listed(path: Path, listed: dict[str, Path]) -> dict[str, Picks]:
    picks: dict[str, Picks] = {}
    total = 0
    for micrograph, file in listed.items():
        head = read_head(file)
        if _is_combined(head):
            raise CoordinateFileError(f"{path}: lists {file}, which is itself a list; convert that one")
        lone = _one(file, (read if _has(head, _X) else box.read)(file))
        total += len(lone)
        if total > MAX_PICKS:
            raise CoordinateFileError(f"{path}: more than {MAX_PICKS} picks; split the list")
        picks[micrograph] = lone
    return picks


def _one(file: Path, picks: dict[str, Picks]) -> Picks:
    if len(picks) > 1:
        raise CoordinateFileError(f"{file}: is listed for one micrograph, but holds {len(picks)}")
    return next(iter(picks.values()), Picks.from_xy([], []))


def _rows(picks: Picks, prefix: str = "") -> list[str]:
    score = [_NO_VALUE if math.isnan(s) else s for s in picks.score.tolist()]
    return [
        f"{prefix}{x:13.6f} {y:13.6f} {0:12d} {0:12.6f} {s:.9g}"
        for x, y, s in zip(picks.x.tolist(), picks.y.tolist(), score, strict=True)
    ]


def picks_file_name(micrograph: str) -> str:
    """Name of the file that holds one micrograph's picks; `ParameterError` if it can be none."""
    return f"{check_writable_name(micrograph)}_autopick.star"


def _encode_single(picks: dict[str, Picks], folder: Path, options: WriteOptions) -> dict[str, bytes]:
    return {
        picks_file_name(name): (_HEADER + star_table_text("", _PICK_COLUMNS, _rows(one))).encode()
        for name, one in picks.items()
    }


def _encode_combined(picks: dict[str, Picks], folder: Path, options: WriteOptions) -> dict[str, bytes]:
    start = options.project_dir or folder
    rows = []
    for name in picks:
        file = Path(os.path.relpath(folder / picks_file_name(name), start)).as_posix()
        rows.append(f"{star_value(options.name_of(name))} {star_value(file)}")
    main = _HEADER + star_table_text("coordinate_files", (MICROGRAPH, LISTED), rows)
    return _encode_single(picks, folder, options) | {"autopick.star": main.encode()}


def _encode_particles(picks: dict[str, Picks], folder: Path, options: WriteOptions) -> dict[str, bytes]:
    rows: list[str] = []
    for name, one in picks.items():
        rows += _rows(one, prefix=star_value(options.name_of(check_writable_name(name))) + " ")
    text = _HEADER + star_table_text("particles", (MICROGRAPH, *_PICK_COLUMNS), rows)
    return {"particles.star": text.encode()}


SINGLE = CoordinateFormat("star", "RELION STAR", ".star", _is_single, read, _encode_single)
COMBINED = CoordinateFormat(
    "star-combined",
    "RELION combined STAR",
    ".star",
    _is_combined,
    read,
    _encode_combined,
    main="autopick.star",
)
PARTICLES = CoordinateFormat(
    "star-particles",
    "STAR particles table",
    ".star",
    _is_particles,
    read,
    _encode_particles,
    main="particles.star",
)
