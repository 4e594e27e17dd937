"""Numbers and tables while a coordinate file is read."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io.coordinates import base as _columns
from napari_hydrapicker.io.coordinates.base import PickTable, parse_coordinate, parse_score, parse_size

FILE = Path("folder/a.star")


@pytest.mark.parametrize("token", ["nan", "inf", "1_000", "1e7", "-1000001", "0x10", "", "12,5"])
def test_what_is_no_coordinate_is_refused_with_its_line(token: str) -> None:
    with pytest.raises(CoordinateFileError, match=r"a\.star.*line 7: .*coordinate in pixels"):
        parse_coordinate(FILE, 7, token)


@given(st.floats(-1e6, 1e6))
def test_coordinates_are_read_to_the_last_digit(value: float) -> None:
    assert parse_coordinate(FILE, 1, repr(value)) == value


def test_a_score_may_be_missing_but_not_infinite() -> None:
    assert all(math.isnan(parse_score(FILE, 1, token)) for token in ("", "<NA>", "nan", "None"))
    assert parse_score(FILE, 1, "-999.5") == -999.5
    for token in ("inf", "4e38", "good"):
        with pytest.raises(CoordinateFileError, match="score"):
            parse_score(FILE, 1, token)


@pytest.mark.parametrize("token", ["0", "-3", "nan"])
def test_a_size_is_positive(token: str) -> None:
    assert parse_size(FILE, 1, "0.5") == 0.5
    with pytest.raises(CoordinateFileError, match="size"):
        parse_size(FILE, 1, token)


def test_a_table_keeps_micrographs_in_the_order_of_the_file_and_x_apart_from_y() -> None:
    table = PickTable(FILE)
    table.add(1, "MotionCorr/b.mrc", "600", "20", 0.5)
    table.add(2, "a.mrc", "3", "4", math.nan)
    table.add(3, "MotionCorr/b.mrc", "601", "21", 0.25)
    picks = table.picks()
    assert list(picks) == ["MotionCorr/b", "a"]
    assert picks["MotionCorr/b"].yx.tolist() == [[20, 600], [21, 601]]
    assert picks["MotionCorr/b"].score.tolist() == [0.5, 0.25]
    assert picks["a"].yx.tolist() == [[4, 3]]
    assert math.isnan(picks["a"].score[0])


def test_a_table_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_columns, "MAX_PICKS", 2)
    table = PickTable(FILE)
    table.add(1, "a.mrc", "1", "1", 0)
    table.add(2, "a.mrc", "1", "1", 0)
    with pytest.raises(CoordinateFileError, match="more than 2 picks"):
        table.add(3, "a.mrc", "1", "1", 0)
