"""Numpy's files of records, from nobody one knows."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io.coordinates.structured_arrays import load_records

Save = Callable[[str, str | bytes], Path]
TYPE = np.dtype([("uid", "<u8"), ("path", "S9"), ("centre", "<f4", (2,)), ("shape", "<u4", (2, 3))])


def content(records: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, records, version)
    return buffer.getvalue()


def records(n: int) -> np.ndarray:
    made = np.zeros(n, TYPE)
    made["uid"], made["path"] = np.arange(n), b"mic/a.mrc"
    made["centre"] = np.arange(2 * n).reshape(n, 2) / 7
    return made


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("n", [0, 1, 5])
def test_all_versions_are_read_as_numpy_does(version: tuple[int, int], n: int, save: Save) -> None:
    read = load_records(save("a.cs", content(records(n), version)))
    assert read.dtype == TYPE
    np.testing.assert_array_equal(read, records(n))


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_any_type_of_fields(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    name = st.from_regex(r"[a-z_/]{1,12}", fullmatch=True)
    scalar = hnp.integer_dtypes() | hnp.unsigned_integer_dtypes() | hnp.floating_dtypes(sizes=(16, 32, 64))
    fields = data.draw(st.lists(st.tuples(name, scalar), min_size=1, max_size=5, unique_by=lambda f: f[0]))
    whole = np.dtype(fields)
    raw = data.draw(st.binary(min_size=3 * whole.itemsize, max_size=3 * whole.itemsize))
    path = tmp_path_factory.mktemp("records") / "a.cs"
    path.write_bytes(content(np.frombuffer(raw, whole)))
    read = load_records(path)
    assert read.dtype == whole
    assert read.tobytes() == raw


class Boom:
    def __reduce__(self) -> tuple[object, ...]:
        return (pytest.fail, ("unpickled",))


def test_objects_are_refused_and_not_unpickled(save: Save) -> None:
    header = content(np.zeros(1, [("uid", "<u8")])).replace(b"'<u8'", b"'|O8'")[:-8]
    with pytest.raises(CoordinateFileError, match="uid holds Python objects"):
        load_records(save("a.cs", header + pickle.dumps(Boom())))


@pytest.mark.parametrize(
    ("damaged", "message"),
    [
        (content(records(3))[:-1], "declares 3 records of .* bytes, but has not that size"),
        (content(records(3)) + b"x", "has not that size"),
        (content(records(3)).replace(b"(3,)", b"(4,)"), "has not that size"),
        (content(records(3)).replace(b"(3,)", b"(999999999,)"), "are more than|not a table"),
        (content(records(3))[:40], "header is cut short"),
        (b"\x93NUMPY\x09\x00" + content(records(3))[8:], "version 9"),
        (b"PK\x03\x04" + bytes(100), "does not start like"),
        (content(np.zeros((2, 2))), "not a table of records"),
    ],
)
def test_damaged_files(damaged: bytes, message: str, save: Save) -> None:
    with pytest.raises(CoordinateFileError, match=message):
        load_records(save("a.cs", damaged))
