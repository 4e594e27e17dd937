"""From file names to micrographs' names."""

from __future__ import annotations

import time

import pytest

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.names import (
    NameFinder,
    bare_name,
    distinct_names,
    match_names,
    micrograph_path,
    micrograph_stem,
)

UID = "004512345678901234567_"


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("MotionCorr/job002/a.b_1.mrc", "a.b_1"),
        (r"C:\data\a.MRC", "a"),
        ("000012@Extract/stack.mrcs", "stack"),
        ("a.mrc.gz", "a"),
        ("a.tiff.bz2", "a"),
        ("a.tiff.mrc", "a"),
        ("a.mrc.TIF", "a"),
        ("a.gz", "a"),
        ("a_2.5um", "a_2.5um"),  # no image's ending: kept
        (">J2/imported/a.mrc", "a"),
        (">a.mrc", "a"),
        ("folder/.mrc", ""),
        ("", ""),
    ],
)
def test_stems(name: str, stem: str) -> None:
    assert micrograph_stem(name) == micrograph_stem(stem) == stem


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        (f"{UID}FoilHole_1_Data_2_fractions_patch_aligned_doseweighted", "FoilHole_1_Data_2"),
        ("FoilHole_1_Data_2_fractions", "FoilHole_1_Data_2"),
        ("FoilHole_1_Data_2_EER", "FoilHole_1_Data_2"),
        ("a_noDW", "a"),
        ("a_DW_autopick", "a"),
        ("a_automatch", "a"),
        ("a_BoxNet2Mask_20180918", "a"),
        ("a.frames_cryolo", "a"),
        ("20240131_a", "20240131_a"),  # a date is no unique number
        ("DW", "DW"),
        ("toothpicks", "toothpicks"),
    ],
)
def test_what_programs_add_is_left_out(name: str, bare: str) -> None:
    assert bare_name(name) == bare


def test_folders_stay_in_paths() -> None:
    assert micrograph_path(r"C:\data\.\grid1\a.mrc") == "C:/data/grid1/a"
    assert micrograph_path(">J2/motioncorrected/a.mrc") == "J2/motioncorrected/a"
    assert micrograph_path("/data/../a.tif.gz") == "data/a"


def test_distinct_names_are_as_short_as_can_be() -> None:
    paths = ["p/g1/a", "p/g2/a", "x/s/b", "y/s/b", "p/g1/c", "p/g1/a"]
    assert distinct_names(paths) == ["g1/a", "g2/a", "x/s/b", "y/s/b", "c", "g1/a"]
    assert distinct_names(["a", "g/a"]) == ["a", "g/a"]
    assert distinct_names([]) == []


def matched(left: list[str], right: list[str]) -> list[tuple[str, str]]:
    return match_names({name: name for name in left}, {name: name for name in right}).pairs


def test_the_whole_name_comes_first() -> None:
    match = match_names({1: "a_DW", 2: "a", 3: "c"}, {1: "a.mrc", 2: "m/a_DW.mrc", 3: "d.mrc"})
    assert match.pairs == [(1, 2), (2, 1)]
    assert match.exact == {1, 2}
    assert (match.left_only, match.right_only, match.ambiguous) == ([3], [3], [])


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (f"J2/imported/{UID}a_patch_aligned_doseweighted.mrc", "MotionCorr/job002/Movies/a_fractions.mrc"),
        (f">J2/imported/{UID}a.mrc", "a"),
        (f"{UID}a", "005512345678901234567_a"),  # two imports of one file
        ("a_automatch", "a.tif"),
        ("a_autopick_cryolo", "a_DW"),
    ],
)
def test_then_the_name_without_prefixes_and_suffixes(left: str, right: str) -> None:
    match = match_names({1: left}, {2: right})
    assert (match.pairs, match.exact) == ([(1, 2)], set())


def test_letters_with_marks_are_the_same_however_they_are_stored() -> None:
    whole, apart = "Gr\u00fcn_1", "Gru\u0308n_1"
    assert match_names({1: apart}, {2: whole}).pairs == [(1, 2)]
    both = match_names({1: apart, 2: whole}, {3: whole})
    assert both.pairs == [(2, 3)], "the whole name comes first"


def test_folders_tell_one_name_apart() -> None:
    assert matched(["x/a", "y/a", "y/c"], ["x/a.mrc", "y/a.mrc", "y/b.mrc"]) == [
        ("x/a", "x/a.mrc"),
        ("y/a", "y/a.mrc"),
    ]
    assert matched(["set1/CBOX/a"], ["/d/set2/m/a.mrc", "/d/set1/m/a.mrc"]) == [
        ("set1/CBOX/a", "/d/set1/m/a.mrc")
    ]
    flat, deep = ["a", "b"], ["x/a", "y/b"]
    assert matched(flat, deep) == [("a", "x/a"), ("b", "y/b")]
    assert matched(deep, flat) == [("x/a", "a"), ("y/b", "b")]


def test_what_cannot_be_told_apart_is_refused() -> None:
    for left, right in ((["a"], ["x/a", "y/a"]), (["x/a", "y/a"], ["a"]), (["a"], ["a_DW", "a_noDW"])):
        match = match_names(dict(enumerate(left)), dict(enumerate(right)))
        assert match.pairs == match.left_only == match.right_only == []
        told = rf"which picks \({', '.join(left)}\) belong to which micrographs \({', '.join(right)}\)"
        with pytest.raises(ParameterError, match=told):
            match.check_unambiguous("picks", "micrographs")


def test_that_all_others_are_taken_pairs_nothing() -> None:
    match = match_names(dict(enumerate(["x/a", "a"])), dict(enumerate(["x/a", "y/a"])))
    assert match.pairs == [(0, 0)]
    assert match.ambiguous == [([1], [1])]


def test_thousands_of_one_name_are_matched_at_once() -> None:
    left = {i: f"J{i}/micrographs/sum.mrc" for i in range(3000)}
    right = {i: f"/data/project/J{i}/micrographs/sum" for i in range(3000)}
    start = time.perf_counter()
    assert match_names(left, right).pairs == [(i, i) for i in range(3000)]
    assert time.perf_counter() - start < 5


def test_what_was_matched_is_shown_and_what_was_not_listed() -> None:
    match = match_names({1: "a", 2: "b_autopick", 3: "c"}, {1: "a.mrc", 2: "b.mrc", 3: "d", 4: "e"})
    assert match.lines("picks", "micrographs") == [
        "a  =  a",
        "b_autopick  =  b  (without prefixes and suffixes)",
        "c  has no micrographs",
        "d  has no picks",
        "e  has no picks",
    ]
    assert match.skipped("picks", "micrographs") == [
        "no micrographs for c: skipped",
        "no picks for d, e: skipped",
    ]


def test_one_of_many_is_found_by_the_same_rule() -> None:
    finder = NameFinder({1: "g1/a.mrc", 2: "g2/a.mrc", 3: "b_DW.mrc", 4: "b.mrc", 5: f"{UID}c.mrc"})
    assert finder.candidates("x/g2/a") == [2]
    assert finder.candidates("a") == [1, 2]
    assert finder.candidates("b") == [4]
    assert finder.candidates("c_autopick") == [5]
    assert finder.candidates("d") == []
