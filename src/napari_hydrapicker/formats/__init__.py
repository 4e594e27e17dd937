"""Coordinate files: recognise, read and write the formats of the programs that come after us.

`read` returns picks keyed by the micrograph's name (file name without folder and extension);
`detect` tells a file's format by its content; `write` writes picks in a format named in `FORMATS`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.formats import box, cbox, cs, csv_table, star, topaz
from napari_hydrapicker.formats._files import read_head, write_files
from napari_hydrapicker.formats._format import CoordinateFormat, WriteOptions
from napari_hydrapicker.picks import Picks

__all__ = [
    "EXTENSIONS",
    "FORMATS",
    "PICKING_SUMMARY",
    "CoordinateFormat",
    "WriteOptions",
    "detect",
    "exactness",
    "may_hold_coordinates",
    "read",
    "write",
]

# In the order in which a file is asked; .box comes last, being nothing but numbers.
FORMATS: dict[str, CoordinateFormat] = {
    known.name: known
    for known in (
        *(cs.CS, cbox.CBOX, star.SINGLE, star.COMBINED, star.PARTICLES),
        *(csv_table.OURS, csv_table.CRYOPPP, topaz.TOPAZ, box.BOX),
    )
}
# The table that picking leaves beside its coordinates: it holds none.
PICKING_SUMMARY = "summary.csv"
EXTENSIONS = frozenset({known.extension for known in FORMATS.values()} | {".tsv"})
# Those first that keep floats and scores.
_BY_EXACTNESS = (".star", ".cbox", ".csv", ".cs", ".txt", ".tsv", ".box")


def may_hold_coordinates(path: Path) -> bool:
    """Whether a file in a folder is worth asking: a known extension, and not picking's summary table."""
    return path.suffix.lower() in EXTENSIONS and path.name != PICKING_SUMMARY


def exactness(path: Path) -> int:
    """Rank files that hold the picks of one micrograph: the lower, the more its kind of file keeps."""
    suffix = path.suffix.lower()
    return _BY_EXACTNESS.index(suffix) if suffix in _BY_EXACTNESS else len(_BY_EXACTNESS)


def _format(name: str) -> CoordinateFormat:
    if name not in FORMATS:
        raise ParameterError(f"unknown coordinate format {name!r}: one of {', '.join(FORMATS)}")
    return FORMATS[name]


def detect(path: Path) -> str:
    """Return the name of a coordinate file's format, recognised by its content.

    Raises
    ------
    CoordinateFileError
        If the file cannot be read or is in none of the known formats.
    """
    path = Path(path)
    head = read_head(path)
    if not head.strip():
        # Nothing but the extension tells an empty list of boxes from a file that was cut short.
        if path.suffix.lower() == ".box":
            return box.BOX.name
        raise CoordinateFileError(f"{path}: is empty")
    for known in FORMATS.values():
        if known.sniff(head):
            return known.name
    labels = ", ".join(known.label for known in FORMATS.values())
    raise CoordinateFileError(f"{path}: not a coordinate file that is known here ({labels})")


def read(path: Path, format: str | None = None) -> dict[str, Picks]:
    """Read a coordinate file.

    Parameters
    ----------
    path : Path
        The file.
    format : str, optional
        One of `FORMATS`; by default recognised by content.

    Returns
    -------
    dict of micrograph name to Picks
        Centres in micrograph pixels. Files of one micrograph that do not name it give it the name of
        the file without extension and the endings that programs add (``_autopick``, ``_manualpick``,
        ``_topazpicks``, ``_pick``, ``_picks``).

    Raises
    ------
    CoordinateFileError
        If the file cannot be read or is not what it claims to be; names the line.
    ParameterError
        If there is no such format.
    """
    path = Path(path)
    return _format(detect(path) if format is None else format).read(path)


def write(
    picks: dict[str, Picks],
    out: Path,
    format: str,
    *,
    overwrite: bool = False,
    box_px: int | None = None,
    shapes: Mapping[str, tuple[int, int]] | None = None,
    micrograph_names: Mapping[str, str] | None = None,
    project_dir: Path | None = None,
) -> list[Path]:
    """Write picks; each file appears whole or not at all.

    Parameters
    ----------
    picks : dict of micrograph name to Picks
        What to write.
    out : Path
        A folder, or a file where all goes into one (it then has a coordinate file's extension).
    format : str
        One of `FORMATS`.
    overwrite : bool
        Replace files that exist.
    box_px, shapes, micrograph_names, project_dir
        See `WriteOptions`.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ParameterError
        If the format needs a box size or the micrographs' shapes and has none, or several
        micrographs shall go into one file of a format that holds one.
    CoordinateFileError
        If a file exists or cannot be written.
    """
    target, out = _format(format), Path(out)
    options = WriteOptions(box_px, shapes or {}, micrograph_names or {}, project_dir)
    to_file = not os.path.isdir(out) and out.suffix.lower() in EXTENSIONS
    folder = out.parent if to_file else out
    contents = target.encode(picks, folder, options)
    if to_file:
        contents = _renamed(contents, target, out)
    return write_files({folder / name: content for name, content in contents.items()}, overwrite)


def _renamed(contents: dict[str, bytes], target: CoordinateFormat, out: Path) -> dict[str, bytes]:
    main = target.main or (next(iter(contents)) if len(contents) == 1 else None)
    if main is None:
        raise ParameterError(
            f"{out}: one file of the format {target.label} holds one micrograph, and there are "
            f"{len(contents)}; give a folder"
        )
    if out.name in contents and out.name != main:
        raise ParameterError(f"{out}: is also the name of one micrograph's file; choose another")
    return {out.name if name == main else name: content for name, content in contents.items()}
