"""Reading, writing and converting picks by one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.errors import CoordinateFileError, MicrographError, ParameterError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.coordinates.conversion import FrameWarning, convert, read_picks, write_picks
from napari_hydrapicker.io.coordinates.folder import LeftOutWarning
from napari_hydrapicker.io.micrograph import Micrograph, open_micrograph
from napari_hydrapicker.picks import Picks

PICKS = {
    "a": Picks(np.array([[10.0, 600.0], [390.0, 20.0]]), np.array([0.5, 0.25]), diameter_px=40),
    "b": Picks(np.array([[100.0, 300.0]]), np.array([0.75]), diameter_px=40),
}


@pytest.fixture
def stars(tmp_path: Path) -> Path:
    """A folder of two STAR files."""
    formats.write(PICKS, tmp_path / "stars", "star")
    return tmp_path / "stars"


def in_memory(name: str) -> Micrograph:
    return Micrograph.from_array(np.zeros((400, 700), np.int8), 2.0, name)


def spots(path: Path) -> np.ndarray:
    """Write a micrograph with dark spots; return their centres."""
    rng = np.random.default_rng(0)
    yx = np.stack([rng.permutation(np.arange(30, 530, 20)), rng.uniform(30, 670, 25)], axis=1).round()
    image = rng.normal(size=(560, 700)).astype(np.float32)
    rows, cols = np.ogrid[:560, :700]
    for y, x in yx:
        image -= 3 * np.exp(-((rows - y) ** 2 + (cols - x) ** 2) / 60)
    with mrcfile.new(path) as file:
        file.set_data(image)
    return yx


def test_picks_come_by_the_micrographs_names(stars: Path) -> None:
    found = read_picks(stars)
    assert list(found) == ["a", "b"]
    np.testing.assert_allclose(found["a"].yx, PICKS["a"].yx)
    np.testing.assert_allclose(found["a"].score, PICKS["a"].score)
    assert list(read_picks(str(stars / "b_autopick.star"))) == ["b"]


def test_picks_of_the_micrographs_at_hand(stars: Path) -> None:
    with pytest.warns(LeftOutWarning, match="no micrographs for a: skipped"):
        found = read_picks(stars, [in_memory("b_DW")])
    assert list(found) == ["b_DW"]
    with pytest.raises(ParameterError, match=r"^`micrographs`: none of c has the name of picks, .* a, b"):
        read_picks(stars, in_memory("c"))
    with pytest.raises(MicrographError, match="nowhere"):
        read_picks(stars, stars / "nowhere.mrc")


def test_positions_are_read_as_they_are_meant(stars: Path) -> None:
    found = read_picks(stars, shape=(400, 700), flip_y=True)
    np.testing.assert_allclose(found["b"].yx, [[299, 300]])
    np.testing.assert_allclose(read_picks(stars, swap=True, scale=2)["b"].yx, [[600, 200]])
    np.testing.assert_allclose(
        read_picks(stars, [in_memory("a"), in_memory("b")], flip_y=True)["b"].yx, [[299, 300]]
    )


def test_another_reading_that_fits_better_is_named(tmp_path: Path) -> None:
    yx = spots(tmp_path / "a.mrc")
    right, upside_down = Picks(yx), Picks(yx).flipped_y(560)
    write_picks(right, tmp_path / "right" / "a.star")
    write_picks(upside_down, tmp_path / "wrong" / "a.star")
    np.testing.assert_allclose(read_picks(tmp_path / "right", tmp_path / "a.mrc")["a"].yx, yx)
    with pytest.warns(FrameWarning, match=r"give flip_y=True, swap=False, scale=1\.0"):
        read_picks(tmp_path / "wrong", tmp_path / "a.mrc")
    np.testing.assert_allclose(read_picks(tmp_path / "wrong", tmp_path / "a.mrc", flip_y=True)["a"].yx, yx)


@pytest.mark.parametrize(
    ("out", "format"), [("p.csv", "csv"), ("p.star", "star-particles"), ("p.txt", "topaz")]
)
def test_the_extension_tells_the_format(out: str, format: str, tmp_path: Path) -> None:
    written = write_picks(PICKS, tmp_path / out)
    assert written == [tmp_path / out]
    assert formats.detect(written[0]) == format
    back = read_picks(tmp_path / out)
    for name, one in PICKS.items():
        np.testing.assert_allclose(back[name].yx, one.yx)


def test_picks_of_one_micrograph(tmp_path: Path) -> None:
    files = write_picks(PICKS["b"], tmp_path / "grid1_0001_autopick.star")
    assert list(read_picks(files[0])) == ["grid1_0001"]
    files = write_picks(PICKS["b"], tmp_path / "folder", "box", in_memory("grid2"))
    assert files == [tmp_path / "folder" / "grid2.box"]
    write_picks(PICKS["b"], tmp_path / "p.cs", micrographs=in_memory("grid2"))
    np.testing.assert_allclose(read_picks(tmp_path / "p.cs", in_memory("grid2"))["grid2"].yx, [[100, 300]])


def test_names_are_those_that_relion_knows(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "Motion").mkdir(parents=True)
    (project / "default_pipeline.star").write_text("")
    with mrcfile.new(project / "Motion" / "a.mrc") as file:
        file.set_data(np.zeros((400, 700), np.int8))
    micrograph = open_micrograph(project / "Motion" / "a.mrc")
    write_picks({"a": PICKS["a"]}, project / "p.star", "star-particles", micrograph)
    assert "Motion/a.mrc" in (project / "p.star").read_text()
    write_picks({"a": PICKS["a"]}, project / "q.star", "star-particles", in_memory("a"))
    assert "\na.mrc " in (project / "q.star").read_text()


def test_a_conversion_changes_what_it_is_told_to(stars: Path, tmp_path: Path) -> None:
    out = tmp_path / "boxes"
    with pytest.raises(ParameterError, match=r"^`format`: give one of "):
        convert(stars, out)
    written = convert(stars, out, "box", box_px=20, shape=(400, 700), flip_y=True, threshold=0.4)
    assert written == [out / "a.box", out / "b.box"]
    np.testing.assert_allclose(read_picks(out)["a"].yx, [[389, 600]])
    with pytest.raises(CoordinateFileError, match="exists"):
        convert(stars, out, "box", box_px=20)
    convert(stars, out, "box", box_px=20, overwrite=True)
    assert len(read_picks(out)["a"]) == 2


def test_a_damaged_file_is_not_passed_over(stars: Path, tmp_path: Path) -> None:
    (stars / "aa.star").write_text("data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n1 oops\n")
    for call in (lambda: read_picks(stars), lambda: convert(stars, tmp_path / "p.csv")):
        with pytest.raises(CoordinateFileError, match=r"aa\.star, line 5: 'oops'"):
            call()
    assert not (tmp_path / "p.csv").exists()


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"scale": 0}, "`scale`: 0 is not a factor"),
        ({"threshold": float("nan")}, "`threshold`: nan"),
        ({"source_format": "docx"}, "`format`: 'docx' is not one of cs, "),
        ({"format": "docx"}, "`format`: give one of .*; 'docx' is not one of them"),
        ({"format": "box"}, "`box_px`: box needs a box size in pixels, and a has none"),
        ({"flip_y": True}, "`flip_y`: needs the height of a"),
    ],
)
def test_wrong_parameters_are_named(given: dict[str, Any], complaint: str, stars: Path) -> None:
    with pytest.raises(ParameterError, match=f"^{complaint}"):
        convert(stars, stars.parent / "out.csv", **given)


@pytest.mark.parametrize(
    ("picks", "out", "micrographs", "complaint"),
    [
        ({}, "p.csv", None, "`picks`: there are none"),
        (PICKS["b"], "folder", None, "`micrographs`: files in a folder are named after them"),
        (PICKS["b"], "p.csv", [in_memory("a"), in_memory("b")], "`micrographs`: 2 for the picks of one"),
        (PICKS, "p.csv", [in_memory("a")], "`micrographs`: none of them is called b"),
    ],
)
def test_what_cannot_be_written(
    picks: Any, out: str, micrographs: Any, complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(ParameterError, match=f"^{complaint}"):
        write_picks(picks, tmp_path / out, None, micrographs)
    assert not list(tmp_path.iterdir())
