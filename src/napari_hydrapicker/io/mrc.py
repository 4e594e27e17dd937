"""MRC files as they are found in the wild: any byte order, odd headers, compressed or not."""

from __future__ import annotations

import bz2
import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.io.image_info import (
    MAX_FRAMES,
    MAX_SIDE_PX,
    FileInfo,
    check_shape,
    movie_error,
    pixel_size_of,
    unlike_pixels,
)
from napari_hydrapicker.wording import counted

_CHUNK_BYTES = 2**22

HEADER_BYTES = 1024
_DTYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
_REFUSED_MODES = {
    3: "complex numbers (a Fourier transform)",
    4: "complex numbers (a Fourier transform)",
    16: "colours",
    101: "packed 4-bit numbers",
}
_IMOD_STAMP = 1146047817
WRONG_EXTENDED = "the extended header's size is given as"  # so begins what is said of one that cannot be
_MAX_EXTENDED_BYTES = 2**26
_ROWS_LOOKED_AT = 256
_CLEARLY_SMOOTHER = 0.8


def is_compressed(path: Path) -> bool:
    """Whether a file is compressed.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    return _opener(path) is not None


def read_start(path: Path, n_bytes: int) -> tuple[bytes, int | None]:
    """Return the first `n_bytes` of the content, fewer where it is shorter, and its size, None if compressed.

    Raises
    ------
    MicrographError
        If the file cannot be read.
    """
    try:
        module = _opener(path)
        with path.open("rb") if module is None else module.open(path, "rb") as file:
            return file.read(n_bytes), None if module else path.stat().st_size
    except (OSError, EOFError, zlib.error) as error:
        raise MicrographError(f"{path}: cannot be read ({error})") from error


def read_part(path: Path, offset: int, n_bytes: int) -> bytearray:
    """Decompress `n_bytes` from `offset` on: never more is held than was asked for.

    Raises
    ------
    MicrographError
        If the compressed data are damaged, or end early.
    """
    try:
        with cast("IO[bytes]", _opener(path).open(path, "rb")) as file:
            while offset > 0 and (skipped := file.read(min(offset, _CHUNK_BYTES))):
                offset -= len(skipped)
            data = bytearray()
            while len(data) < n_bytes and (chunk := file.read(min(n_bytes - len(data), _CHUNK_BYTES))):
                data += chunk
    except (OSError, EOFError, zlib.error) as error:
        raise MicrographError(f"{path}: the compressed data are damaged ({error})") from error
    if len(data) < n_bytes:
        raise MicrographError(f"{path}: truncated, {counted(n_bytes - len(data), 'byte')} of pixels missing")
    return data


def _opener(path: Path) -> Any:
    """Return the module that decompresses a file, None if it is not compressed."""
    with path.open("rb") as file:
        magic = file.read(3)
    return gzip if magic[:2] == b"\x1f\x8b" else bz2 if magic == b"BZh" else None


@dataclass(frozen=True)
class MrcLayout:
    """Where the pixels of an MRC file lie: see `FileInfo` for the rest.

    ``sign_unknown``: the bytes may be unsigned, though the header does not say so.
    """

    info: FileInfo
    dtype: np.dtype[Any]
    offset: int
    sign_unknown: bool = False

    @property
    def frame_bytes(self) -> int:
        """Size of one micrograph."""
        rows, cols = self.info.shape
        return rows * cols * self.dtype.itemsize


def probe(path: Path) -> FileInfo:
    """Read an MRC file's header.

    Parameters
    ----------
    path : Path
        An .mrc or .mrcs file, maybe compressed (.gz, .bz2).

    Raises
    ------
    MicrographError
        If the file is truncated, is no MRC file, or holds a movie, a volume or complex numbers.
    """
    return _layout(path).info


def read(path: Path, frame: int) -> NDArray[Any]:
    """Return the pixels of one micrograph, shape (H, W), memory-mapped unless compressed.

    Raises
    ------
    MicrographError
        As `probe`, and if a compressed file ends early.
    """
    layout = _layout(path)
    offset = layout.offset + frame * layout.frame_bytes
    if is_compressed(path):
        data = read_part(path, offset, layout.frame_bytes)
        pixels = np.frombuffer(data, layout.dtype).reshape(layout.info.shape)
    else:
        try:
            pixels = np.memmap(path, layout.dtype, "r", offset, layout.info.shape).view(np.ndarray)
        except (OSError, ValueError) as error:
            raise MicrographError(f"{path}: cannot be read ({error})") from error
    return pixels.view(np.uint8) if layout.sign_unknown and _is_torn(pixels) else pixels


def _is_torn(pixels: NDArray[np.int8]) -> bool:
    """Tell whether signed bytes were meant as unsigned: then neighbours jump between 127 and -128."""
    rows = pixels[:: max(1, len(pixels) // _ROWS_LOOKED_AT)]
    steps = [
        float(np.abs(np.diff(rows.view(dtype).astype(np.int16), axis=1)).sum())
        for dtype in (np.int8, np.uint8)
    ]
    return steps[1] < _CLEARLY_SMOOTHER * steps[0]


def _layout(path: Path) -> MrcLayout:
    header, file_bytes = read_start(path, HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        what = (
            "empty" if not header else f"only {counted(len(header), 'byte')} long, shorter than an MRC header"
        )
        raise MicrographError(f"{path}: the file is {what}; copy or export it again")
    problems: list[str] = []
    order = _byte_order(path, header)
    cols, rows, sections, mode = struct.unpack_from(f"{order}4i", header, 0)
    check_shape(path, rows, cols)
    if header[208:211] != b"MAP":
        problems.append("the header has no 'MAP' signature")
    n_frames = _count_frames(path, header, order, sections)
    dtype = np.dtype("u1" if _has_unsigned_bytes(header, order, mode) else f"{order}{_DTYPES[mode]}")
    data_bytes = n_frames * rows * cols * dtype.itemsize
    offset = _data_offset(path, header, order, data_bytes, file_bytes, problems)
    pixel_size, refused = _pixel_size(header, order)
    info = FileInfo((rows, cols), pixel_size, n_frames, (*problems, *unlike_pixels(refused)), refused)
    sign_unknown = dtype == np.int8 and struct.unpack_from(f"{order}i", header, 152)[0] != _IMOD_STAMP
    return MrcLayout(info, dtype, offset, sign_unknown)


def _byte_order(path: Path, header: bytes) -> str:
    """Find the byte order in which the header makes sense; the machine stamp only says where to begin."""
    orders = "><" if header[212:213] == b"\x11" else "<>"
    fields = {order: struct.unpack_from(f"{order}4i", header, 0) for order in orders}
    known = [order for order in orders if fields[order][3] in _DTYPES]
    sane = [order for order in known if all(1 <= side <= MAX_SIDE_PX for side in fields[order][:2])]
    if known:
        return (sane or known)[0]
    for *_, mode in fields.values():
        if mode in _REFUSED_MODES and header[208:211] == b"MAP":
            raise MicrographError(
                f"{path}: holds {_REFUSED_MODES[mode]} (MRC mode {mode}), not grey levels; "
                "save the micrograph as real numbers (MRC mode 0, 1, 2, 6 or 12)"
            )
    raise MicrographError(
        f"{path}: not a micrograph in a known format (MRC, TIFF, PNG, JPEG), or its header is damaged"
    )


def _count_frames(path: Path, header: bytes, order: str, sections: int) -> int:
    """Number of micrographs: one, or as many as a .mrcs stack has."""
    space_group = struct.unpack_from(f"{order}i", header, 88)[0]
    if not 1 <= sections <= MAX_FRAMES:
        raise MicrographError(
            f"{path}: the header declares {counted(sections, 'image')}; the file is damaged"
        )
    if sections == 1:
        return 1
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if ".mrcs" in suffixes and space_group < 401:
        return sections
    if space_group >= 1 or ".rec" in suffixes:
        raise MicrographError(
            f"{path}: a volume of {sections} sections (a tomogram or a density map), not a micrograph; "
            "only 2-D images can be picked here. A stack of separate micrographs must be named .mrcs"
        )
    raise movie_error(path, sections)


def _has_unsigned_bytes(header: bytes, order: str, mode: int) -> bool:
    """Tell whether mode 0 means 0..255, as in IMOD before version 4.2.23 and other old programs."""
    if mode != 0:
        return False
    stamp, flags = struct.unpack_from(f"{order}2i", header, 152)
    if stamp == _IMOD_STAMP:
        return not flags & 1
    # No flag: a stated maximum beyond 127 cannot be a signed byte.
    lowest, highest = struct.unpack_from(f"{order}2f", header, 76)
    return bool(0 <= lowest <= highest and 127 < highest <= 255)


def _data_offset(
    path: Path, header: bytes, order: str, data_bytes: int, file_bytes: int | None, problems: list[str]
) -> int:
    """Find the first pixel's place, also where the extended header's declared size is wrong."""
    extended = struct.unpack_from(f"{order}i", header, 92)[0]
    wrong = f"{WRONG_EXTENDED} {counted(extended, 'byte')}, which cannot be"
    if file_bytes is None:
        if 0 <= extended <= _MAX_EXTENDED_BYTES:
            return HEADER_BYTES + int(extended)
        problems.append(wrong)
        return HEADER_BYTES
    spare = file_bytes - HEADER_BYTES - data_bytes
    if spare < 0:
        raise MicrographError(
            f"{path}: truncated, {-spare:,} of {counted(data_bytes, 'byte')} of pixels missing; copy it again"
        )
    if not 0 <= extended <= spare:
        problems.append(f"{wrong}; the pixels are taken from the end of the file")
        return HEADER_BYTES + spare
    if extended < spare:
        problems.append(f"the file is {counted(spare - extended, 'byte')} longer than its header declares")
    return HEADER_BYTES + int(extended)


def _pixel_size(header: bytes, order: str) -> tuple[float | None, str]:
    """Cell size over sampling, Angstrom, as `pixel_size_of` returns it."""
    samples_x, samples_y = struct.unpack_from(f"{order}2i", header, 28)
    cell_x, cell_y = struct.unpack_from(f"{order}2f", header, 40)
    if samples_x < 1 or samples_y < 1:
        return None, ""
    return pixel_size_of(cell_x / samples_x, cell_y / samples_y)
