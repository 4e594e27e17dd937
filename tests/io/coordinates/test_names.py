"""Micrographs' names in coordinate files."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.io.coordinates.base import NameIndex, check_writable_name, stem_of_picks_file


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a_autopick.star", "a"),
        ("a_manualpick.star", "a"),
        ("a_picks.csv", "a"),
        ("a_topazpicks.star", "a"),
        ("a_pick.star", "a"),
        ("a_automatch.star", "a"),
        ("toothpick.star", "toothpick"),
        ("a.mrc.box", "a"),
        ("a.tiff.mrc.box", "a"),
        ("_picks.csv", "_picks"),
    ],
)
def test_stems_of_picks_files(name: str, stem: str) -> None:
    assert stem_of_picks_file(Path("x.mrc") / name) == stem


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/", "/a", "a//b", "../a", "a/../b", "a\\b", "a\nb", " a", "a ", "\udcff"]
)
def test_names_that_cannot_be_written(name: str) -> None:
    for good in ("ä 1.5", "grid 1/a"):
        assert check_writable_name(good) == good
    with pytest.raises(ParameterError, match="cannot name a micrograph"):
        check_writable_name(name)


def test_one_name_in_two_folders_is_two_micrographs() -> None:
    index = NameIndex(Path("all.star"))
    assert index.path("one/a.mrc", "line 3") == index.path(">one/a.mrc", "line 4") == "one/a"
    assert index.path("two/a.mrc", "line 5") == "two/a"


def test_two_files_of_one_folder_and_name_are_refused() -> None:
    index = NameIndex(Path("all.star"))
    index.path("one/a.mrc", "line 3")
    with pytest.raises(CoordinateFileError, match=r"all\.star, line 5: one/a\.tif and one/a\.mrc"):
        index.path("one/a.tif", "line 5")


@pytest.mark.parametrize("name", ["", ".mrc", "a\x07.mrc"])
def test_what_names_no_micrograph(name: str) -> None:
    with pytest.raises(CoordinateFileError, match=r"line 1: .* is not a micrograph's name"):
        NameIndex(Path("a.star")).path(name, "line 1")
