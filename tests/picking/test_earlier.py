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
    assert Earlier(tmp_path, chosen).picks(name, 31) is None
    for format in chosen:
        formats.write({name: PICKS}, tmp_path, format)
    found = Earlier(tmp_path, chosen).picks(name, 31)
    assert found is not None
    np.testing.assert_allclose(found.yx, PICKS.yx)
    assert found.score.tolist() == PICKS.score.tolist()
    assert set(found.source.tolist()) == {Source.PICKER}
    assert found.diameter_px == 31
    assert Earlier(tmp_path, chosen).picks("other", 31) is None


def test_other_files_may_be_asked_for(tmp_path: Path) -> None:
    formats.write({"a": PICKS}, tmp_path, "star")
    picture = tmp_path / "a.png"
    assert Earlier(tmp_path, ["star"]).picks("a", 31, [picture]) is None
    picture.write_bytes(b"")
    assert Earlier(tmp_path, ["star"]).picks("a", 31, [picture]) is not None


def test_no_particles_were_found_before(tmp_path: Path) -> None:
    formats.write({"a": Picks.from_xy([], [])}, tmp_path, "box")
    found = Earlier(tmp_path, ["box"]).picks("a", 31)
    assert found is not None
    assert len(found) == 0


def test_a_damaged_table_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "picks.csv").write_text("micrograph,y_px,x_px\na,1,oops\n")
    with pytest.raises(CoordinateFileError, match=r"picks\.csv, line 2: 'oops'"):
        Earlier(tmp_path, ["csv"])
