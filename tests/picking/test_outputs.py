"""The files that picking writes into a folder."""

from __future__ import annotations

import csv
import errno
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker import formats
from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.formats import _files
from napari_hydrapicker.micrograph import Micrograph
from napari_hydrapicker.picking import outputs
from napari_hydrapicker.picking.ledger import LEDGER, Ledger, resume
from napari_hydrapicker.picking.made_with import MadeWith, NetworkFile
from napari_hydrapicker.picking.outputs import Settings
from napari_hydrapicker.picking.rows import Row
from napari_hydrapicker.picks import Picks

MADE_WITH = MadeWith(
    picker="fixed", weights=NetworkFile(name="n", sha256="ab"), head=None, diameter_angstrom=40.0,
    border_angstrom=None, threshold=0.5, no_mask=False, no_split=False, overlay=False, format=(),
)  # fmt: skip
MICROGRAPH = Micrograph(Path("a.mrc"), (60, 100), 2.0)
PICKS = Picks(np.array([[10.0, 80], [30, 40]]), np.array([0.75, 0.5]), diameter_px=20)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "out", 40.0)


@pytest.fixture
def ledger(settings: Settings) -> Ledger:
    return Ledger(settings.out, MADE_WITH)


def test_a_pixel_size_for_all_goes_before_the_files(settings: Settings) -> None:
    assert settings.pixel_size(MICROGRAPH) == 2.0
    assert replace(settings, pixel_size_angstrom=1.5).pixel_size(MICROGRAPH) == 1.5
    assert settings.pixel_size(replace(MICROGRAPH, pixel_size_angstrom=None)) is None


@pytest.mark.parametrize(("chosen", "each"), [(("star",), True), (("csv", "box"), True), (("csv",), False)])
def test_some_formats_have_a_file_each(chosen: tuple[str, ...], each: bool, settings: Settings) -> None:
    assert replace(settings, formats=chosen).has_file_each is each


@pytest.mark.parametrize(
    "name", ["a_autopick.star", "a.box", "picks.csv", "a_overlay.png", "summary.csv", LEDGER]
)
def test_existing_files_are_found_before_any_work(name: str, settings: Settings) -> None:
    micrographs = [MICROGRAPH]
    everything = replace(settings, formats=("star", "box", "csv"), overlay=True)
    outputs.check_outputs(micrographs, everything)
    (settings.out / name).write_text("")
    with pytest.raises(CoordinateFileError, match=f"{name} exists: give --resume to go on, --overwrite"):
        outputs.check_outputs(micrographs, everything)
    outputs.check_outputs(micrographs, replace(everything, overwrite=True))


def test_a_folder_that_takes_no_files_is_found_before_any_work(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(dir: Path) -> None:
        raise PermissionError(13, "Permission denied", str(dir / "tmp"))

    monkeypatch.setattr(outputs, "TemporaryFile", refused)
    with pytest.raises(CoordinateFileError, match=f"{settings.out}: cannot be written to"):
        outputs.check_outputs([], settings)


@pytest.mark.parametrize("names", [(), ("star", "docx")])
def test_unknown_formats(names: tuple[str, ...], settings: Settings) -> None:
    with pytest.raises(ParameterError, match=r"choose from .*star"):
        outputs.check_outputs([], replace(settings, formats=names))
    assert not settings.out.exists()


def test_tables_of_all_micrographs_are_written_at_the_end(settings: Settings, ledger: Ledger) -> None:
    settings.out.mkdir()
    mains = {name: one.main for name, one in formats.FORMATS.items() if one.main is not None}
    assert "cs" in mains
    picks = Picks(np.array([[1.0, 2]]), np.array([0.5]))
    rows = [
        Row("a", 2.0, picks, shape=(60, 100)),
        Row("b", 2.0, picks, shape=(60, 100)),
        Row("c", error="bad"),
    ]
    outputs.write_tables(rows, replace(settings, formats=tuple(mains)), ledger)
    for main in mains.values():
        assert formats.read(settings.out / main).keys() == {"a", "b"}
    assert ledger.done == {"a": 2.0, "b": 2.0}


def test_a_run_without_picks_leaves_nothing(settings: Settings, ledger: Ledger) -> None:
    settings.out.mkdir()
    outputs.write_tables(
        [Row("a", error="a.mrc: no pixel size")], replace(settings, formats=("csv", "topaz")), ledger
    )
    assert list(settings.out.iterdir()) == []


@pytest.mark.parametrize("chosen", [("star", "csv"), ("topaz", "csv")])
def test_tables_keep_the_others_that_are_done(
    chosen: tuple[str, ...], settings: Settings, ledger: Ledger
) -> None:
    settings.out.mkdir()
    both = replace(settings, formats=chosen)
    for name in ("a", "b") if both.has_file_each else ():
        outputs.write_one(replace(MICROGRAPH, path=Path(f"{name}.mrc")), PICKS, 20, both)
    outputs.write_tables([Row("a", 2.0, PICKS, 7.0), Row("b", 2.0, PICKS, 8.0)], both, ledger)
    content = json.loads((settings.out / LEDGER).read_text())
    del content["done"]["b"]  # as if b were of a run before with other options
    (settings.out / LEDGER).write_text(json.dumps(content))
    again = replace(both, resume=True)
    outputs.write_tables([Row("c", 2.0, PICKS, 9.0)], again, resume(settings.out, MADE_WITH, {}, None))
    table = formats.read(settings.out / "picks.csv")
    assert table.keys() == {"a", "c"}
    assert table["a"].yx.tolist() == PICKS.yx.tolist()
    with (settings.out / "summary.csv").open(newline="") as file:
        assert [(row["micrograph"], row["seconds"]) for row in csv.DictReader(file)] == [
            ("a", "7.00"), ("c", "9.00"),
        ]  # fmt: skip


def test_a_table_that_cannot_be_written_keeps_no_other_from_it(
    settings: Settings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = _files._write_whole

    def full(path: Path, content: bytes) -> None:
        if path.name == "picks.csv":
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, content)

    monkeypatch.setattr(_files, "_write_whole", full)
    settings.out.mkdir()
    with pytest.raises(CoordinateFileError, match=r"picks\.csv: cannot be written \(No space"):
        outputs.write_tables([Row("a", 2.0, PICKS)], replace(settings, formats=("csv", "topaz")), ledger)
    assert {path.name for path in settings.out.iterdir()} == {"picks.txt", "summary.csv", LEDGER}
    assert not ledger.done
