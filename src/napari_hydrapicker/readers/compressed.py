"""Parts of files that gzip or bzip2 may have compressed, told by their first bytes."""

from __future__ import annotations

import bz2
import gzip
import zlib
from pathlib import Path
from typing import IO, Any, cast

from napari_hydrapicker.errors import MicrographError

_CHUNK_BYTES = 2**22


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
        raise MicrographError(f"{path}: truncated, {n_bytes - len(data)} bytes of pixels are missing")
    return data


def _opener(path: Path) -> Any:
    """Return the module that decompresses a file, None if it is not compressed."""
    with path.open("rb") as file:
        magic = file.read(3)
    return gzip if magic[:2] == b"\x1f\x8b" else bz2 if magic == b"BZh" else None
