"""`hydrapicker convert`."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.cli.main import run
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picks import Picks

PICKS = {
    "a": Picks(np.array([[10.0, 600.0], [390.0, 20.0]]), np.array([0.5, 0.25]), diameter_px=40),
    "b": Picks(np.array([[100.0, 300.0]]), np.array([0.75]), diameter_px=40),
}


def convert(*arguments: str | Path) -> int:
    return run(["convert", *map(str, arguments)])


@pytest.fixture
def stars(tmp_path: Path) -> Path:
    """A folder of two STAR files."""
    formats.write(PICKS, tmp_path / "stars", "star")
    return tmp_path / "stars"


@pytest.mark.parametrize(
    ("out", "format"),
    [("p.txt", "topaz"), ("p.csv", "csv"), ("p.star", "star-particles"), ("p.cs", "cs")],
)
def test_the_extension_tells_the_format(
    out: str, format: str, stars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(stars, tmp_path / out, "--micrograph-shape", "400x700") == 0
    assert formats.detect(tmp_path / out) == format
    picks = formats.read(tmp_path / out)
    for name, one in PICKS.items():
        np.testing.assert_allclose(picks[name].yx, one.yx, atol=1e-3)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:2]] == [["a", "2"], ["b", "1"]]
    assert lines[2] == f"3 picks on 2 micrographs written as {format} to {tmp_path / out} (1 file)"


def test_a_folder_of_boxes(stars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert(stars, tmp_path / "boxes", "--to", "box") == 2
    assert "needs a box size in pixels, and a has none: give --box PX" in capsys.readouterr().err
    assert convert(stars, tmp_path / "boxes", "--to", "box", "--box", "50") == 0
    assert (tmp_path / "boxes" / "b.box").read_text() == "275\t75\t50\t50\t0.75\n"


def test_one_file_to_one_file_flipped(stars: Path, tmp_path: Path) -> None:
    source, out = stars / "a_autopick.star", tmp_path / "a.box"
    assert convert(source, out, "--box", "20", "--flip-y", "--micrograph-shape", "400x700") == 0
    np.testing.assert_array_equal(formats.read(out)["a"].yx, [[389, 600], [9, 20]])
    assert convert(source, out, "--box", "20") == 2
    assert convert(source, out, "--box", "20", "--overwrite") == 0
    np.testing.assert_array_equal(formats.read(out)["a"].yx, [[10, 600], [390, 20]])


def test_a_bad_file_does_not_stop_the_others(
    stars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (stars / "aa.star").write_text("data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n1 oops\n")
    (stars / "notes.md").write_text("of no interest")
    assert convert(stars, tmp_path / "p.csv") == 2
    assert formats.read(tmp_path / "p.csv").keys() == PICKS.keys()
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert told[0].startswith("not converted: ")
    assert "aa.star, line 5: 'oops'" in told[0]
    assert "1 of 3 files" in told[1]


def test_a_micrograph_that_comes_twice_is_told(
    stars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    formats.write({"a": PICKS["b"]}, stars / "a.star", "star")
    assert convert(stars, tmp_path / "p.csv") == 2
    told = capsys.readouterr().err.replace("\n", " ")
    assert "a.star and " in told
    assert "a_autopick.star hold different picks of a: keep one of them" in told
    assert list(formats.read(tmp_path / "p.csv")) == ["b"], "which of them is right cannot be known"


def test_of_several_formats_the_most_exact_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `hydrapicker pick --format star,box,topaz,csv` leaves them."""
    picked = {name: Picks(one.yx + 0.375, one.score, diameter_px=40) for name, one in PICKS.items()}
    for format in ("star", "box", "topaz", "csv"):
        formats.write(picked, tmp_path / "picks", format)
    formats.write({"c": PICKS["b"]}, tmp_path / "picks", "box")
    assert convert(tmp_path / "picks", tmp_path / "p.star") == 0
    back = formats.read(tmp_path / "p.star")
    np.testing.assert_allclose(back["a"].yx, picked["a"].yx)
    assert set(back) == {"a", "b", "c"}
    assert "left out" in capsys.readouterr().err


@pytest.mark.parametrize("number", [0, 1])
def test_names_too_long_for_a_file(number: int, stars: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: list[str | Path] = [stars / "a_autopick.star", "p.csv"]
    names[number] = "x" * 300 + ".csv"
    assert convert(*names) == 2
    assert "xxx.csv: " in capsys.readouterr().err


def test_a_combined_list_is_read_once_with_its_files(tmp_path: Path) -> None:
    formats.write(PICKS, tmp_path / "relion", "star-combined")
    assert convert(tmp_path / "relion", tmp_path / "p.csv") == 0
    assert {name: len(one) for name, one in formats.read(tmp_path / "p.csv").items()} == {"a": 2, "b": 1}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the micrographs of the picks, not square; the current folder lies above it."""
    folder = tmp_path / "project"
    for name in ("a", "b", "spare"):
        (folder / "Motion" / "job002").mkdir(parents=True, exist_ok=True)
        with mrcfile.new(folder / "Motion" / "job002" / f"{name}.mrc") as file:
            file.set_data(np.zeros((400, 700), np.int8))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize("relion", [True, False])
def test_names_are_those_that_relion_knows(relion: bool, stars: Path, project: Path) -> None:
    if relion:
        (project / "default_pipeline.star").write_text("")
    mics = project / "Motion" / "job002" / "*.mrc"
    out = project / "Pick" / "job003"
    assert convert(stars, out, "--to", "star-combined", "--micrographs", mics) == 0
    lines = (out / "autopick.star").read_text().split("\n")
    where, beside = ("", "Pick/job003/") if relion else ("project/", "")
    assert f"{where}Motion/job002/a.mrc {beside}a_autopick.star" in lines
    assert f"{where}Motion/job002/b.mrc {beside}b_autopick.star" in lines
    assert formats.read(out / "autopick.star").keys() == PICKS.keys()


def test_a_list_tells_the_names(stars: Path, project: Path) -> None:
    (project / "default_pipeline.star").write_text("")
    names = ["Motion/job002/a.mrc", "Motion/job002/b.mrc"]
    path = project / "Ctf" / "micrographs_ctf.star"
    path.parent.mkdir()
    path.write_text("\n".join(["data_micrographs", "loop_", "_rlnMicrographName #1", *names, ""]))
    assert convert(stars, project / "p.star", "--micrographs", path) == 0
    rows = [line.split()[0] for line in (project / "p.star").read_text().splitlines() if "Motion" in line]
    assert rows == [names[0], names[0], names[1]]


def test_micrographs_tell_their_sizes(stars: Path, project: Path, tmp_path: Path) -> None:
    assert convert(stars, tmp_path / "p.cs", "--micrographs", project / "Motion" / "job002") == 0
    np.testing.assert_allclose(formats.read(tmp_path / "p.cs")["a"].yx, PICKS["a"].yx, atol=1e-3)


def test_micrographs_must_be_the_right_ones(
    stars: Path, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mics = project / "Motion" / "job002"
    assert convert(stars, tmp_path / "p.star", "--micrographs", mics / "spare.mrc") == 2
    assert (
        "--micrographs: none of them has the name of picks, which are those of a, b"
        in capsys.readouterr().err
    )
    assert convert(stars, tmp_path / "p.star", "--micrographs", mics / "c.mrc") == 2
    assert "c.mrc: no such file" in capsys.readouterr().err
    (project / "a.mrc").write_bytes((mics / "a.mrc").read_bytes())
    assert convert(stars, tmp_path / "p.star", "--micrographs", mics, "--micrographs", project) == 2
    assert "cannot be told which picks (a) belong to which micrographs (" in capsys.readouterr().err
    assert not (tmp_path / "p.star").exists()


def test_what_has_no_partner_is_skipped_and_listed(
    stars: Path, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mics = project / "Motion" / "job002"
    options = ("--micrographs", mics / "a.mrc", "--micrographs", mics / "spare.mrc", "--match")
    assert convert(stars, tmp_path / "p.star", *options) == 0
    assert len(formats.read(tmp_path / "p.star")["p"]) == 2
    told = capsys.readouterr()
    assert "no micrographs for b: skipped" in told.err
    assert "no picks for spare: skipped" in told.err
    lines = told.out.splitlines()
    assert lines[:3] == ["a  =  a", "b  has no micrographs", "spare  has no picks"]


def test_scores_and_other_readings(stars: Path, tmp_path: Path) -> None:
    assert convert(stars, tmp_path / "p.csv", "--scale", "2", "--swap", "--threshold", "0.4") == 0
    picks = formats.read(tmp_path / "p.csv")
    assert picks["a"].yx.tolist() == [[1200, 20]]
    assert picks["b"].yx.tolist() == [[600, 200]]


def test_one_name_in_two_folders_stays_two_micrographs(tmp_path: Path) -> None:
    for folder, name in (("grid1", "a"), ("grid2", "b")):
        formats.write({"m": PICKS[name]}, tmp_path / "in" / folder, "star")
    assert convert(tmp_path / "in", tmp_path / "p.star") == 0
    assert {name: len(one) for name, one in formats.read(tmp_path / "p.star").items()} == {
        "grid1/m": 2,
        "grid2/m": 1,
    }
    assert convert(tmp_path / "p.star", tmp_path / "out", "--to", "star") == 0
    assert len(formats.read(tmp_path / "out" / "grid2" / "m_autopick.star")["m"]) == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["out"], "does not say which format to write: give --to"),
        (["out", "--to", "ply"], "--to ply: one of "),
        (["out.csv", "--from", "ply"], "--from ply: unknown coordinate format"),
        (["out.cs"], "needs the micrographs' size"),
        (["out.cs", "--micrograph-shape", "400"], "give ROWSxCOLUMNS"),
        (["out.csv", "--flip-y"], "--flip-y needs the height of a: give --micrographs"),
        (["out.csv", "--scale", "0"], "--scale 0: give a factor"),
        (["out.csv", "--match"], "give --micrographs too"),
        (["out.csv", "--threshold", "nan"], "--threshold nan"),
        (["out.csv", "--to", "cryoppp", "--box", "30"], "needs the micrographs' size"),
        (["out.box", "--box", "-3"], "box size -3 px"),
        (["out.box", "--box", "30"], "holds one micrograph"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    arguments: list[str], problem: str, stars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(stars, tmp_path / arguments[0], *arguments[1:]) == 2
    told = capsys.readouterr().err
    assert problem in told
    assert told.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["stars"]


def test_a_folder_without_coordinates_and_a_missing_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(tmp_path, tmp_path / "p.csv") == 2
    assert "no coordinate files" in capsys.readouterr().err
    assert convert(tmp_path / "none.star", tmp_path / "p.csv") == 2
    assert "none.star: no such file" in capsys.readouterr().err


def test_real_boxes_become_a_table(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "formats" / "cryolo_box"
    assert convert(source, tmp_path / "p.star", "--flip-y", "--micrograph-shape", "4096x4096") == 0
    assert [len(one) for one in formats.read(tmp_path / "p.star").values()] == [627, 662, 711]
