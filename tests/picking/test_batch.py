"""Picking many micrographs into a folder."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker import formats
from napari_hydrapicker.errors import CoordinateFileError, MicrographError, ParameterError
from napari_hydrapicker.micrograph import Micrograph
from napari_hydrapicker.picking import batch
from napari_hydrapicker.picking.batch import Settings
from napari_hydrapicker.picking.rows import Row
from napari_hydrapicker.picks import Picks


def write(path: Path, pixel_size: float = 2.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with mrcfile.new(path) as file:
        file.set_data(np.random.default_rng(0).normal(size=(60, 100)).astype(np.float32))
        file.voxel_size = pixel_size
    return path


class Fixed:
    """Picks the same two places everywhere, and keeps what it was asked; cannot pick `bad`."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def pick_micrograph(self, micrograph: Micrograph, *arguments: Any) -> Picks:
        self.asked.append((micrograph.name, *arguments))
        if micrograph.name == "bad":
            raise MicrographError(f"{micrograph.path}: no contrast")
        return Picks(np.array([[10.0, 80], [30, 40]]), np.array([0.9, 0.2]), diameter_px=20)


def pick(paths: list[Path], settings: Settings) -> tuple[Fixed, list[Row]]:
    micrographs, bad = batch.open_all(paths)
    picker = Fixed()
    batch.check_outputs(micrographs, settings)
    return picker, [*batch.pick_all(picker, micrographs, settings), *bad]  # type: ignore[arg-type]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "out", 40.0)


def test_one_bad_micrograph_does_not_stop_the_others(settings: Settings, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{name}.mrc") for name in ("a", "bad", "c")]
    (tmp_path / "text.mrc").write_text("text")
    _, rows = pick([*paths, tmp_path / "text.mrc"], settings)
    assert [row.name for row in rows] == ["a", "bad", "c", "text.mrc"]
    assert [row.error == "" for row in rows] == [True, False, True, False]
    assert "no contrast" in rows[1].error
    assert rows[0].shape == (60, 100)
    assert rows[0].mean_score == pytest.approx(0.9)
    assert sorted(path.name for path in settings.out.iterdir()) == ["a_autopick.star", "c_autopick.star"]


def test_files_appear_while_picking_goes_on(settings: Settings, tmp_path: Path) -> None:
    micrographs, _ = batch.open_all([write(tmp_path / f"{name}.mrc") for name in ("a", "b")])
    batch.check_outputs(micrographs, settings)
    rows = batch.pick_all(Fixed(), micrographs, settings)  # type: ignore[arg-type]
    next(rows)
    assert [path.name for path in settings.out.iterdir()] == ["a_autopick.star"]


def test_the_picker_is_asked_in_angstrom(settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path / "a.mrc")
    picker, _ = pick([path], replace(settings, border_angstrom=7.0, use_mask=False))
    assert picker.asked == [("a", 40.0, 2.0, 7.0, False)]
    picker, rows = pick([path], replace(settings, pixel_size_angstrom=1.5, overwrite=True))
    assert picker.asked[0][2] == rows[0].pixel_size_angstrom == 1.5


def test_only_picks_from_the_threshold_on_are_kept(settings: Settings, tmp_path: Path) -> None:
    _, rows = pick([write(tmp_path / "a.mrc")], replace(settings, threshold=0.1))
    assert rows[0].picks is not None
    assert len(rows[0].picks) == 2
    assert len(formats.read(settings.out / "a_autopick.star")["a"]) == 2


def test_of_one_name_the_second_is_refused(tmp_path: Path) -> None:
    first, second = write(tmp_path / "one" / "a.mrc"), write(tmp_path / "two" / "a.mrc")
    micrographs, bad = batch.open_all([first, second])
    assert [one.path for one in micrographs] == [first]
    assert str(second) in bad[0].error
    assert str(first) in bad[0].error


@pytest.mark.parametrize("name", ["a_autopick.star", "a.box", "picks.csv", "a_overlay.png", "summary.csv"])
def test_existing_files_are_found_before_any_work(name: str, settings: Settings, tmp_path: Path) -> None:
    micrographs, _ = batch.open_all([write(tmp_path / "a.mrc")])
    everything = replace(settings, formats=("star", "box", "csv"), overlay=True)
    batch.check_outputs(micrographs, everything)
    (settings.out / name).write_text("")
    with pytest.raises(CoordinateFileError, match=f"{name} exists: give --resume to go on, --overwrite"):
        batch.check_outputs(micrographs, everything)
    batch.check_outputs(micrographs, replace(everything, overwrite=True))


def test_a_folder_that_takes_no_files_is_found_before_any_work(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(dir: Path) -> None:
        raise PermissionError(13, "Permission denied", str(dir / "tmp"))

    monkeypatch.setattr(batch, "TemporaryFile", refused)
    with pytest.raises(CoordinateFileError, match=f"{settings.out}: cannot be written to"):
        batch.check_outputs([], settings)


@pytest.mark.parametrize("names", [(), ("star", "docx")])
def test_unknown_formats(names: tuple[str, ...], settings: Settings) -> None:
    with pytest.raises(ParameterError, match=r"choose from .*star"):
        batch.check_outputs([], replace(settings, formats=names))
    assert not settings.out.exists()


def test_tables_of_all_micrographs_are_written_at_the_end(settings: Settings) -> None:
    settings.out.mkdir()
    mains = {name: one.main for name, one in formats.FORMATS.items() if one.main is not None}
    assert "cs" in mains
    picks = Picks(np.array([[1.0, 2]]), np.array([0.5]))
    rows = [
        Row("a", 2.0, picks, shape=(60, 100)),
        Row("b", 2.0, picks, shape=(60, 100)),
        Row("c", error="bad"),
    ]
    batch.write_tables(rows, replace(settings, formats=tuple(mains)))
    for main in mains.values():
        assert formats.read(settings.out / main).keys() == {"a", "b"}


def test_a_run_without_picks_leaves_nothing(settings: Settings) -> None:
    settings.out.mkdir()
    batch.write_tables([Row("a", error="a.mrc: no pixel size")], replace(settings, formats=("csv", "topaz")))
    assert list(settings.out.iterdir()) == []


def test_one_file_named_twice_is_one_micrograph(tmp_path: Path) -> None:
    path = write(tmp_path / "one" / "a.mrc")
    link = tmp_path / "two" / "a.mrc"
    link.parent.mkdir()
    link.symlink_to(path)
    relative = tmp_path / "two" / ".." / "one" / "a.mrc"
    micrographs, bad = batch.open_all([path, link, relative], batch.open_all([link])[0])
    assert [one.path for one in micrographs] == [path]
    assert bad == []


@pytest.mark.parametrize("chosen", [("star", "box", "csv"), ("csv",), ("topaz", "csv"), ("topaz",)])
def test_a_run_goes_on_where_it_was_interrupted(
    chosen: tuple[str, ...], settings: Settings, tmp_path: Path
) -> None:
    paths = [write(tmp_path / f"{name}.mrc") for name in ("a", "b", "c")]
    both = replace(settings, formats=chosen, threshold=0.1, resume=True)
    picker, first = pick(paths[:2], both)
    batch.write_tables(first, both)
    picker, rows = pick([*paths[1:], paths[0]], both)
    assert [asked[0] for asked in picker.asked] == ["c"]
    assert [row.name for row in rows] == ["b", "c", "a"]
    for row in rows:
        assert row.picks is not None
        assert row.picks.yx.tolist() == [[10, 80], [30, 40]]
        assert row.picks.score.tolist() == pytest.approx([0.9, 0.2])
        assert row.picks.diameter_px == 20
        assert row.shape == (60, 100)
    assert rows[0].picks is not None
    assert first[1].picks is not None
    assert rows[0].picks.source.tolist() == first[1].picks.source.tolist()
    batch.write_tables(rows, both)
    for name in set(chosen) & {"csv", "topaz"}:
        assert formats.read(settings.out / str(formats.FORMATS[name].main)).keys() == {"a", "b", "c"}


def test_a_run_that_goes_on_keeps_other_micrographs(settings: Settings, tmp_path: Path) -> None:
    table = replace(settings, formats=("star", "csv"), resume=True)
    for name in ("a", "b"):
        _, rows = pick([write(tmp_path / f"{name}.mrc")], table)
        batch.write_tables(rows, table)
    assert formats.read(settings.out / "picks.csv").keys() == {"a", "b"}
    with (settings.out / "summary.csv").open(newline="") as file:
        assert [row["micrograph"] for row in csv.DictReader(file)] == ["a", "b"]


def test_another_threshold_changes_nothing_that_is_there(settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path / "a.mrc")
    pick([path], replace(settings, threshold=0.1))
    _, rows = pick([path], replace(settings, threshold=0.5, resume=True))
    assert rows[0].picks is not None
    assert len(rows[0].picks) == len(formats.read(settings.out / "a_autopick.star")["a"]) == 2


def test_what_lacks_a_file_is_picked_again(settings: Settings, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{name}.mrc") for name in ("a", "b", "c", "d")]
    both = replace(settings, formats=("star", "box"), overlay=True, resume=True)
    pick(paths, both)
    (settings.out / "a.box").unlink()
    (settings.out / "b_overlay.png").unlink()
    (settings.out / "c_autopick.star").write_text("damaged")
    picker, _ = pick(paths, both)
    assert [asked[0] for asked in picker.asked] == ["a", "b", "c"]
    assert pick(paths, both)[0].asked == []
