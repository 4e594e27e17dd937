"""RELION's STAR files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import starfile

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picks import Picks, Source

Save = Callable[[str, str | bytes], Path]

HEADER = "data_\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n"


def test_minus_999_is_no_score_and_crlf_is_no_trouble(shared_data: Path) -> None:
    path = shared_data / "formats" / "cassper_star" / "TcdA1-0018_frames.star"
    picks = formats.read(path)["TcdA1-0018_frames"]
    assert b"\r\n" in path.read_bytes()
    assert np.isnan(picks.score).all()
    np.testing.assert_array_equal(picks.yx[0], [3945, 2369])
    np.testing.assert_array_equal(picks.yx[-1], [299, 909])
    assert (picks.source == Source.IMPORTED).all()


def test_real_labels_are_as_starfile_reads_them(shared_data: Path) -> None:
    for path in sorted((shared_data / "coordinates").rglob("*_autopick.star")):
        table = starfile.read(path)
        (name, picks), *rest = formats.read(path).items()
        assert (rest, f"{name}_autopick.star") == ([], path.name)
        np.testing.assert_array_equal(picks.x, table["rlnCoordinateX"])
        np.testing.assert_array_equal(picks.y, table["rlnCoordinateY"])


def test_starfile_reads_what_we_write(tmp_path: Path, three_picks: Picks) -> None:
    (path,) = formats.write({"a": three_picks}, tmp_path, "star")
    table = starfile.read(path)
    assert list(table.columns) == [
        "rlnCoordinateX",
        "rlnCoordinateY",
        "rlnClassNumber",
        "rlnAnglePsi",
        "rlnAutopickFigureOfMerit",
    ]
    np.testing.assert_allclose(table["rlnCoordinateX"], three_picks.x, atol=1e-6)
    np.testing.assert_allclose(table["rlnCoordinateY"], three_picks.y, atol=1e-6)
    assert table["rlnAutopickFigureOfMerit"].tolist()[:2] == [0.875, -999]
    assert (table["rlnClassNumber"] == 0).all()
    assert (table["rlnAnglePsi"] == 0).all()


def test_we_read_what_starfile_writes(tmp_path: Path, three_picks: Picks) -> None:
    import pandas as pd

    optics = pd.DataFrame({"rlnOpticsGroupName": ["og 1", "og2"], "rlnVoltage": [300.0, 200.0]})
    particles = pd.DataFrame(
        {
            "rlnAutopickFigureOfMerit": [0.5, 0.25, -999.0],
            "rlnCoordinateY": three_picks.y,
            "rlnMicrographName": ["m/a.mrc", "m/b.mrc", "m/a.mrc"],
            "rlnCoordinateX": three_picks.x,
        }
    )
    path = tmp_path / "particles.star"
    starfile.write({"optics": optics, "particles": particles}, path)
    assert formats.detect(path) == "star-particles"
    picks = formats.read(path)
    assert list(picks) == ["a", "b"]
    np.testing.assert_allclose(picks["a"].yx, three_picks.yx[[0, 2]], atol=1e-6)
    np.testing.assert_array_equal(picks["a"].score, [0.5, np.nan])


def test_a_single_row_may_be_written_as_pairs(save: Save) -> None:
    path = save("a.star", "data_\n_rlnCoordinateX 5\n_rlnCoordinateY 7\n")
    np.testing.assert_array_equal(formats.read(path)["a"].yx, [[7, 5]])


def test_the_combined_list_is_read_from_a_project(save: Save, tmp_path: Path) -> None:
    save("project/AutoPick/job006/raw/a_autopick.star", HEADER + "5 7\n")
    save("project/AutoPick/job006/raw/b_autopick.star", HEADER)
    save("project/Import/c.box", "10 20 8 8\n")
    path = save(
        "project/AutoPick/job006/autopick.star",
        "data_coordinate_files\nloop_\n_rlnMicrographName #1\n_rlnMicrographCoordinates #2\n"
        "MotionCorr/raw/a.mrc AutoPick/job006/raw/a_autopick.star\n"
        "MotionCorr/raw/b.mrc AutoPick/job006/raw/b_autopick.star\n"
        "MotionCorr/raw/c.mrc Import/c.box\n",
    )
    assert formats.detect(path) == "star-combined"
    picks = formats.read(path)
    assert {name: one.yx.tolist() for name, one in picks.items()} == {
        "a": [[7, 5]],
        "b": [],
        "c": [[24, 14]],
    }


def test_a_combined_list_names_paths_from_the_project(tmp_path: Path, three_picks: Picks) -> None:
    project, out = tmp_path / "project", tmp_path / "project" / "External" / "job009"
    names = {"a": "MotionCorr/raw/a.mrc"}
    two = {"a": three_picks, "b": three_picks.select([1])}
    formats.write(two, out, "star-combined", project_dir=project, micrograph_names=names)
    table = starfile.read(out / "autopick.star", always_dict=True)["coordinate_files"]
    assert table["rlnMicrographName"].tolist() == ["MotionCorr/raw/a.mrc", "b.mrc"]
    assert table["rlnMicrographCoordinates"].tolist() == [
        "External/job009/a_autopick.star",
        "External/job009/b_autopick.star",
    ]
    assert {name: len(one) for name, one in formats.read(out / "autopick.star").items()} == {"a": 3, "b": 1}


LIST = "data_coordinate_files\nloop_\n_rlnMicrographName #1\n_rlnMicrographCoordinates #2\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (HEADER + "1 2 3\n", "line 5: 3 values"),
        (HEADER + "1 x\n", "line 5: 'x' is no usable coordinate"),
        (HEADER + "1 2\nnan 3\n", "line 6: 'nan' is no usable coordinate"),
        (HEADER + "1e300 3\n", "line 5: '1e300' is no usable coordinate"),
        (HEADER + "-inf 3\n", "line 5: '-inf' is no usable coordinate"),
        (HEADER + "1_0 3\n", "line 5: '1_0' is no usable coordinate"),
        (HEADER + "_rlnAutopickFigureOfMerit\n1 2 inf\n", "line 6: 'inf' is no usable score"),
        (HEADER + "_rlnMicrographName\n1 2 a/m.mrc\n1 2 a/m.tif\n", "line 7: a/m.tif and a/m.mrc are two"),
        (HEADER + "_rlnMicrographName\n1 2 folder/\n3 4 .mrc\n", "line 7: '.mrc' is not a micrograph"),
        (HEADER + "_rlnCoordinateZ\n1 2 3\n4 5 6\n", "line 7: positions in a tomogram"),
        (HEADER + "_rlnTomoName\n1 2 TS_01\n", "line 6: positions in a tomogram"),
        ("data_\n_rlnMicrographName a.mrc\n", "no table with rlnCoordinateX"),
    ],
)
def test_damage_is_named_with_its_line(text: str, problem: str, save: Save) -> None:
    save("x.star", HEADER)
    with pytest.raises(CoordinateFileError, match=problem):
        formats.read(save("list.star", text), "star")


def test_one_slice_is_a_micrograph(save: Save) -> None:
    path = save("x.star", HEADER + "_rlnCoordinateZ\n1 2 0\n4 5 0\n")
    assert formats.read(path)["x"].yx.tolist() == [[2, 1], [5, 4]]


def test_lists_do_not_nest(save: Save) -> None:
    save("inner.star", LIST)
    with pytest.raises(CoordinateFileError, match="itself a list"):
        formats.read(save("outer.star", LIST + "a.mrc inner.star\n"))
