"""What `hydrapicker pick` says and keeps when it is broken off."""

from __future__ import annotations

import csv
import errno
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_hydrapicker.cli import pick_run
from napari_hydrapicker.cli.pick_run import run
from napari_hydrapicker.errors import CoordinateFileError, MicrographError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io import files as _files
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.manifest import MANIFEST, OutputFolderError
from napari_hydrapicker.picking.outputs import OutputFolder, Settings
from napari_hydrapicker.picking.parameters import NetworkFile, PickParameters, RunConfig
from napari_hydrapicker.picking.results import MicrographResult
from napari_hydrapicker.picks import Picks

CONFIG = RunConfig(
    picker="fixed", weights=NetworkFile(name="n", sha256="ab"), head=None, diameter_angstrom=40.0,
    border_angstrom=None, threshold=0.5, no_mask=False, no_split=False, overlay=False, format=("csv", "star"),
)  # fmt: skip
MICROGRAPHS = [Micrograph(Path(f"{name}.mrc"), (60, 100), 2.0) for name in ("a", "b", "c")]
BAD = MicrographResult.failure(Path("bad.mrc"), "bad.mrc: not a micrograph")


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
    return Settings(tmp_path, PickParameters(diameter_angstrom=40), formats=("star", "csv"))


def pick(picker: Fixed, settings: Settings, unopened: tuple[MicrographResult, ...] = ()) -> None:
    config = CONFIG.model_copy(update={"format": tuple(sorted(settings.formats))})
    run(picker, MICROGRAPHS, OutputFolder(settings, config), unopened)  # type: ignore[arg-type]


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


def test_an_interrupted_run_goes_on(
    settings: Settings, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SystemExit):
        pick(Fixed(stop="b"), settings)
    assert "interrupted: 1 of 3 micrographs is done; the same command with --resume does" in caplog.text
    assert summary(settings) == ["a"]
    picker = Fixed()
    pick(picker, replace(settings, resume=True))
    assert picker.asked == ["b", "c"]
    assert summary(settings) == ["a", "b", "c"]
    assert formats.read(settings.out / "picks.csv").keys() == {"a", "b", "c"}
    told = capsys.readouterr().out
    assert "earlier" in told
    assert "3 picks with FOM 0.5 or more on 3 micrographs, written as star, csv to" in told


def test_what_overwrites_goes_on_with_resume(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    pick(Fixed(), settings)
    with pytest.raises(SystemExit):
        pick(Fixed(stop="b"), replace(settings, overwrite=True))
    assert "1 of 3 micrographs is done; the same command with --resume in place of --overwrite" in caplog.text


def test_a_full_disk_ends_the_run_in_one_line(
    settings: Settings,
    fill: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    fill("b_autopick.star")
    picker = Fixed()
    with pytest.raises(CoordinateFileError) as caught:
        pick(picker, settings, (BAD,))
    assert str(caught.value) == (
        f"{settings.out / 'b_autopick.star'}: cannot be written (No space left on device); "
        "1 of 3 micrographs is done: free disk space, then the same command with --resume goes on"
    )
    assert picker.asked == ["a", "b"]
    assert summary(settings) == ["a", "bad.mrc"]
    assert formats.read(settings.out / "picks.csv").keys() == {"a"}
    assert caplog.text.count("not picked: ") == 1  # bad.mrc, which is no matter of the disk
    assert "1 pick with FOM 0.5 or more on 1 micrograph, written as star, csv" in capsys.readouterr().out


def test_a_disk_too_full_for_the_tables(
    settings: Settings, fill: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    fill("c_autopick.star", "summary.csv", "picks.csv")
    with pytest.raises(CoordinateFileError, match=r"\(No space left on device\); 2 of 3 micrographs"):
        pick(Fixed(), settings)
    assert {path.name for path in settings.out.iterdir()} == {
        "a_autopick.star", "b_autopick.star", MANIFEST, ".lock",
    }  # fmt: skip
    assert "written as" not in capsys.readouterr().out


def test_a_table_that_found_no_room_is_made_without_picking_anew(
    settings: Settings, fill: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill("picks.csv")
    table = replace(settings, formats=("csv",))
    with pytest.raises(OutputFolderError, match=r"picks\.csv: .*; 3 of 3 .* are done: free disk space"):
        pick(Fixed(), table)
    monkeypatch.undo()
    picker = Fixed()
    pick(picker, replace(table, resume=True))
    assert picker.asked == []
    assert formats.read(settings.out / "picks.csv").keys() == {"a", "b", "c"}


def test_a_folder_that_is_lost_ends_the_run_in_one_line(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    class Loses(Fixed):
        def pick_micrograph(self, micrograph: Micrograph, *arguments: Any) -> Picks:
            if micrograph.name == "b":
                shutil.rmtree(settings.out)
            return super().pick_micrograph(micrograph, *arguments)

    with pytest.raises(OutputFolderError) as caught:
        pick(Loses(), settings)
    assert str(caught.value) == (
        "the folder of results, or picking.jsonl in it, is gone (deleted, renamed, or its disk is no longer "
        f"there): {settings.out}; 1 of 3 micrographs is done: put that right, then the same command with "
        "--resume goes on"
    )
    assert "written as" not in capsys.readouterr().out


def test_room_made_the_run_goes_on(
    settings: Settings, fill: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill("b_autopick.star", "summary.csv")
    with pytest.raises(CoordinateFileError, match="free disk space"):
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


def test_what_was_not_picked_is_counted(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(MicrographError, match="1 of 4 micrographs was not picked"):
        pick(Fixed(), settings, (BAD,))
    assert "not picked: bad.mrc: not a micrograph" in caplog.text


def test_a_log_gets_a_line_a_minute(
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level("INFO", "napari_hydrapicker")
    pick(Fixed(), settings)
    assert (caplog.text, capsys.readouterr().err) == ("", "")
    times = iter([0.0, 50.0, 6000.0, 12000.0])  # when it begins, and after each micrograph
    monkeypatch.setattr(pick_run.time, "monotonic", lambda: next(times))
    pick(Fixed(), replace(settings, overwrite=True))
    assert [record.message for record in caplog.records] == [
        "2 of 3 micrographs (66 %), 2 picks, 3000.0 s each, about 50 min left"
    ]


def test_what_was_done_before_does_not_make_it_look_fast(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO", "napari_hydrapicker")
    times = iter([0.0, 0.0, 1.0, 4001.0])
    monkeypatch.setattr(pick_run.time, "monotonic", lambda: next(times))
    lines = pick_run.ProgressLines(5)
    for earlier in (True, True, False):
        lines.advance(MicrographResult("a", n_picks=7, earlier=earlier))
    assert caplog.messages == ["3 of 5 micrographs (60 %), 7 picks, 4001.0 s each, about 2 h 13 min left"]
