"""`hydrapicker consensus` from folders of picks to joined coordinates and the table of votes."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.cli import main as cli
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picks import Picks

FIRST = np.array([[60.0, 200.0], [100.0, 40.0], [30.0, 120.0]])
SECOND = np.array([[62.0, 201.0], [90.0, 260.0]])
SUMMARY = "micrograph,pixel_size_angstrom,rows,columns\na,4.0,128,320\nb,2.0,128,320\n"


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """Two folders of picks on `a` and `b`, 128 x 320 px; each also has a micrograph of its own."""
    for folder, yx, own in (("first", FIRST, "c"), ("second", SECOND, "d")):
        score = np.linspace(0.9, 0.6, len(yx))
        picks = {name: Picks(yx, score) for name in ("a", "b", own)}
        formats.write(picks, tmp_path / folder, "star")
        (tmp_path / folder / "summary.csv").write_text(SUMMARY)
    return tmp_path


def arguments(folder: Path, *more: str, picks: tuple[str, ...] = ("first", "second")) -> list[str]:
    return ["consensus", *(str(folder / name) for name in picks), "--out", str(folder / "out"), *more]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "summary.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_joins_by_name_and_writes_what_picking_writes(
    lists: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments(lists, "--diameter", "48", "--format", "star,box,csv")) == 0
    output = capsys.readouterr().out
    assert "2 votes" in output
    assert "not every list has c and 1 more" in output
    assert sorted(path.name for path in (lists / "out").iterdir()) == [
        *("a.box", "a_autopick.star", "b.box", "b_autopick.star", "picks.csv", "summary.csv")
    ]
    picks = formats.read(lists / "out" / "a_autopick.star")["a"]
    # A quarter of 48 Angstrom is 3 px in `a`: the picks at (60, 200) and (62, 201) are 2.2 px apart.
    assert len(picks) == 4
    assert picks.yx[0] == pytest.approx([61.0, 200.5], abs=1e-3)
    assert picks.score[0] == pytest.approx(0.9, abs=1e-4)
    assert (picks.score[1:] < 0.9).all()
    assert formats.read(lists / "out" / "picks.csv")["b"].diameter_px == pytest.approx(24.0)
    expected = {"picks": "4", "pixel_size_angstrom": "4", "rows": "128", "columns": "320"}
    table = rows(lists / "out")
    assert table[0].items() >= (expected | {"votes_1": "3", "votes_2": "1"}).items()
    assert [row["micrograph"] for row in table] == ["a", "b"]


def test_result_can_be_evaluated_without_the_micrographs(
    lists: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments(lists, "--diameter", "48")) == 0
    evaluate = [
        "evaluate",
        "--picks",
        str(lists / "out"),
        "--truth",
        str(lists / "first"),
        "--diameter",
        "48",
    ]
    assert cli.run(evaluate) == 0
    assert "Note: for AROC" not in capsys.readouterr().out


def test_order_of_the_lists_does_not_matter(lists: Path) -> None:
    assert cli.run(arguments(lists, "--distance", "5")) == 0
    before = {path.name: path.read_bytes() for path in (lists / "out").iterdir()}
    assert cli.run(arguments(lists, "--distance", "5", "--overwrite", picks=("second", "first"))) == 0
    assert {path.name: path.read_bytes() for path in (lists / "out").iterdir()} == before


def test_votes_threshold_and_weight_choose(lists: Path) -> None:
    assert cli.run(arguments(lists, "--distance", "5", "--votes", "2")) == 0
    assert [row["picks"] for row in rows(lists / "out")] == ["1", "1"]
    assert cli.run(arguments(lists, "--distance", "5", "--threshold", "0.89", "--overwrite")) == 0
    assert [row["picks"] for row in rows(lists / "out")] == ["1", "1"]
    weights = ["--weight", "1", "--weight", "3"]
    assert cli.run(arguments(lists, "--distance", "5", *weights, "--overwrite")) == 0
    picks = formats.read(lists / "out" / "a_autopick.star")["a"]
    assert picks.yx[0] == pytest.approx([61.5, 200.75], abs=1e-3)


def test_sub_folders_of_one_name_stay_apart(tmp_path: Path) -> None:
    for name, shift in (("first", 0.0), ("second", 1.0)):
        for place, folder in enumerate(("day1", "day2")):
            yx = FIRST[: place + 1] + shift
            formats.write({"a": Picks(yx, np.full(len(yx), 0.5))}, tmp_path / name / folder, "star")
            text = f"micrograph,pixel_size_angstrom,rows,columns\na,{4 + place},128,320\n"
            (tmp_path / name / folder / "summary.csv").write_text(text)
    assert cli.run(arguments(tmp_path, "--diameter", "48")) == 0
    for place, folder in enumerate(("day1", "day2")):
        (row,) = rows(tmp_path / "out" / folder)
        assert (row["votes_2"], row["pixel_size_angstrom"]) == (str(place + 1), str(4 + place))


def test_a_file_of_picks_without_scores_takes_part(lists: Path) -> None:
    formats.write({"a": Picks(FIRST[1:2] + 1.0)}, lists / "manual.csv", "csv")
    assert cli.run(arguments(lists, "--distance", "5", picks=("first", "manual.csv", "second"))) == 0
    (row,) = rows(lists / "out")
    assert (row["votes_1"], row["votes_2"], row["votes_3"]) == ("2", "2", "0")


@pytest.mark.filterwarnings("always:.*no probabilities")
def test_scores_that_are_no_probabilities_are_left_out(
    lists: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    formats.write({"a": Picks(SECOND, np.array([4.5, -2.0]))}, lists / "foreign", "star")
    assert cli.run(arguments(lists, "--distance", "5", picks=("first", "foreign"))) == 0
    captured = capsys.readouterr()
    assert "no probabilities" in captured.err
    assert "foreign" in captured.err
    picks = formats.read(lists / "out" / "a_autopick.star")["a"]
    assert ((picks.score > 0) & (picks.score < 1)).all()


@pytest.mark.parametrize(
    ("more", "picks", "message"),
    [
        (["--distance", "5"], ("first",), "two lists"),
        ([], ("first", "second"), "--diameter or --distance"),
        (["--diameter", "-3"], ("first", "second"), "--diameter -3"),
        (["--distance", "nan"], ("first", "second"), "--distance nan"),
        (["--distance", "5", "--votes", "3"], ("first", "second"), "--votes 3"),
        (["--distance", "5", "--threshold", "2"], ("first", "second"), "--threshold 2"),
        (["--distance", "5", "--weight", "1"], ("first", "second"), "--weight"),
        (["--distance", "5", "--weight", "1", "--weight", "0"], ("first", "second"), "--weight 0"),
        (["--distance", "5", "--weight", "1e308", "--weight", "1"], ("first", "second"), "up to 1,000,000"),
        (["--distance", "1e300"], ("first", "second"), "1e+300 pixels apart would be one"),
        (["--diameter", "1e300"], ("first", "second"), "check --diameter and --pixel-size"),
        (["--diameter", "48", "--pixel-size", "1e-300"], ("first", "second"), "check --diameter and"),
        (["--distance", "5", "--format", "mrc"], ("first", "second"), "--format mrc"),
        (
            ["--distance", "5", "--format", "box"],
            ("first", "second"),
            "--format box needs the particles' size",
        ),
        (["--distance", "5"], ("first", "first"), "given twice"),
        (["--distance", "5"], ("first", "nowhere"), "nowhere: no such file or folder"),
        (["--distance", "5"], ("first", "elsewhere"), "no micrograph is in all lists"),
        (["--distance", "5"], ("first", "binned"), "128 x 320 in first but 64 x 160 in binned"),
        (["--diameter", "48"], ("plain", "plain.csv"), "pixel size is unknown"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(
    lists: Path, more: list[str], picks: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    formats.write({"z": Picks(FIRST)}, lists / "elsewhere", "star")
    formats.write({"a": Picks(FIRST / 2)}, lists / "binned", "star")
    (lists / "binned" / "summary.csv").write_text(
        "micrograph,pixel_size_angstrom,rows,columns\na,8.0,64,160\n"
    )
    formats.write({"a": Picks(FIRST)}, lists / "plain", "star")
    formats.write({"a": Picks(FIRST)}, lists / "plain.csv", "csv")
    assert cli.run(arguments(lists, *more, picks=picks)) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1
    assert not (lists / "out").exists()


def test_files_that_exist_are_kept(lists: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments(lists, "--distance", "5")) == 0
    before = (lists / "out" / "summary.csv").read_bytes()
    assert cli.run(arguments(lists, "--distance", "2")) == 2
    assert "exists" in capsys.readouterr().err
    assert (lists / "out" / "summary.csv").read_bytes() == before
    assert cli.run(arguments(lists, "--distance", "2", "--overwrite")) == 0
    assert (lists / "out" / "summary.csv").read_bytes() != before
