"""Micrographs' names in coordinate files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.formats._names import (
    StemIndex,
    check_writable_name,
    stem_of_picks_file,
)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a_autopick.star", "a"),
        ("a_manualpick.star", "a"),
        ("a_picks.csv", "a"),
        ("a_topazpicks.star", "a"),
        ("a_pick.star", "a"),
        ("toothpick.star", "toothpick"),
        ("a.mrc.box", "a"),
        ("a.tiff.mrc.box", "a"),
        ("_picks.csv", "_picks"),
    ],
)
def test_stems_of_picks_files(name: str, stem: str) -> None:
    assert stem_of_picks_file(Path("x.mrc") / name) == stem


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\nb", " a", "a ", "\udcff"])
def test_names_that_cannot_be_written(name: str) -> None:
    assert check_writable_name("ä 1.5") == "ä 1.5"
    with pytest.raises(ParameterError, match="cannot name a micrograph"):
        check_writable_name(name)


def test_two_micrographs_of_one_stem_are_refused() -> None:
    index = StemIndex(Path("all.star"))
    assert index.stem("one/a.mrc", "line 3") == index.stem("one/a.mrc", "line 4") == "a"
    with pytest.raises(CoordinateFileError, match=r"all\.star, line 5: two/a\.mrc and one/a\.mrc"):
        index.stem("two/a.mrc", "line 5")


def test_a_prefix_is_dropped_at_the_start_only() -> None:
    index = StemIndex(Path("a.cs"), re.compile(r"\d{5,}_"))
    assert index.stem("00123456_a_00123456_b.mrc", "record 1") == "a_00123456_b"


@pytest.mark.parametrize("name", ["", ".mrc", "a\x07.mrc"])
def test_what_names_no_micrograph(name: str) -> None:
    with pytest.raises(CoordinateFileError, match=r"line 1: .* is not a micrograph's name"):
        StemIndex(Path("a.star")).stem(name, "line 1")
