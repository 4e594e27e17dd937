"""Telling a full disk from other trouble."""

from __future__ import annotations

import errno
import os

import pytest

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.picking.full_disk import is_disk_full


def raised_from(cause: Exception) -> CoordinateFileError:
    try:
        try:
            raise cause
        except Exception as error:
            raise CoordinateFileError("a.star: cannot be written") from error
    except CoordinateFileError as error:
        return error


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EACCES, False), (errno.EIO, False)],
)
def test_the_disk_or_ones_share_of_it(number: int, expected: bool) -> None:
    error = OSError(number, os.strerror(number))
    assert is_disk_full(error) is expected
    assert is_disk_full(raised_from(error)) is expected
    assert is_disk_full(raised_from(raised_from(error))) is expected


def test_other_errors() -> None:
    assert not is_disk_full(CoordinateFileError("No space left on device"))
    assert not is_disk_full(raised_from(ValueError("28")))
