"""Files of other programs that are recognised and refused: what they are, and what to give instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from napari_hydrapicker.io.coordinates.cs import is_without_positions
from napari_hydrapicker.io.files import head_lines


class Foreign(NamedTuple):
    """A kind of file that is not read: how it is recognised, what is said of it, and if it holds "
    "positions."""

    sniff: Callable[[bytes], bool]
    reason: str
    positions: bool = True


def _label(pattern: str) -> Callable[[bytes], bool]:
    expression = re.compile(pattern.encode(), re.MULTILINE | re.IGNORECASE)
    return lambda head: expression.search(head) is not None


def _starts(*magics: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.lstrip().startswith(magics)


def _numbers_a_line(least: int, most: int) -> Callable[[bytes], bool]:
    def recognise(head: bytes) -> bool:
        values = next(iter(head_lines(head)), "").split()
        return least <= len(values) <= most and all(re.fullmatch(r"[-+.\deE]+", value) for value in values)

    return recognise


# More telling ones come first.
_FOREIGN = (
    Foreign(
        is_without_positions,
        "no column location/center_x_frac: a .cs file without positions; give the file of a picking or "
        "extraction "
        "job's particles",
        positions=False,
    ),
    Foreign(
        _label(r"^[ \t]*_cisTEM"),
        "a STAR file of cisTEM, whose positions are in Angstrom from its own origin; export them from "
        "cisTEM for "
        "RELION",
    ),
    Foreign(
        _label(r"^#\s*helix\s*:"),
        "helices of EMAN2's e2helixboxer; filaments are not picked here, export single particles",
    ),
    Foreign(
        _label(r"^[ \t]*_(wrp\w+|rlnCenteredCoordinate\w+)"),
        "positions of Warp or RELION in a tomogram, not on micrographs",
    ),
    Foreign(_starts(b";"), "a document file of SPIDER; save x and y as two columns of text"),
    Foreign(_starts(b"IMODV"), "a model of IMOD; turn it into two columns of text with model2point"),
    Foreign(_starts(b"SQLite format 3"), "a database, such as Scipion's or cisTEM's; export STAR from there"),
    Foreign(_starts(b"\x89HDF"), "an HDF5 file, such as EMAN2's; export .box files from there"),
    Foreign(_starts(b"<?xml", b"<"), "an XML file; export STAR or .box from the program that wrote it"),
    Foreign(
        _label(r"^#?filename,file_size"),
        "a table of the VGG Image Annotator; turn it into STAR with `topaz convert`",
    ),
    Foreign(
        _label(r"^AdocVersion"), "a navigator file of SerialEM: positions on the grid, not on micrographs"
    ),
    Foreign(
        _numbers_a_line(3, 3),
        "three numbers a line, of which only x and y can be guessed (IMOD's points and IMAGIC's .plt look "
        "so); "
        "save x and y as two columns",
    ),
    Foreign(
        _numbers_a_line(20, 100),
        "a table of Dynamo, or another program's for tomograms; micrographs are needed",
    ),
)


def recognise(head: bytes) -> Foreign | None:
    """Return what a file is, by its first bytes; None if that is not known."""
    return next((one for one in _FOREIGN if one.sniff(head)), None)
