"""cryoSPARC's .cs files: numpy structured arrays with positions as fractions of the micrograph.

Columns as cryosparc-tools documents and writes them; `location/micrograph_shape` is (rows, columns).
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.io.coordinates.base import (
    MAX_COORDINATE_PX,
    MAX_SCORE,
    CoordinateFormat,
    NameIndex,
    WriteOptions,
    check_writable_name,
)
from napari_hydrapicker.io.coordinates.structured_arrays import NUMPY_MAGIC, load_records
from napari_hydrapicker.io.files import read_head
from napari_hydrapicker.picks import Picks

_CSDAT_MAGIC = b"\x94CSDAT"
_MAX_PATH_BYTES = 4096
_X, _Y = "location/center_x_frac", "location/center_y_frac"
_PATH, _SHAPE, _SCORE = "location/micrograph_path", "location/micrograph_shape", "pick_stats/ncc_score"


def _is_cs(head: bytes) -> bool:
    return head.startswith((NUMPY_MAGIC, _CSDAT_MAGIC)) and not is_without_positions(head)


def is_without_positions(head: bytes) -> bool:
    """Tell a .cs file of exposures, or one passed through, by its whole header: its rows are no particles."""
    whole = head.startswith(NUMPY_MAGIC) and b"'shape':" in head and b"O'" not in head
    return whole and b"'uid'" in head and _X.encode() not in head


def read(path: Path) -> dict[str, Picks]:
    """Read the particle positions of a .cs file; centre = fraction times the micrograph's size.

    Raises
    ------
    CoordinateFileError
        If it is not a .cs file, is damaged, holds Python objects, or has no positions.
    """
    if read_head(path).startswith(_CSDAT_MAGIC):
        raise CoordinateFileError(
            f"{path}: a compressed .cs file; save it in numpy's format (NUMPY_FORMAT in cryosparc-tools)"
        )
    array = load_records(path)
    _check_columns(path, array.dtype)
    with np.errstate(all="ignore"):  # damaged floats may be signalling NaNs; they are looked for
        yx, score = _centres(path, array), _scores(path, array)
    if not len(array):
        return {}
    names, member = np.unique(array[_PATH], return_inverse=True)
    order = np.argsort(member, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(member, minlength=len(names)))[:-1])
    paths = NameIndex(path)
    picks: dict[str, Picks] = {}
    # np.unique sorts; the micrographs come in the order of the file, as in every other format.
    for name, rows in sorted(zip(names.tolist(), groups, strict=True), key=lambda pair: int(pair[1][0])):
        micrograph = paths.path(_decoded(path, name), f"record {rows[0] + 1}")
        one = Picks.from_xy(yx[rows, 1], yx[rows, 0], score[rows])
        # With and without a mark before it a path is one and the same.
        picks[micrograph] = picks[micrograph].joined(one) if micrograph in picks else one
    return picks


def _decoded(path: Path, name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise CoordinateFileError(f"{path}: micrograph's name {name!r:.80} is not UTF-8 text") from error


def _check_columns(path: Path, dtype: np.dtype[np.void]) -> None:
    kinds = {_X: "f", _Y: "f", _PATH: "S", _SHAPE: "ui", _SCORE: "f"}
    widest = {_PATH: _MAX_PATH_BYTES}
    present = dtype.names or ()
    for name in kinds:
        if name == _SCORE and name not in present:
            continue
        if name not in present:
            raise CoordinateFileError(
                f"{path}: no column {name}; give the file of a picking or extraction job's particles"
            )
        column = dtype[name]
        wanted = (2,) if name == _SHAPE else ()
        usable = column.base.kind in kinds[name] and column.base.itemsize <= widest.get(name, 8)
        if not usable or column.shape != wanted:
            raise CoordinateFileError(f"{path}: column {name} has the wrong type {column}")


def _centres(path: Path, array: NDArray[np.void]) -> NDArray[np.float64]:
    fraction = np.stack([array[_Y], array[_X]], axis=1).astype(np.float64)
    shape = array[_SHAPE].astype(np.float64)
    usable = (
        (np.abs(fraction) <= 2).all(axis=1)
        & (shape >= 1).all(axis=1)
        & (shape <= MAX_COORDINATE_PX).all(axis=1)
    )
    if not usable.all():
        record = int(np.argmin(usable)) + 1
        raise CoordinateFileError(f"{path}, record {record}: position or micrograph size makes no sense")
    return fraction * shape


def _scores(path: Path, array: NDArray[np.void]) -> NDArray[np.float64]:
    if _SCORE not in (array.dtype.names or ()):
        return np.full(len(array), np.nan)
    score = array[_SCORE].astype(np.float64)
    usable = np.isnan(score) | (np.abs(score) <= MAX_SCORE)
    if not usable.all():
        raise CoordinateFileError(
            f"{path}, record {int(np.argmin(usable)) + 1}: the score is no usable number"
        )
    # No picker gives every particle exactly 0: it stands for no score, as after picking by hand.
    return score if score.any() else np.full(len(array), np.nan)


def _uids(text: str, n: int) -> NDArray[np.uint64]:
    """Return `n` numbers that depend on `text` alone, so that writing twice gives the same file."""
    seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")
    return np.random.Generator(np.random.PCG64(seed)).integers(1, 2**64, size=n, dtype=np.uint64)


def _records(name: str, picks: Picks, options: WriteOptions, path_width: int) -> NDArray[np.void]:
    shape = options.shape_of(name)
    fields = [
        *[
            ("uid", "<u8"),
            ("location/micrograph_uid", "<u8"),
            (_PATH, f"|S{path_width}"),
            (_SHAPE, "<u4", (2,)),
        ],
        *[(_X, "<f4"), (_Y, "<f4"), (_SCORE, "<f4"), ("pick_stats/power", "<f4")],
        *[("pick_stats/template_idx", "<u4"), ("pick_stats/angle_rad", "<f4")],
    ]
    records = np.zeros(len(picks), fields)
    records["uid"] = _uids(f"particles of {name}", len(picks))
    records["location/micrograph_uid"] = _uids(name, 1)[0]
    records[_PATH] = options.name_of(name).encode()
    records[_SHAPE] = shape
    records[_X], records[_Y] = picks.x / shape[1], picks.y / shape[0]
    records[_SCORE] = records["pick_stats/power"] = picks.score
    return records


def _encode(picks: dict[str, Picks], folder: Path, options: WriteOptions) -> dict[str, bytes]:
    """Encode all micrographs in one array; those without picks cannot be held."""
    width = max([len(options.name_of(check_writable_name(name)).encode()) for name in picks], default=1)
    if not picks:
        raise ParameterError("there are no micrographs to write to a .cs file")
    records = np.concatenate([_records(name, one, options, width) for name, one in picks.items()])
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, records, version=(1, 0), allow_pickle=False)
    return {"picks.cs": buffer.getvalue()}


CS = CoordinateFormat("cs", "cryoSPARC cs", ".cs", _is_cs, read, _encode, main="picks.cs")
