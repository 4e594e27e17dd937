"""Numpy's file format for structured arrays, for files that nobody vouches for.

Nothing in the file is evaluated or unpickled: the header is matched against what numpy writes, and
the size that it declares is compared with the file's before any memory is taken.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io.coordinates.base import MAX_PICKS
from napari_hydrapicker.io.files import open_file
from napari_hydrapicker.wording import counted

NUMPY_MAGIC = b"\x93NUMPY"
_MAX_HEADER_BYTES = 64 * 2**10
_HEADER = re.compile(
    r"\{\s*'descr':\s*\[(?P<fields>.*)\],\s*'fortran_order':\s*(?:False|True),\s*'shape':\s*\((?P<n>\d{1,12}),\),?\s*\}",
    re.ASCII | re.DOTALL,
)
_FIELD = re.compile(
    r"\s*\('([^'\\]*)',\s*'([<>|=]?)([a-zA-Z?])(\d{0,7})'(?:,\s*\(([\d, ]{0,40})\))?\),?\s*", re.ASCII
)

_KINDS = "?biufcmMSUV"


def load_records(path: Path) -> NDArray[np.void]:
    """Read a file of records, as `numpy.save` writes a one-dimensional structured array.

    Returns
    -------
    ndarray, shape (N,), read-only
        With the fields that the file declares.

    Raises
    ------
    CoordinateFileError
        If it is no such file, is damaged or cut short, or holds Python objects.
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        dtype, n = _read_header(path, file.read(12 + _MAX_HEADER_BYTES), size)
        file.seek(size - n * dtype.itemsize)
        return np.frombuffer(file.read(), dtype, n) if n else np.empty(0, dtype)


def _read_header(path: Path, start: bytes, size: int) -> tuple[np.dtype[np.void], int]:
    """Return the records' type and number; their bytes end the file exactly."""
    if not start.startswith(NUMPY_MAGIC) or len(start) < 12:
        raise CoordinateFileError(f"{path}: does not start like a numpy or .cs file")
    major = start[6]
    if major not in (1, 2, 3):
        raise CoordinateFileError(f"{path}: version {major} of numpy's file format is not known")
    width = 2 if major == 1 else 4
    length = int.from_bytes(start[8 : 8 + width], "little")
    header = start[8 + width : 8 + width + length]
    if length > _MAX_HEADER_BYTES or len(header) < length:
        raise CoordinateFileError(f"{path}: the header is cut short or too long")
    dtype, n = _parse_header(path, header.decode("utf-8" if major == 3 else "latin-1", "replace").strip())
    if not dtype.itemsize or 8 + width + length + n * dtype.itemsize != size:
        raise CoordinateFileError(
            f"{path}: declares {counted(n, 'record')} of {counted(dtype.itemsize, 'byte')}, but has not "
            "that size"
        )
    return dtype, n


def _parse_header(path: Path, header: str) -> tuple[np.dtype[np.void], int]:
    match = _HEADER.fullmatch(header)
    if match is None:
        raise CoordinateFileError(f"{path}: not a table of records, or a damaged header")
    text, position = match["fields"], 0
    fields: list[tuple[str, str, tuple[int, ...]]] = []
    while position < len(text):
        field = _FIELD.match(text, position)
        if field is None:
            raise CoordinateFileError(
                f"{path}: cannot understand the header near {text[position : position + 40]!r}"
            )
        name, order, kind, width, shape = field.groups()
        if kind == "O":
            raise CoordinateFileError(f"{path}: {name} holds Python objects, which are not read for safety")
        if kind not in _KINDS:
            raise CoordinateFileError(f"{path}: {name} has a type {kind!r} that is not known")
        fields.append((name, f"{order}{kind}{width}", tuple(int(n) for n in re.findall(r"\d+", shape or ""))))
        position = field.end()
    n = int(match["n"])
    if n > MAX_PICKS:
        raise CoordinateFileError(f"{path}: {counted(n, 'record')} are more than {MAX_PICKS:,}")
    try:
        return np.dtype(fields), n
    except (TypeError, ValueError, OverflowError) as error:
        raise CoordinateFileError(f"{path}: the header's types make no sense ({error})") from error
