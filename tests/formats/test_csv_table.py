"""Our CSV table and CryoPPP's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_hydrapicker import formats
from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.picks import Picks, Source

Save = Callable[[str, str | bytes], Path]


def test_ours_keeps_everything(tmp_path: Path, three_picks: Picks) -> None:
    two = {'odd, "name"': three_picks, "none": Picks(np.empty((0, 2)), diameter_px=9.5)}
    (path,) = formats.write(two, tmp_path / "picks.csv", "csv")
    picks = formats.read(path)
    assert list(picks) == list(two)
    for name, before in two.items():
        np.testing.assert_array_equal(picks[name].yx, before.yx)
        np.testing.assert_array_equal(picks[name].score, before.score)
        np.testing.assert_array_equal(picks[name].source, before.source)
        assert picks[name].diameter_px == before.diameter_px


def test_ours_is_plain_to_pandas(tmp_path: Path, three_picks: Picks) -> None:
    (path,) = formats.write({"a": three_picks}, tmp_path / "picks.csv", "csv")
    table = pd.read_csv(path)
    assert list(table.columns) == ["micrograph", "y_px", "x_px", "score", "source", "diameter_px"]
    assert table["source"].tolist() == ["picker", "manual", "moved"]
    np.testing.assert_array_equal(table[["y_px", "x_px"]], three_picks.yx)


def test_a_short_table_of_ours_is_enough(save: Save) -> None:
    picks = formats.read(save("t.csv", "x_px,micrograph,y_px\n5,m.mrc,7\n"))["m"]
    np.testing.assert_array_equal(picks.yx, [[7, 5]])
    assert picks.source.tolist() == [Source.IMPORTED]
    assert picks.diameter_px is None


def test_cryoppp_ground_truth_is_the_flipped_labels(shared_data: Path) -> None:
    name = "Falcon_2012_06_12-15_17_31_0"
    truth = formats.read(shared_data / "formats" / "cryoppp_csv" / f"{name}.csv")[name]
    labels = formats.read(shared_data / "coordinates" / "empiar10017" / f"{name}_autopick.star")[name]
    assert truth.diameter_px == 108
    here = np.stack([4096 - truth.y, truth.x], axis=1)
    assert len(here) == len(labels) == 621
    order = [np.lexsort(np.rint(points).T) for points in (here, labels.yx)]
    np.testing.assert_allclose(here[order[0]], labels.yx[order[1]], atol=1)


def test_cryoppp_is_written_with_integers(tmp_path: Path, three_picks: Picks) -> None:
    (path,) = formats.write({"a": three_picks}, tmp_path, "cryoppp")
    assert path.read_text() == "X-Coordinate,Y-Coordinate,Diameter\n600,10,56\n0,399,56\n46,123,56\n"


OURS = "micrograph,y_px,x_px,score,source,diameter_px\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (OURS + "a,1,2,0.5,picker\n", "line 2: 5 values under a header of 6"),
        (OURS + "a,1,2,0.5,guess,\n", "line 2: 'guess' is no source of picks; one of picker, manual"),
        (OURS + "a,1,2,,,50\na,1,2,,,60\n", "line 3: diameter 60, but 50.0 above"),
        (OURS + "a,1,,,,\n", "line 2: '' is no usable coordinate"),
        (OURS + "a,1,nan,,,\n", "line 2: 'nan' is no usable coordinate"),
        (OURS + ",1,2,,,\n", "line 2: '' is not a micrograph's name"),
        (OURS + '"a,1,2,,,\n', "line 2: not comma-separated values"),
        ("micrograph,x_px\n", "line 1: no column y_px"),
        ("", "is empty"),
    ],
)
def test_damage_is_named_with_its_line(text: str, problem: str, save: Save) -> None:
    with pytest.raises(CoordinateFileError, match=problem):
        formats.read(save("a.csv", text), "csv")
