"""EMAN's .box files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picks import Picks

Save = Callable[[str, str | bytes], Path]


# The 15_33_42 labels are on an image binned by 2, where x' = (x + 0.5) / 2 - 0.5.
@pytest.mark.parametrize(("stem", "binning"), [("15_17_31_0", 1), ("15_30_21_0", 1), ("15_33_42_0", 2)])
@pytest.mark.parametrize(("picker", "fraction"), [("cryolo", 0.8), ("topaz", 0.62)])
def test_published_picks_hit_the_labels(
    picker: str, fraction: float, stem: str, binning: int, shared_data: Path
) -> None:
    name = f"Falcon_2012_06_12-{stem}"
    picks = formats.read(shared_data / "formats" / f"{picker}_box" / f"{name}.box")[name]
    # The picks were made on the original images, the labels mirrored with y -> 4096 - y.
    yx = np.stack([4096 - picks.y, picks.x], axis=1)
    labels = formats.read(shared_data / "coordinates" / "empiar10017" / f"{name}_autopick.star")[name]
    label_yx = (labels.yx + 0.5) * binning - 0.5
    distance, nearest = cKDTree(label_yx).query(yx)
    hits = distance < 25
    assert round(hits.mean(), 2) >= fraction
    assert np.abs(np.median(yx[hits] - label_yx[nearest[hits]], axis=0)).max() <= 1
    assert picks.diameter_px == 180


def test_the_real_files_are_as_a_plain_parse_has_them(shared_data: Path) -> None:
    path = shared_data / "formats" / "cryolo_box" / "Falcon_2012_06_12-15_17_31_0.box"
    table = np.loadtxt(path)
    picks = formats.read(path)[path.stem]
    np.testing.assert_array_equal(picks.x, table[:, 0] + 90)
    np.testing.assert_array_equal(picks.y, table[:, 1] + 90)
    np.testing.assert_array_equal(picks.score, table[:, 4].astype(np.float32))
    assert 0.3 <= picks.score.min() < picks.score.max() <= 0.9


def test_boxes_are_integers_of_lower_corners(tmp_path: Path, three_picks: Picks) -> None:
    (path,) = formats.write({"a": three_picks}, tmp_path, "box", box_px=31)
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    assert [line[:4] for line in lines] == [
        ["585", "-5", "31", "31"],  # 600.5 - 15.5, 10.25 - 15.5
        ["-16", "384", "31", "31"],  # -15.5 and 383.5, halves to even
        ["30", "108", "31", "31"],
    ]
    assert [float(line[4]) for line in lines] == pytest.approx([0.875, np.nan, 1e-7], nan_ok=True)


def test_the_box_is_the_diameter_unless_given(tmp_path: Path, three_picks: Picks) -> None:
    (path,) = formats.write({"a": three_picks}, tmp_path, "box")
    assert {line.split()[2] for line in path.read_text().splitlines()} == {"56"}


def test_without_scores_there_are_four_columns(tmp_path: Path) -> None:
    (path,) = formats.write({"a": Picks(np.array([[5.0, 9.0]]))}, tmp_path, "box", box_px=4)
    assert path.read_text() == "7\t3\t4\t4\n"


def test_spaces_floats_and_oblong_boxes_are_read(save: Save) -> None:
    picks = formats.read(save("a.box", " 10.5   20 30 50.0 \n\n1e1 2 30 50\r\n"))["a"]
    np.testing.assert_array_equal(picks.yx, [[45, 25.5], [27, 25]])
    assert np.isnan(picks.score).all()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1 2 30 30\n1 2 30\n", "line 2: 3 values"),
        ("1 2 30 30 0.5\n1 2 30 3\n", "line 2: 4 values where the lines above have 5"),
        ("1 2 30 30\n1 2 0 30\n", "line 2: '0' is no size"),
        ("1 2 30 30\nx 2 30 30\n", "line 2: 'x' is no usable coordinate"),
        ("1 2 30 1e9\n", "line 1: '1e9' is no usable size"),
        ("1 2 30 30 1e39\n", "line 1: '1e39' is no usable score"),
    ],
)
def test_damage_is_named_with_its_line(text: str, problem: str, save: Save) -> None:
    with pytest.raises(CoordinateFileError, match=problem):
        formats.read(save("a.box", text))
