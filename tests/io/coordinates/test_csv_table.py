"""Our CSV table and CryoPPP's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.io import coordinates as formats
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
    path = shared_data / "formats" / "cryoppp_csv" / f"{name}.csv"
    truth = formats.read(path, shape_of=lambda _: (4096, 4096))[name]
    labels = formats.read(shared_data / "coordinates" / "empiar10017" / f"{name}_autopick.star")[name]
    assert truth.diameter_px == 108
    here = np.stack([4096 - truth.y, truth.x], axis=1)
    assert len(here) == len(labels) == 621
    order = [np.lexsort(np.rint(points).T) for points in (here, labels.yx)]
    np.testing.assert_allclose(here[order[0]], labels.yx[order[1]], atol=1)


def test_cryoppp_is_written_with_integers(tmp_path: Path, three_picks: Picks) -> None:
    (path,) = formats.write({"a": three_picks}, tmp_path, "cryoppp", shapes={"a": (400, 700)})
    assert path.read_text() == "X-Coordinate,Y-Coordinate,Diameter\n600,390,56\n0,1,56\n46,277,56\n"


def test_cryoppp_needs_the_height(tmp_path: Path, three_picks: Picks, save: Save) -> None:
    with pytest.raises(ParameterError, match="the micrographs' size in pixels, and that of a is not known"):
        formats.write({"a": three_picks}, tmp_path, "cryoppp")
    path = save("m_picks.csv", "X-Coordinate,Y-Coordinate\n10,20\n")
    asked: list[str] = []
    with pytest.raises(
        CoordinateFileError, match=r"m_picks\.csv: CryoPPP counts y from the lower edge.*of m is"
    ):
        formats.read(path, shape_of=lambda name: asked.append(name))
    assert asked == ["m"]
    assert formats.read(path, shape_of=lambda _: (100, 300))["m"].yx.tolist() == [[80, 10]]
    assert len(formats.read(save("n.csv", "X-Coordinate,Y-Coordinate\n"))["n"]) == 0, "nothing to turn over"


def test_cryoppp_tables_of_a_data_set_name_their_micrographs(save: Save) -> None:
    text = (
        "Particles Filename,Micrographs Filename,X-Coordinate,Y-Coordinate,Angle-Psi,Class Number,Diameter\n"
        "p1.mrc,g1/a.mrc,10,20,0,1,30\np2.mrc,b.mrc,30,40,0,1,\np3.mrc,g1/a.mrc,50,60,0,1,34\n"
    )
    shapes = {"g1/a": (100, 300), "b": (200, 300)}
    picks = formats.read(save("10017_particles_selected.csv", text), shape_of=shapes.get)
    assert picks["a"].yx.tolist() == [[80, 10], [40, 50]]
    assert picks["b"].yx.tolist() == [[160, 30]]
    assert (picks["a"].diameter_px, picks["b"].diameter_px) == (32, None)


def test_napari_saves_rows_before_columns(save: Save) -> None:
    path = save("m.csv", "index,axis-0,axis-1\n0.0,200.5,100.25\n1.0,7,9\n")
    assert formats.detect(path) == "napari-points"
    assert formats.read(path)["m"].yx.tolist() == [[200.5, 100.25], [7, 9]]
    with pytest.raises(CoordinateFileError, match="line 2: napari points with three axes"):
        formats.read(save("s.csv", "index,axis-0,axis-1,axis-2\n0,1,2,3\n"))


OURS = "micrograph,y_px,x_px,score,source,diameter_px\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (OURS + "a,1,2,0.5,picker\n", "line 2: 5 values under a header of 6"),
        (
            OURS + "a,1,2,0.5,guess,\n",
            "line 2: 'guess' is no source of picks that is known here, only picker, manual",
        ),
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
