"""Coordinate files: recognise, read and write the formats of the programs that come before and after us.

`read` returns picks keyed by the micrograph's name (file name without folder and extension), `read_paths` by
all that the file says of where the micrograph lies;
`detect` tells a file's format by its content; `write` writes picks in a format named in `FORMATS`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from napari_hydrapicker.errors import CoordinateFileError, NotCoordinatesError, ParameterError
from napari_hydrapicker.io.coordinates import box, cbox, cs, csv_table, foreign, other, star, topaz
from napari_hydrapicker.io.coordinates.base import CoordinateFormat, ReadOnlyFormat, ShapeOf, WriteOptions
from napari_hydrapicker.io.files import read_head, write_files
from napari_hydrapicker.io.names import distinct_names, without_prefix
from napari_hydrapicker.picks import Picks

__all__ = [
    "EXTENSIONS",
    "FORMATS",
    "PICKING_SUMMARY",
    "READ_ONLY",
    "CoordinateFormat",
    "ReadOnlyFormat",
    "ShapeOf",
    "WriteOptions",
    "detect",
    "exactness",
    "may_hold_coordinates",
    "read",
    "read_paths",
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
# What else is read, asked for after those: some of them are nothing but numbers, too.
READ_ONLY: dict[str, ReadOnlyFormat] = {
    known.name: known for known in (csv_table.NAPARI, other.XMIPP, other.EMAN2_INFO, other.CENTRES)
}
# The table that picking leaves beside its coordinates: it holds none.
PICKING_SUMMARY = "summary.csv"
EXTENSIONS = frozenset({known.extension for known in FORMATS.values()} | {".tsv"})
_MORE_EXTENSIONS = frozenset({".coord", ".coords", ".pos"})
_EMAN2_INFO = "_info.json"
# Those first that keep floats and scores.
_BY_EXACTNESS = (".star", ".cbox", ".csv", ".cs", ".txt", ".tsv", ".box")


def may_hold_coordinates(path: Path) -> bool:
    """Whether a file in a folder is worth asking: a known extension, and not picking's summary table."""
    known = path.suffix.lower() in EXTENSIONS | _MORE_EXTENSIONS or path.name.endswith(_EMAN2_INFO)
    return known and path.name != PICKING_SUMMARY


def exactness(path: Path) -> int:
    """Rank files that hold the picks of one micrograph: the lower, the more its kind of file keeps."""
    suffix = path.suffix.lower()
    return _BY_EXACTNESS.index(suffix) if suffix in _BY_EXACTNESS else len(_BY_EXACTNESS)


def _format(name: str) -> CoordinateFormat:
    if name not in FORMATS:
        raise ParameterError(f"unknown coordinate format {name!r}: one of {', '.join(FORMATS)}")
    return FORMATS[name]


def _readable_formats() -> list[CoordinateFormat | ReadOnlyFormat]:
    return [*FORMATS.values(), *READ_ONLY.values()]


def _readable(name: str) -> CoordinateFormat | ReadOnlyFormat:
    return READ_ONLY[name] if name in READ_ONLY else _format(name)


def detect(path: Path) -> str:
    """Return the name of a coordinate file's format, recognised by its content: of `FORMATS` or `READ_ONLY`.

    Raises
    ------
    NotCoordinatesError
        If the file is empty, or in none of the known formats.
    CoordinateFileError
        If the file cannot be read, or holds positions that are not read here.
    """
    path = Path(path)
    head = read_head(path)
    if not head.strip():
        # Nothing but the extension tells an empty list of boxes from a file that was cut short.
        if path.suffix.lower() == ".box":
            return box.BOX.name
        raise NotCoordinatesError(f"{path}: is empty")
    for known in _readable_formats():
        if known.sniff(head):
            return known.name
    unread = foreign.recognise(head)
    if unread is not None:
        kind = CoordinateFileError if unread.positions else NotCoordinatesError
        raise kind(f"{path}: {unread.reason}")
    labels = ", ".join(known.label for known in _readable_formats())
    raise NotCoordinatesError(f"{path}: not a coordinate file that is known here ({labels})")


def read(path: Path, format: str | None = None, shape_of: ShapeOf | None = None) -> dict[str, Picks]:
    """Read a coordinate file.

    Parameters
    ----------
    path : Path
        The file.
    format : str, optional
        One of `FORMATS` or `READ_ONLY`; by default recognised by content.
    shape_of : callable, optional
        Returns the rows and columns, pixels, of a micrograph by its path as of `read_paths`, or None where
        they are not known. Only formats that count y from the other edge (CryoPPP's) ask.

    Returns
    -------
    dict of micrograph name to Picks
        Centres in micrograph pixels. A name is the file's without extension, and without the number that
        cryoSPARC puts in front in its .cs files; where one file names two micrographs of one name, preceded
        by as many folders as tell them apart. Files of one micrograph that do not name it give it the name of
        the file without extension and the endings that programs add (``_autopick``, ``_automatch``,
        ``_manualpick``, ``_topazpicks``, ``_pick``, ``_picks``).

    Raises
    ------
    CoordinateFileError
        If the file cannot be read or is not what it claims to be (names the line), or if it needs the size of
        a micrograph that is not known.
    ParameterError
        If there is no such format.
    """
    path = Path(path)
    kind = detect(path) if format is None else format
    found = read_paths(path, kind, shape_of)
    return dict(zip(short_names(list(found), kind), found.values(), strict=True))


def read_paths(path: Path, format: str | None = None, shape_of: ShapeOf | None = None) -> dict[str, Picks]:
    """Read a coordinate file; as `read`, but keyed by all that it says of each micrograph.

    Returns
    -------
    dict of micrograph path to Picks
        Folders as the file gives them, without image extension: what `micrograph_name.match_names` compares.
    """
    path = Path(path)
    known = _readable(detect(path) if format is None else format)
    found = known.read(path)
    if not known.upside_down:
        return found
    return {name: _upright(path, name, picks, shape_of) for name, picks in found.items()}


def short_names(paths: list[str], format: str) -> list[str]:
    """Return the names of the micrographs that a file of this format calls so: as few folders as tell them "
    "apart."""
    if format == cs.CS.name:
        plain = ["/".join(map(without_prefix, path.split("/"))) for path in paths]
        if len(set(plain)) == len(set(paths)):
            paths = plain
    return distinct_names(paths)


def _upright(path: Path, name: str, picks: Picks, shape_of: ShapeOf | None) -> Picks:
    if not len(picks):
        return picks
    shape = None if shape_of is None else shape_of(name)
    if shape is None:
        raise CoordinateFileError(
            f"{path}: CryoPPP counts y from the lower edge, and the height of {name} is not known; give the "
            "micrographs, or their size (`micrographs` or `micrograph_shape`)"
        )
    return picks.flipped_y(shape[0] + 1)  # row = height - y


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
