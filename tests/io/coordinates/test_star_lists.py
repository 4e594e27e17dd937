"""RELION's lists of coordinate files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io.coordinates.star_lists import LISTED, MICROGRAPH, is_list, listed_files
from napari_hydrapicker.io.coordinates.star_syntax import StarTable

Save = Callable[[str, str | bytes], Path]

LIST = "data_coordinate_files\nloop_\n_rlnMicrographName #1\n_rlnMicrographCoordinates #2\n"


@pytest.mark.parametrize(
    ("columns", "expected"),
    [((LISTED, "rlnOther", MICROGRAPH), True), ((MICROGRAPH,), False), ((LISTED,), False)],
)
def test_a_list_has_names_and_files(columns: tuple[str, ...], expected: bool) -> None:
    assert is_list(StarTable("", 1, columns, iter(()))) is expected


def test_files_are_found_from_the_project_that_the_list_is_in(save: Save) -> None:
    star = save("project/AutoPick/job006/raw/a_autopick.star", "")
    box = save("project/Import/c.box", "")
    path = save(
        "project/AutoPick/job006/autopick.star",
        LIST
        + "MotionCorr/raw/a.mrc AutoPick/job006/raw/a_autopick.star\n"
        + "MotionCorr/raw/c.mrc Import/c.box\n",
    )
    assert listed_files(path) == {"MotionCorr/raw/a": star, "MotionCorr/raw/c": box}


def test_the_nearest_file_is_taken(save: Save) -> None:
    save("raw/a.star", "")
    near = save("job/raw/a.star", "")
    assert listed_files(save("job/list.star", LIST + "a.mrc raw/a.star\n")) == {"a": near}


def test_other_tables_list_nothing(save: Save) -> None:
    path = save("a.star", "data_\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n1 2\n")
    assert listed_files(path) == {}


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("a.mrc none.star\n", "line 5: none.star is neither beside"),
        ("a.mrc list.star\n", "line 5: list.star is neither beside"),
        ("a.mrc x.star\na.mrc x.star\n", "line 6: micrograph a.mrc is listed twice"),
        (f"a.mrc {'n' * 300}\n", "line 5: 'n.* is not a file's name"),
        ("m/a.mrc x.star\nm/a.tif x.star\n", "line 6: m/a.tif and m/a.mrc are two micrographs"),
    ],
)
def test_damage_is_named_with_its_line(rows: str, problem: str, save: Save) -> None:
    save("x.star", "")
    with pytest.raises(CoordinateFileError, match=rf"list\.star, {problem}"):
        listed_files(save("list.star", LIST + rows))
