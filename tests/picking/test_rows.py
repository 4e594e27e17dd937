"""The table of micrographs that picking leaves behind."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.picking.rows import SUMMARY_COLUMNS, Row, write_summary
from napari_hydrapicker.picks import Picks

PICKS = Picks(np.array([[1.0, 2], [3, 4]]), np.array([0.5, 1.0]))


def read(folder: Path) -> list[dict[str, str]]:
    with (folder / "summary.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_summary_has_a_row_for_each_micrograph(tmp_path: Path) -> None:
    rows = [
        Row("a, b", 1.77, PICKS, 1.234, shape=(60, 100)),
        Row("none", 2.0, Picks.from_xy([], []), 0.5, shape=(60, 100)),
        Row("bad", error="bad.mrc: damaged\nnext line"),
    ]
    write_summary(rows, tmp_path)
    table = read(tmp_path)
    assert [tuple(row) for row in table] == 3 * [SUMMARY_COLUMNS]
    assert list(table[0].values()) == ["a, b", "2", "0.7500", "1.77", "60", "100", "1.23", ""]
    assert list(table[1].values()) == ["none", "0", "", "2", "60", "100", "0.50", ""]
    assert list(table[2].values()) == ["bad", "", "", "", "", "", "", "bad.mrc: damaged\nnext line"]


def test_others_are_kept_if_asked(tmp_path: Path) -> None:
    write_summary([Row("a", 2.0, PICKS, 7.0), Row("b", 2.0, PICKS, 8.0), Row("bad", error="bad")], tmp_path)
    write_summary([Row("b", 2.0, PICKS), Row("c", 2.0, PICKS, 9.0)], tmp_path, keep={"a", "b", "bad"})
    assert [(row["micrograph"], row["seconds"]) for row in read(tmp_path)] == [
        ("a", "7.00"), ("b", "8.00"), ("c", "9.00"),
    ]  # fmt: skip
    write_summary([Row("c", 2.0, PICKS)], tmp_path, keep={"a"})  # c was picked anew: its time is not known
    assert [(row["micrograph"], row["seconds"]) for row in read(tmp_path)] == [("a", "7.00"), ("c", "")]
    write_summary([Row("d", 2.0, PICKS, 9.0)], tmp_path)
    assert [row["micrograph"] for row in read(tmp_path)] == ["d"]


def test_a_summary_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "summary.csv").mkdir()
    with pytest.raises(CoordinateFileError, match=r"summary\.csv: cannot be written"):
        write_summary([Row("a", 2.0, PICKS)], tmp_path)


def test_a_damaged_summary_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "summary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CoordinateFileError, match="cannot be read"):
        write_summary([Row("a", 2.0, PICKS)], tmp_path, keep={"a"})
