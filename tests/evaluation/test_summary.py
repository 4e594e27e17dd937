"""Sizes and pixel sizes that picking noted."""

from pathlib import Path

import pytest

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.evaluation.micrograph_sizes import read_summaries
from napari_hydrapicker.io.coordinates.folder import Key

HEAD = "micrograph,picks,mean_score,pixel_size_angstrom,rows,columns,seconds,error\n"


def test_sub_folders_have_summaries_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "set1").mkdir()
    (tmp_path / "summary.csv").write_text(HEAD + "a,3,0.5,1.5,300,470,2.0,\nbroken,,,,,,,cannot be read\n")
    (tmp_path / "set1" / "summary.csv").write_text(HEAD + "a,3,0.5,2.5,100,200,2.0,\n")
    assert read_summaries(tmp_path) == {Key("", "a"): ((300, 470), 1.5), Key("set1", "a"): ((100, 200), 2.5)}


def test_an_older_summary_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "summary.csv").write_text("micrograph,picks,mean_score,pixel_size_angstrom\na,3,0.5,1.5\n")
    assert read_summaries(tmp_path) == {}
    assert read_summaries(tmp_path / "none") == {}


@pytest.mark.parametrize("values", ["wide,300,470", "1.5,-3,470", "nan,300,470", "1.5,300.5,470"])
def test_a_damaged_summary_is_named_with_its_line(tmp_path: Path, values: str) -> None:
    (tmp_path / "summary.csv").write_text(HEAD + f"a,3,0.5,{values},2.0,\n")
    with pytest.raises(CoordinateFileError, match=r"summary\.csv: line 2"):
        read_summaries(tmp_path)
