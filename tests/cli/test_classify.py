"""`hydrapicker classify` and `hydrapicker select`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.cli import main as cli
from napari_hydrapicker.cli.select import parse_numbers
from napari_hydrapicker.cli.simulate import write_mrc
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.simulation.sample import simulate


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two micrographs with their true picks, classified."""
    here = tmp_path_factory.mktemp("classify")
    for seed in (1, 2):
        made = simulate(shape=(480, 700), pixel_size_angstrom=4.0, diameter_angstrom=180, seed=seed)
        write_mrc(here / f"m{seed}.mrc", made.image, 4.0)
        formats.write({f"m{seed}": made.picks}, here / "picks", "star")
    assert cli.run(arguments(here)) == 0
    return here


def arguments(here: Path, *more: str) -> list[str]:
    return [
        *("classify", str(here / "picks"), "--micrographs", str(here), "--diameter", "180", "--classes", "3"),
        *("--out", str(here / "out"), *more),
    ]


def picks_in(folder: Path) -> int:
    return sum(len(one) for path in folder.glob("*.star") for one in formats.read(path).values())


def test_writes_four_files_and_says_what_comes_next(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments(folder, "--overwrite")) == 0
    said = capsys.readouterr().out
    total = picks_in(folder / "picks")
    assert f"{total} picks in" in said
    assert f"hydrapicker select {folder / 'out'}" in said.replace("\n", "")
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        *("classes.csv", "classes.mrcs", "classes.png", "particles.star")
    ]


def test_a_folder_that_is_taken_is_refused_before_the_work(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments(folder)) == 2
    assert "exists already; choose another folder, or give --overwrite" in capsys.readouterr().err


def test_kept_and_rejected_are_all(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.run(
        [
            *("select", str(folder / "out"), "--keep", "1", "--out", str(tmp_path / "kept")),
            *("--rejected", str(tmp_path / "rest"), "--format", "star,csv"),
        ]
    )
    assert code == 0
    kept, rest = picks_in(tmp_path / "kept"), picks_in(tmp_path / "rest")
    assert kept + rest == picks_in(folder / "picks")
    assert f"{kept} of {kept + rest} picks, in 1 of" in capsys.readouterr().out
    assert (tmp_path / "kept" / "picks.csv").is_file()
    code = cli.run(["select", str(folder / "out"), "--reject", "1", "--out", str(tmp_path / "others")])
    assert code == 0
    assert picks_in(tmp_path / "others") == rest


def test_doubtful_classes_are_those_of_the_table(folder: Path, tmp_path: Path) -> None:
    table = folder / "out" / "classes.csv"
    before = table.read_text()
    rows = [line.split(",") for line in before.splitlines()]
    for row in rows[1:]:
        row[5] = "few" if row[0] == "2" else ""
    table.write_text("\n".join(map(",".join, rows)) + "\n")
    call = ["select", str(folder / "out"), "--reject-doubtful", "--out", str(tmp_path / "kept")]
    try:
        assert cli.run(call) == 0
    finally:
        table.write_text(before)
    assert picks_in(tmp_path / "kept") == picks_in(folder / "picks") - int(rows[2][1])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ((), "Give --keep, --reject or --reject-doubtful"),
        (("--keep", "1", "--reject", "2"), "give one of them"),
        (("--keep", "1,b"), "--keep 1,b: give numbers of classes, such as 1,3,5-8"),
        (("--keep", "9"), "class 9 is not in"),
        (("--reject", "9"), "class 9 is not in"),
        (("--reject", "1-3"), "no class is left"),
    ],
)
def test_select_says_what_is_wrong(
    folder: Path, tmp_path: Path, more: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["select", str(folder / "out"), *more, "--out", str(tmp_path / "kept")]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "kept").exists()


def test_classify_says_what_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = folder / "other"
    formats.write(
        {"z": formats.read(folder / "picks" / "m1_autopick.star")["m1"]}, other, "star", overwrite=True
    )
    call = arguments(folder, "--overwrite")
    call[1] = str(other)
    assert cli.run(call) == 2
    assert "no picks for these micrographs" in capsys.readouterr().err
    call[1], call[5] = str(folder / "picks"), "-3"
    assert cli.run(call) == 2
    assert "--diameter" in capsys.readouterr().err


def test_numbers() -> None:
    assert parse_numbers("--keep", "1,3,5-8, 3") == [1, 3, 5, 6, 7, 8]
    for text in ("", "1,,2", "a", "-3", "1-", "1e3", "9999999"):
        with pytest.raises(ParameterError, match="--keep"):
            parse_numbers("--keep", text)
    assert np.all(np.diff(parse_numbers("--keep", "4-2,7")) > 0)
