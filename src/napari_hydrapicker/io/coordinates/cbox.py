"""crYOLO's .cbox files: STAR tables of boxes by their lower corner, ``<NA>`` for missing values.

The layout is what crYOLO 1.8 and napari-boxmanager write.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io.coordinates.base import (
    MISSING,
    CoordinateFormat,
    WriteOptions,
    check_writable_name,
    parse_score,
    stem_of_picks_file,
)
from napari_hydrapicker.io.coordinates.box import BoxColumns
from napari_hydrapicker.io.coordinates.star_syntax import StarTable, star_table_text, star_tables
from napari_hydrapicker.io.files import bad_line
from napari_hydrapicker.picks import Picks

_BOX = ("CoordinateX", "CoordinateY", "Width", "Height")
_COLUMNS = (
    *("CoordinateX", "CoordinateY", "CoordinateZ", "Width", "Height", "Depth"),
    *("EstWidth", "EstHeight", "Confidence", "NumBoxes", "Angle"),
)
_NA = "<NA>"


def _is_cbox(head: bytes) -> bool:
    return re.search(rb"^[ \t]*(data_cryolo\b|_cbox_format_version)", head, re.MULTILINE) is not None


def read(path: Path) -> dict[str, Picks]:
    """Read the boxes of one micrograph; the score is crYOLO's confidence.

    Raises
    ------
    CoordinateFileError
        If there is no ``data_cryolo`` table, or it holds the boxes of a tomogram.
    """
    boxes: BoxColumns | None = None
    for table in star_tables(path):
        if table.block == "cryolo" and boxes is None:
            boxes = _read_boxes(path, table)
    if boxes is None:
        raise CoordinateFileError(f"{path}: no data_cryolo table: not a .cbox file")
    return {stem_of_picks_file(path): boxes.picks()}


def _read_boxes(path: Path, table: StarTable) -> BoxColumns:
    missing = [label for label in _BOX if label not in table.columns]
    if missing:
        raise bad_line(path, table.line, f"the table has no column _{missing[0]}")
    where = [table.columns.index(label) for label in _BOX]
    confidence, z = table.index("Confidence"), table.index("CoordinateZ")
    boxes, slices = BoxColumns(), set[str]()
    filament = table.index("filamentid")
    for line, row in table.rows:
        if any(row[where[side]] in MISSING for side in (2, 3)):
            raise bad_line(
                path,
                line,
                "crYOLO gives no width to this box, so that its centre is not known; "
                "export .box or STAR from crYOLO",
            )
        if filament is not None and row[filament] not in MISSING:
            raise bad_line(path, line, "a filament of crYOLO; filaments are not picked here")
        score = math.nan if confidence is None else parse_score(path, line, row[confidence])
        boxes.add(path, line, [row[i] for i in where], score)
        if z is not None and row[z] not in slices:
            slices.add(row[z])
            if len(slices) > 1:
                raise bad_line(path, line, "boxes in several slices: a tomogram's picks, not a micrograph's")
    return boxes


def _row(x_low: float, y_low: float, box: float, estimate: float, score: float) -> str:
    confidence = _NA if math.isnan(score) else f"{score:.9g}"
    return f"{x_low!r} {y_low!r} {_NA} {box} {box} {_NA} {estimate} {estimate} {confidence} {_NA} {_NA}"


def _rows(picks: Picks, box_px: int) -> list[str]:
    estimate = float(picks.diameter_px or box_px)
    x_low, y_low = (low.tolist() for low in picks.lower_corner(box_px))
    columns = zip(x_low, y_low, picks.score.tolist(), strict=True)
    return [_row(x, y, float(box_px), estimate, score) for x, y, score in columns]


def _encode(picks: dict[str, Picks], folder: Path, options: WriteOptions) -> dict[str, bytes]:
    files = {}
    for name, one in picks.items():
        rows = _rows(one, options.box_of(name, one)) if len(one) else []
        text = "\ndata_global\n\n_cbox_format_version 1.0\n\n" + star_table_text("cryolo", _COLUMNS, rows)
        text += star_table_text("cryolo_include", ("slice_index",), [])
        files[f"{check_writable_name(name)}.cbox"] = text.encode()
    return files


CBOX = CoordinateFormat("cbox", "crYOLO cbox", ".cbox", _is_cbox, read, _encode, needs_box=True)
