"""`hydrapicker evaluate` from files to table, plot and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.cli import main as cli
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picks import Picks

TRUTH = np.array([[60.0, 200.0], [100.0, 40.0], [30.0, 120.0], [90.0, 260.0]])


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Two micrographs in two data sets, 128 x 320 px; picks in a flat folder, twice the pixels in `b`."""
    for name, factor, shift in (("a", 1, (1.0, -2.0)), ("b", 2, (2.0, -4.0))):
        yx = TRUTH * factor
        formats.write({name: Picks(yx)}, tmp_path / "truth" / f"set_{name}", "star")
        found = np.concatenate([yx[:3] + shift, [[20.0 * factor, 20.0 * factor]]])
        formats.write({name: Picks(found, np.array([0.9, 0.8, 0.3, 0.5]))}, tmp_path / "picks", "star")
        (tmp_path / "images").mkdir(exist_ok=True)
        with mrcfile.new(tmp_path / "images" / f"{name}.mrc") as file:
            file.set_data(np.zeros((128 * factor, 320 * factor), np.int8))
            file.voxel_size = 4.0 / factor
    return tmp_path


def arguments(folder: Path, *more: str) -> list[str]:
    fixed = ["--picks", str(folder / "picks"), "--truth", str(folder / "truth"), "--diameter", "84"]
    return ["evaluate", *fixed, *more]


def test_table_json_and_plot(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--micrographs", str(folders / "images"), "--json", str(folders / "out.json")]
    assert cli.run(arguments(folders, *more, "--plot", str(folders / "pr.png"))) == 0
    output = capsys.readouterr().out
    for words in ("set_a", "set_b", "pooled", "IoU > 0.6", "d/4", "+1.00", "-2.00"):
        assert words in output
    assert "Note" not in output
    numbers = json.loads((folders / "out.json").read_text())
    # In `b` pixels and offsets are twice as many, and the same in Angstrom: all sets agree.
    for scores in (*numbers["sets"], numbers["pooled"]):
        assert scores["iou"]["ap"] == pytest.approx(2 / 4 + 3 / 4 / 4)
        assert scores["iou"]["best"]["threshold"] == pytest.approx(0.3)
        assert scores["iou"]["offset_wpx"] == pytest.approx([1.0, -2.0])
        # 8 x 20 cells, 156 negatives; one false pick comes before the third true one.
        assert scores["iou"]["aroc"] == pytest.approx(3 / 4 - 1 / 4 / 156)
    assert [scores["iou"]["offset_px"] for scores in numbers["micrographs"]] == [[1, -2], [2, -4]]
    assert numbers["pooled"]["iou"]["offset_px"] == [None, None]
    assert (folders / "pr.png").read_bytes().startswith(b"\x89PNG")


def test_what_picking_noted_stands_for_the_micrographs(folders: Path) -> None:
    lines = ["micrograph,pixel_size_angstrom,rows,columns", "a,4.0,128,320", "b,2.0,256,640"]
    (folders / "picks" / "summary.csv").write_text("\n".join(lines))
    assert cli.run(arguments(folders, "--json", str(folders / "noted.json"))) == 0
    given = ["--micrographs", str(folders / "images"), "--json", str(folders / "given.json")]
    assert cli.run(arguments(folders, *given)) == 0
    assert (folders / "noted.json").read_text() == (folders / "given.json").read_text()


def test_without_micrographs(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folders / "truth" / "set_b" / "b_autopick.star").rename(folders / "truth" / "set_b" / "c.star")
    assert cli.run(arguments(folders, "--pixel-size", "4", "--by-micrograph")) == 0
    output = capsys.readouterr().out
    assert "no picks for c: skipped" in output
    assert "no true particles for b: skipped" in output
    assert "outermost coordinate" in output
    assert "pooled" not in output


@pytest.mark.filterwarnings("always:.* is taken")
def test_a_pixel_size_that_is_not_the_micrographs_is_doubted(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folders / "images" / "b.mrc").unlink()
    for path in ("truth/set_b/b_autopick.star", "picks/b_autopick.star"):
        (folders / path).unlink()
    given = ["--micrographs", str(folders / "images"), "--pixel-size", "2"]
    assert cli.run(arguments(folders, *given)) == 0
    assert "the file states 4 A per pixel, but --pixel-size 2 is taken" in capsys.readouterr().err


def test_long_names_cut_off_nothing(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "x" * 150
    assert cli.run(arguments(folders, "--pixel-size", "4", "--set", f"{name}=*")) == 0
    output = capsys.readouterr().out
    assert name in output
    assert "+1.50" in output  # by distance: the mean of 1 (in `a`) and 2 (in `b`)
    assert "…" not in output


def test_named_sets(folders: Path) -> None:
    more = [
        "--pixel-size",
        "4",
        "--set",
        "first=[a-a]",
        "--set",
        "second=*",
        "--json",
        str(folders / "o.json"),
    ]
    assert cli.run(arguments(folders, *more)) == 0
    assert [s["set"] for s in json.loads((folders / "o.json").read_text())["sets"]] == ["first", "second"]


def test_a_set_that_is_no_micrographs_is_said(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments(folders, "--pixel-size", "4", "--set", "first=a", "--set", "x=B*")) == 0
    shown = capsys.readouterr().out
    assert "Note: --set x=B*: no micrograph is called so" in shown
    assert "--set first" not in shown


def test_border(folders: Path) -> None:
    more = ["--micrographs", str(folders / "images"), "--border", "100", "--json", str(folders / "o.json")]
    assert cli.run(arguments(folders, *more)) == 0
    pooled = json.loads((folders / "o.json").read_text())["pooled"]["iou"]
    assert (pooled["n_picks"], pooled["n_true"], pooled["n_truth"]) == (
        6,
        6,
        8,
    )  # false picks lie 80 A from an edge


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "the pixel size is unknown"),
        (["--pixel-size", "4", "--border", "100"], "--border needs"),
        (["--pixel-size", "4", "--set", "a"], "give NAME=PATTERN"),
        (["--pixel-size", "4", "--json", "missing/folder/out.json"], "out.json: cannot be written"),
        (["--pixel-size", "4", "--plot", "missing/folder/out.png"], "out.png: the plot cannot be written"),
        (["--pixel-size", "4", "--truth", "missing"], "missing: no such file or folder"),
        (["--pixel-size", "1e-300"], "cannot be on a micrograph: check the diameter"),
        (["--pixel-size", "1e300"], "only 8.4e-299 pixels across"),
        (["--picks", "missing"], "missing: no such file or folder"),
    ],
)
def test_errors(more: list[str], message: str, folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments(folders, *more)) == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("hydrapicker: ")]
    assert message in line


def test_no_common_micrograph(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    formats.write({"elsewhere": Picks(TRUTH)}, folders / "other", "star")
    assert cli.run(arguments(folders, "--pixel-size", "4", "--truth", str(folders / "other"))) == 2
    message = capsys.readouterr().err
    assert "those of a, b" in message
    assert "those of elsewhere" in message


def test_labels_against_themselves(shared_data: Path, tmp_path: Path) -> None:
    labels = str(shared_data / "coordinates" / "empiar10028")
    images = str(shared_data / "micrographs" / "empiar10028")
    fixed = ["--picks", labels, "--truth", labels, "--diameter", "300", "--micrographs", images]
    assert cli.run(["evaluate", *fixed, "--json", str(tmp_path / "out.json")]) == 0
    numbers = json.loads((tmp_path / "out.json").read_text())
    assert [m["iou"]["n_truth"] for m in numbers["micrographs"]] == [90, 75, 78, 83, 87]
    assert numbers["pooled"]["iou"]["ap"] == 1
    assert numbers["pooled"]["iou"]["offset_px"] == [0, 0]
