"""Picking many micrographs into a folder."""

from __future__ import annotations

import csv
import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from PIL import Image

from napari_hydrapicker import formats
from napari_hydrapicker.errors import HydraPickerError, MicrographError
from napari_hydrapicker.formats import _files
from napari_hydrapicker.micrograph import Micrograph
from napari_hydrapicker.picking import batch, outputs
from napari_hydrapicker.picking.ledger import LEDGER, Ledger, resume
from napari_hydrapicker.picking.made_with import MadeWith, NetworkFile
from napari_hydrapicker.picking.opening import open_all
from napari_hydrapicker.picking.outputs import Settings
from napari_hydrapicker.picking.rows import Row
from napari_hydrapicker.picks import Picks

MADE_WITH = MadeWith(
    picker="fixed", weights=NetworkFile(name="n", sha256="ab"), head=None, diameter_angstrom=40.0,
    border_angstrom=None, threshold=0.5, no_mask=False, no_split=False, overlay=False, format=(),
)  # fmt: skip


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


def ledger_of(settings: Settings) -> Ledger:
    return resume(settings.out, MADE_WITH, {}, None) if settings.resume else Ledger(settings.out, MADE_WITH)


def pick(paths: list[Path], settings: Settings, tables: bool = False) -> tuple[Fixed, list[Row]]:
    micrographs, bad = open_all(paths)
    picker, ledger = Fixed(), ledger_of(settings)
    outputs.check_outputs(micrographs, settings)
    rows = [*batch.pick_all(picker, micrographs, settings, ledger), *bad]  # type: ignore[arg-type]
    if tables:
        outputs.write_tables(rows, settings, ledger)
    return picker, rows


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
    assert sorted(path.name for path in settings.out.iterdir()) == [
        "a_autopick.star", "c_autopick.star", LEDGER,
    ]  # fmt: skip


def test_files_appear_while_picking_goes_on(settings: Settings, tmp_path: Path) -> None:
    micrographs, _ = open_all([write(tmp_path / f"{name}.mrc") for name in ("a", "b")])
    outputs.check_outputs(micrographs, settings)
    ledger = ledger_of(settings)
    rows = batch.pick_all(Fixed(), micrographs, settings, ledger)  # type: ignore[arg-type]
    next(rows)
    assert {path.name for path in settings.out.iterdir()} == {"a_autopick.star", LEDGER}
    assert ledger.done == {"a": 2.0}


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


@pytest.mark.parametrize("chosen", [("star", "box", "csv"), ("csv",), ("topaz", "csv"), ("topaz",)])
def test_a_run_goes_on_where_it_was_interrupted(
    chosen: tuple[str, ...], settings: Settings, tmp_path: Path
) -> None:
    paths = [write(tmp_path / f"{name}.mrc") for name in ("a", "b", "c")]
    both = replace(settings, formats=chosen, threshold=0.1, resume=True)
    picker, first = pick(paths[:2], both, tables=True)
    picker, rows = pick([*paths[1:], paths[0]], both, tables=True)
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
    for name in set(chosen) & {"csv", "topaz"}:
        assert formats.read(settings.out / str(formats.FORMATS[name].main)).keys() == {"a", "b", "c"}


def test_a_run_that_goes_on_keeps_other_micrographs(settings: Settings, tmp_path: Path) -> None:
    table = replace(settings, formats=("star", "csv"), resume=True)
    for name in ("a", "b"):
        pick([write(tmp_path / f"{name}.mrc")], table, tables=True)
    assert formats.read(settings.out / "picks.csv").keys() == {"a", "b"}
    with (settings.out / "summary.csv").open(newline="") as file:
        assert [row["micrograph"] for row in csv.DictReader(file)] == ["a", "b"]


def test_what_an_overwriting_run_did_not_reach_is_picked_again(settings: Settings, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{name}.mrc") for name in ("a", "b")]
    pick(paths, replace(settings, threshold=0.1))
    micrographs, _ = open_all(paths)
    replacing = replace(settings, overwrite=True)
    next(batch.pick_all(Fixed(), micrographs, replacing, ledger_of(replacing)))  # type: ignore[arg-type]
    picker, rows = pick(paths, replace(settings, resume=True))
    assert [asked[0] for asked in picker.asked] == ["b"]
    assert [len(row.picks) for row in rows if row.picks is not None] == [1, 1]
    assert len(formats.read(settings.out / "b_autopick.star")["b"]) == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("stage", ["b_autopick.star", "b_overlay.png", LEDGER])
def test_a_full_disk_stops_the_others(
    stage: str, number: int, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [write(tmp_path / f"{name}.mrc") for name in ("a", "b", "c")]
    write_whole, save = _files._write_whole, Image.Image.save

    def full(path: Path, content: bytes) -> None:
        if path.name == stage and (stage != LEDGER or b'"b"' in content):
            raise OSError(number, os.strerror(number))
        write_whole(path, content)

    def full_too(image: Image.Image, path: Path, **options: Any) -> None:
        if path.name == stage:
            raise OSError(number, os.strerror(number))
        save(image, path, **options)

    monkeypatch.setattr(_files, "_write_whole", full)
    monkeypatch.setattr(Image.Image, "save", full_too)
    drawing = replace(settings, overlay=True)
    micrographs, _ = open_all(paths)
    outputs.check_outputs(micrographs, drawing)
    picker, ledger = Fixed(), ledger_of(drawing)
    rows = batch.pick_all(picker, micrographs, drawing, ledger)  # type: ignore[arg-type]
    assert next(rows).name == "a"
    with pytest.raises(HydraPickerError, match=rf"{stage}: cannot be written \({os.strerror(number)}\)"):
        next(rows)
    assert [asked[0] for asked in picker.asked] == ["a", "b"]
    assert ledger.done == {"a": 2.0}
    monkeypatch.undo()
    picker, _ = pick(paths, replace(drawing, resume=True))
    assert [asked[0] for asked in picker.asked] == ["b", "c"]


def test_another_trouble_with_a_file_does_not(settings: Settings, tmp_path: Path) -> None:
    (settings.out / "a_autopick.star").mkdir(parents=True)
    paths = [write(tmp_path / f"{name}.mrc") for name in ("a", "b")]
    _, rows = pick(paths, replace(settings, overwrite=True))
    assert "a_autopick.star: cannot be written" in rows[0].error
    assert rows[1].picks is not None


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
