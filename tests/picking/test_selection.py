"""Micrographs chosen by ranges of their numbers, and lists without the others."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.io.lists import list_without
from napari_hydrapicker.picking.selection import select_micrographs
from napari_hydrapicker.picking.tables import read_worth
from napari_hydrapicker.picking.worth import ColumnRange
from napari_hydrapicker.picks import Picks

LIST = b"""# version 50001
data_optics
loop_
_rlnOpticsGroup #1
1
data_micrographs
loop_
_rlnMicrographName #1
_rlnDefocusU #2
_rlnDefocusV #3
_rlnOpticsGroup #4
J/a/m1.mrc 10000 12000 1
J/b/m1.mrc 30000 32000 1
  J/a/m2.mrc 20000 20000 1
J/a/new.mrc 9000 9000 1
"""
PICKS = {
    "a/m1": Picks([[10.0, 20.0], [30.0, 40.0]], np.array([0.5, 0.7], np.float32)),
    "b/m1": Picks([[10.0, 20.0]], np.array([0.9], np.float32)),
    "m2": Picks([]),
}


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    """A list of the three and one more."""
    (tmp_path / "ctf.star").write_bytes(LIST)
    return tmp_path / "ctf.star"


def test_a_list_loses_the_rows_of_excluded_micrographs_alone(listing: Path) -> None:
    found = select_micrographs(PICKS, {}, [listing], [ColumnRange("defocus_um", 1.0, 2.5)])
    assert (found.kept, found.excluded, found.listed_only) == (("a/m1", "m2"), ("b/m1", "J/a/new"), ())
    assert found.reasons[0][1] == 2
    content, n = found.list_without_excluded(listing)
    lines = LIST.splitlines(keepends=True)
    assert n == 2
    assert content == b"".join([*lines[:-3], lines[-2]])


def test_numbers_of_the_picks_the_summary_and_what_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "summary.csv").write_text("micrograph,picks,doubt\na/m1,2,0.3\nb/m1,1,\n")
    noted = read_worth(tmp_path)
    assert noted == {"a/m1": {"picks": 2.0, "doubt": 0.3}, "b/m1": {"picks": 1.0}}
    found = select_micrographs(PICKS, noted, [], [ColumnRange("doubt", high=0.2), ColumnRange("picks", 1)])
    assert (found.kept, found.excluded, found.unknown) == (("b/m1",), ("a/m1", "m2"), 1)
    assert [count for _, count in found.reasons] == [1, 1]
    with pytest.raises(ParameterError, match=r"ice is known of no micrograph .RELION's or cryoSPARC's list"):
        select_micrographs(PICKS, noted, [], [ColumnRange("ice", 1)])


def test_a_summary_that_is_damaged_is_refused(tmp_path: Path) -> None:
    (tmp_path / "summary.csv").write_text("micrograph,picks\na,many\n")
    with pytest.raises(CoordinateFileError, match=r"summary.csv: cannot be read"):
        read_worth(tmp_path)


def test_a_cs_list_keeps_its_columns(tmp_path: Path) -> None:
    rows = np.array(
        [(b">J1/x/m1.mrc", 1.5, 7), (b"J1/x/m2.mrc", 2.5, 8)],
        [("micrograph_blob/path", "S20"), ("micrograph_blob/psize_A", "<f4"), ("uid", "<u8")],
    )
    with (tmp_path / "e.cs").open("wb") as file:
        np.save(file, rows)
    content, n = list_without(tmp_path / "e.cs", lambda name: name.endswith("m1"))
    assert n == 1
    np.testing.assert_array_equal(np.load(io.BytesIO(content)), rows[1:])


def test_what_is_no_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.star").write_text("data_\nloop_\n_rlnCoordinateX #1\n1\n")
    with pytest.raises(CoordinateFileError, match="lists no micrographs"):
        list_without(tmp_path / "x.star", lambda name: True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("doubt=:0.4", ("doubt", -np.inf, 0.4)),
        (" picks = 20: ", ("picks", 20, np.inf)),
        ("defocus_um=-1:3e0", ("defocus_um", -1, 3)),
    ],
)
def test_ranges_are_read(text: str, found: tuple[str, float, float]) -> None:
    read = ColumnRange.parse(text)
    assert (read.column, read.low, read.high) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("doubt<0.4", "is no range"), ("doubt=0.4", "is no range"), ("doubt=:", "is no range"),
        ("doubt=a:1", "is no range"), ("doubt=nan:1", "is no range"), ("doubts=:1", "no column 'doubts'"),
        ("doubt=2:1", "before it begins"),
    ],
)  # fmt: skip
def test_what_is_no_range_is_refused(text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        ColumnRange.parse(text)


def test_the_ends_are_within() -> None:
    kept = ColumnRange("picks", 2, 5)
    assert [kept.excludes({"picks": n}) for n in (1, 2, 5, 6, np.nan)] == [True, False, False, True, False]
    assert not kept.excludes({})
    assert str(kept) == "picks from 2 to 5"
