"""What `hydrapicker pick` says and keeps when it is broken off."""

from __future__ import annotations

import csv
import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_hydrapicker import formats
from napari_hydrapicker.cli.pick_run import run
from napari_hydrapicker.errors import CoordinateFileError, MicrographError
from napari_hydrapicker.formats import _files
from napari_hydrapicker.micrograph import Micrograph
from napari_hydrapicker.picking.ledger import LEDGER, Ledger, resume
from napari_hydrapicker.picking.made_with import MadeWith, NetworkFile
from napari_hydrapicker.picking.outputs import Settings
from napari_hydrapicker.picking.rows import Row
from napari_hydrapicker.picks import Picks

MADE_WITH = MadeWith(
    picker="fixed", weights=NetworkFile(name="n", sha256="ab"), head=None, diameter_angstrom=40.0,
    border_angstrom=None, threshold=0.5, no_mask=False, no_split=False, overlay=False, format=("csv", "star"),
)  # fmt: skip
MICROGRAPHS = [Micrograph(Path(f"{name}.mrc"), (60, 100), 2.0) for name in ("a", "b", "c")]


class Fixed:
    """Picks the same place everywhere, but is interrupted at `stop`."""

    def __init__(self, stop: str = "") -> None:
        self.stop = stop
        self.asked: list[str] = []

    def pick_micrograph(self, micrograph: Micrograph, *arguments: Any) -> Picks:
        if micrograph.name == self.stop:
            raise KeyboardInterrupt
        self.asked.append(micrograph.name)
        return Picks(np.array([[10.0, 80]]), np.array([0.9]))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, 40.0, formats=("star", "csv"))


def pick(picker: Fixed, settings: Settings, rows: tuple[Row, ...] = ()) -> None:
    out = settings.out
    ledger = resume(out, MADE_WITH, {}, None) if settings.resume else Ledger(out, MADE_WITH)
    run(picker, MICROGRAPHS, settings, ledger, rows)  # type: ignore[arg-type]


def summary(settings: Settings) -> list[str]:
    with (settings.out / "summary.csv").open(newline="") as file:
        return [row["micrograph"] for row in csv.DictReader(file)]


@pytest.fixture
def fill(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let files of these names find no room on the disk."""

    def full(*names: str) -> None:
        write = _files._write_whole

        def refuse(path: Path, content: bytes) -> None:
            if path.name in names:
                raise OSError(errno.ENOSPC, "No space left on device")
            write(path, content)

        monkeypatch.setattr(_files, "_write_whole", refuse)

    return full


def test_an_interrupted_run_goes_on(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        pick(Fixed(stop="b"), settings)
    assert "interrupted: 1 of 3 micrographs are done; the same command with --resume does" in (
        capsys.readouterr().err
    )
    assert summary(settings) == ["a"]
    picker = Fixed()
    pick(picker, replace(settings, resume=True))
    assert picker.asked == ["b", "c"]
    assert summary(settings) == ["a", "b", "c"]
    assert formats.read(settings.out / "picks.csv").keys() == {"a", "b", "c"}
    told = capsys.readouterr().out
    assert "earlier" in told
    assert "3 picks with FOM 0.5 or more on 3 micrographs, written as star, csv to" in told


def test_what_overwrites_goes_on_with_resume(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    pick(Fixed(), settings)
    with pytest.raises(SystemExit):
        pick(Fixed(stop="b"), replace(settings, overwrite=True))
    assert "1 of 3 micrographs are done; the same command with --resume in place of --overwrite" in (
        capsys.readouterr().err
    )


def test_a_full_disk_ends_the_run_in_one_line(
    settings: Settings, fill: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    fill("b_autopick.star")
    picker = Fixed()
    with pytest.raises(CoordinateFileError) as caught:
        pick(picker, settings, (Row("bad.mrc", error="bad.mrc: not a micrograph"),))
    assert str(caught.value) == (
        f"{settings.out / 'b_autopick.star'}: cannot be written (No space left on device); "
        "1 of 3 micrographs are done: make room, then the same command with --resume goes on"
    )
    assert picker.asked == ["a", "b"]
    assert summary(settings) == ["bad.mrc", "a"]
    assert formats.read(settings.out / "picks.csv").keys() == {"a"}
    told = capsys.readouterr()
    assert told.err.count("not picked: ") == 1  # bad.mrc, which is no matter of the disk
    assert "1 picks with FOM 0.5 or more on 1 micrographs, written as star, csv" in told.out


def test_a_disk_too_full_for_the_tables(
    settings: Settings, fill: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    fill("c_autopick.star", "summary.csv", "picks.csv")
    with pytest.raises(CoordinateFileError, match=r"\(No space left on device\); 2 of 3 micrographs"):
        pick(Fixed(), settings)
    assert {path.name for path in settings.out.iterdir()} == {"a_autopick.star", "b_autopick.star", LEDGER}
    assert "written as" not in capsys.readouterr().out


def test_a_table_alone_is_all_or_nothing(settings: Settings, fill: Callable[..., None]) -> None:
    fill("picks.csv")
    with pytest.raises(CoordinateFileError, match=r"picks\.csv: .*; 0 of 3 micrographs are done"):
        pick(Fixed(), replace(settings, formats=("csv",)))


def test_room_made_the_run_goes_on(
    settings: Settings, fill: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill("b_autopick.star", "summary.csv")
    with pytest.raises(CoordinateFileError, match="make room"):
        pick(Fixed(), settings)
    monkeypatch.undo()
    picker = Fixed()
    pick(picker, replace(settings, resume=True))
    assert picker.asked == ["b", "c"]
    assert summary(settings) == ["a", "b", "c"]


def test_a_table_that_cannot_be_written_for_another_reason(settings: Settings) -> None:
    (settings.out / "picks.csv").mkdir()
    with pytest.raises(CoordinateFileError) as caught:
        pick(Fixed(), replace(settings, overwrite=True))
    assert "room" not in str(caught.value)
    assert summary(settings) == ["a", "b", "c"]


def test_what_was_not_picked_is_counted(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MicrographError, match="1 of 4 micrographs were not picked"):
        pick(Fixed(), settings, (Row("bad.mrc", error="bad.mrc: not a micrograph"),))
    assert "not picked: bad.mrc: not a micrograph" in capsys.readouterr().err


def test_a_log_gets_no_line_of_progress(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    pick(Fixed(), settings)
    assert capsys.readouterr().err == ""
