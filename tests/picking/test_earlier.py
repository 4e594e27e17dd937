"""Going on from what an earlier run has written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker import formats
from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.picking.earlier import Earlier
from napari_hydrapicker.picks import Picks, Source

PICKS = Picks(np.array([[10.25, 80.5], [30, 40]]), np.array([0.75, 0.5]), diameter_px=31)


@pytest.mark.parametrize("name", ["a", "a_picks", "b.c"])
@pytest.mark.parametrize("chosen", [["star"], ["box", "cbox"], ["csv"], ["star-combined"], ["topaz", "csv"]])
def test_picks_are_read_back(name: str, chosen: list[str], tmp_path: Path) -> None:
    done = {name, "other"}
    assert Earlier(tmp_path, chosen, done).picks(name, 31) is None
    for format in chosen:
        formats.write({name: PICKS}, tmp_path, format)
    found = Earlier(tmp_path, chosen, done).picks(name, 31)
    assert found is not None
    np.testing.assert_allclose(found.yx, PICKS.yx)
    assert found.score.tolist() == PICKS.score.tolist()
    assert set(found.source.tolist()) == {Source.PICKER}
    assert found.diameter_px == 31
    assert Earlier(tmp_path, chosen, done).picks("other", 31) is None


@pytest.mark.parametrize("chosen", [["star"], ["csv"]])
def test_files_of_what_is_not_done_do_not_count(chosen: list[str], tmp_path: Path) -> None:
    formats.write({"a": PICKS, "b": PICKS}, tmp_path, chosen[0])
    earlier = Earlier(tmp_path, chosen, {"a": 2.0})
    assert earlier.picks("a", 31) is not None
    assert earlier.picks("b", 31) is None


def test_a_table_gives_back_what_boxes_round(tmp_path: Path) -> None:
    formats.write({"a": PICKS, "b": PICKS}, tmp_path, "csv")
    formats.write({"a": PICKS}, tmp_path, "box")
    moved = Picks(PICKS.yx + np.array([[0, 0], [0, 9.5]]), PICKS.score, diameter_px=31)
    formats.write({"b": moved}, tmp_path, "box")  # the table is of a run before
    earlier = Earlier(tmp_path, ["box", "csv"], {"a", "b"})
    same, other = earlier.picks("a", 31), earlier.picks("b", 31)
    assert same is not None
    assert other is not None
    assert same.yx.tolist() == PICKS.yx.tolist()
    np.testing.assert_allclose(other.yx, moved.yx, atol=1)


def test_other_files_may_be_asked_for(tmp_path: Path) -> None:
    formats.write({"a": PICKS}, tmp_path, "star")
    picture = tmp_path / "a.png"
    assert Earlier(tmp_path, ["star"], {"a"}).picks("a", 31, [picture]) is None
    picture.write_bytes(b"")
    assert Earlier(tmp_path, ["star"], {"a"}).picks("a", 31, [picture]) is not None


def test_no_particles_were_found_before(tmp_path: Path) -> None:
    formats.write({"a": Picks.from_xy([], [])}, tmp_path, "box")
    found = Earlier(tmp_path, ["box"], {"a"}).picks("a", 31)
    assert found is not None
    assert len(found) == 0


def test_a_damaged_table_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "picks.csv").write_text("micrograph,y_px,x_px\na,1,oops\n")
    with pytest.raises(CoordinateFileError, match=r"picks\.csv, line 2: 'oops'"):
        Earlier(tmp_path, ["csv"], {"a"})
