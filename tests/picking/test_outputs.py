"""The folder that picking writes into: what may go into it, and its tables."""

from __future__ import annotations

import csv
import errno
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io import files as _files
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking import outputs
from napari_hydrapicker.picking.manifest import MANIFEST
from napari_hydrapicker.picking.outputs import OutputFolder, Settings, is_disk_full
from napari_hydrapicker.picking.parameters import NetworkFile, PickParameters, RunConfig
from napari_hydrapicker.picking.tables import SUMMARY_COLUMNS
from napari_hydrapicker.picks import Picks

CONFIG = RunConfig(
    picker="fixed", weights=NetworkFile(name="n", sha256="ab"), head=None, diameter_angstrom=40.0,
    border_angstrom=None, threshold=0.5, no_mask=False, no_split=False, overlay=False, format=("star",),
)  # fmt: skip
LARGER = CONFIG.model_copy(update={"diameter_angstrom": 50.0})
LARGEST = CONFIG.model_copy(update={"diameter_angstrom": 60.0})
MICROGRAPH = Micrograph(Path("a.mrc"), (60, 100), 2.0)
PICKS = Picks(np.array([[10.0, 80], [30, 40]]), np.array([0.75, 0.5]), diameter_px=20)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "out", PickParameters(diameter_angstrom=40))


def named(*names: str) -> list[Micrograph]:
    return [replace(MICROGRAPH, path=Path(f"{name}.mrc")) for name in names]


def begun(settings: Settings, *names: str, config: RunConfig = CONFIG) -> OutputFolder:
    folder = OutputFolder(settings, config)
    folder.begin(named(*names))
    return folder


def picked(settings: Settings, *names: str, config: RunConfig = CONFIG) -> OutputFolder:
    folder = begun(settings, *names, config=config)
    for one in named(*names):
        folder.record(one, replace(folder.start(one), seconds=1.234), PICKS)
    folder.write_tables()
    return folder


def test_a_pixel_size_for_all_goes_before_the_files(settings: Settings) -> None:
    assert settings.pixel_size(MICROGRAPH) == 2.0
    assert replace(settings, pixel_size_angstrom=1.5).pixel_size(MICROGRAPH) == 1.5
    assert settings.pixel_size(replace(MICROGRAPH, pixel_size_angstrom=None)) is None


@pytest.mark.parametrize("name", ["a_autopick.star", "a.box", "picks.csv", "a_overlay.png", "summary.csv"])
def test_existing_files_are_found_before_any_work(name: str, settings: Settings) -> None:
    everything = replace(settings, formats=("star", "box", "csv"), overlay=True)
    settings.out.mkdir()
    (settings.out / name).write_text("precious")
    with pytest.raises(CoordinateFileError, match=f"{name} exists: give `resume` to go on, `overwrite`"):
        begun(everything, "a")
    with pytest.raises(CoordinateFileError, match=rf"{name} exists, but not .*{MANIFEST}, .*`overwrite`"):
        begun(replace(everything, resume=True), "a")
    assert {path.name for path in settings.out.iterdir()} == {name, ".lock"}
    begun(replace(everything, overwrite=True), "a")


@pytest.mark.parametrize("chosen", [("star",), ("csv",)])
def test_results_of_an_earlier_run_are_found_before_any_work(
    chosen: tuple[str, ...], settings: Settings
) -> None:
    chosen_settings = replace(settings, formats=chosen)
    picked(chosen_settings, "a", "b")
    with pytest.raises(CoordinateFileError, match=r"exists: give `resume` to go on"):
        begun(chosen_settings, "c", "b")
    begun(chosen_settings, "c")


def test_a_folder_that_takes_no_files_is_found_before_any_work(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(dir: Path) -> None:
        raise PermissionError(13, "Permission denied", str(dir / "tmp"))

    monkeypatch.setattr(outputs, "TemporaryFile", refused)
    with pytest.raises(CoordinateFileError, match=rf"cannot be written to \(Perm.*: {settings.out}; choose"):
        begun(settings)


def test_unknown_formats(settings: Settings) -> None:
    with pytest.raises(ParameterError, match=r"choose from .*star"):
        begun(replace(settings, formats=("star", "docx")))
    assert not settings.out.exists()


def test_without_formats_the_picks_are_in_the_manifest(settings: Settings) -> None:
    folder = picked(replace(settings, formats=()), "a")
    assert {path.name for path in settings.out.iterdir()} == {MANIFEST, ".lock", "summary.csv"}
    np.testing.assert_array_equal(folder.manifest.picks(["a"])["a"].yx, PICKS.yx)


@pytest.mark.parametrize("resume", [True, False])
def test_other_options_are_refused_in_one_line(resume: bool, settings: Settings) -> None:
    picked(settings, "a")
    with pytest.raises(ParameterError) as caught:
        begun(replace(settings, resume=resume), "b", config=LARGER)
    start = "`resume`: " if resume else ""
    assert str(caught.value) == (
        f"{start}{settings.out} was picked with other options: `diameter_angstrom` was 40, is 50: repeat the "
        "first run's options, or give `overwrite` to pick all anew, or another `out`"
    )


def test_a_run_that_failed_leaves_nothing_in_the_way(settings: Settings) -> None:
    folder = begun(settings, "a")
    folder.fail(folder.start(MICROGRAPH).failed("a.mrc: no pixel size"))
    folder.write_tables()
    assert not (settings.out / "picks.csv").exists()
    picked(replace(settings, formats=("csv",)), "a", config=LARGER)
    assert [row["error"] for row in summary(settings)] == [""]


def test_a_folder_mixed_by_overwriting_may_be_gone_on_with(settings: Settings) -> None:
    picked(settings, "a", "b")
    begun(replace(settings, overwrite=True), "b", config=LARGER)  # interrupted before its first result
    begun(replace(settings, resume=True), "b", config=LARGER)
    with pytest.raises(ParameterError, match="`diameter_angstrom` was 40, is 50"):
        begun(replace(settings, resume=True), "a", config=LARGER)
    begun(replace(settings, resume=True), "a", "b")
    with pytest.raises(ParameterError, match="`diameter_angstrom` was 40, is 60"):
        begun(
            replace(settings, resume=True), "c", config=CONFIG.model_copy(update={"diameter_angstrom": 60.0})
        )


def test_pixel_sizes_are_compared_of_what_is_done(settings: Settings) -> None:
    picked(settings, "a", "b")
    resuming = replace(settings, resume=True)
    begun(replace(resuming, pixel_size_angstrom=2.00001), "a", "b")
    begun(replace(resuming, pixel_size_angstrom=2.5), "c")
    with pytest.raises(ParameterError, match=r"the pixel size of a was 2 A, is 2\.5 A: repeat"):
        begun(replace(resuming, pixel_size_angstrom=2.5), "c", "a")


def summary(settings: Settings) -> list[dict[str, str]]:
    with (settings.out / "summary.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_summary_has_a_row_for_each_micrograph(settings: Settings) -> None:
    folder = picked(settings, "z", "a, b")
    for name, picks in (("none", Picks.from_xy([], [])),):
        (one,) = named(name)
        folder.record(one, folder.start(one), picks)
    folder.fail(folder.start(named("bad")[0]).failed("bad.mrc: damaged\nnext line"))
    folder.write_tables()
    table = summary(settings)
    assert [tuple(row) for row in table] == 4 * [SUMMARY_COLUMNS]
    assert [list(row.values()) for row in table] == [
        ["a, b", "2", "0.6250", *6 * [""], "2", "60", "100", ""],
        ["bad", *8 * [""], "2", "", "", "bad.mrc: damaged next line"],
        ["none", "0", *7 * [""], "2", "60", "100", ""],
        ["z", "2", "0.6250", *6 * [""], "2", "60", "100", ""],
    ]


def test_tables_of_every_format_hold_all_micrographs(settings: Settings) -> None:
    mains = {name: one.main for name, one in formats.FORMATS.items() if one.main is not None}
    assert "cs" in mains
    picked(replace(settings, formats=tuple(mains)), "b", "a")
    for main in mains.values():
        assert list(formats.read(settings.out / main)) == ["a", "b"]


def test_a_table_that_cannot_be_written_keeps_no_other(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_whole = _files._write_whole

    def full(path: Path, content: bytes) -> None:
        if path.name == "picks.csv":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_whole(path, content)

    monkeypatch.setattr(_files, "_write_whole", full)
    with pytest.raises(CoordinateFileError, match=r"picks\.csv: cannot be written"):
        picked(replace(settings, formats=("csv", "topaz")), "a")
    monkeypatch.undo()
    assert {"picks.txt", "summary.csv"} <= {path.name for path in settings.out.iterdir()}
    folder = begun(replace(settings, formats=("csv", "topaz"), resume=True), "a")
    assert folder.done(MICROGRAPH) is not None
    folder.write_tables()
    assert len(formats.read(settings.out / "picks.csv")["a"]) == 2


def raised_from(cause: Exception) -> CoordinateFileError:
    try:
        try:
            raise cause
        except Exception as error:
            raise CoordinateFileError("a.star: cannot be written") from error
    except CoordinateFileError as error:
        return error


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EACCES, False), (errno.EIO, False)],
)
def test_the_disk_or_ones_share_of_it(number: int, expected: bool) -> None:
    error = OSError(number, os.strerror(number))
    assert is_disk_full(error) is expected
    assert is_disk_full(raised_from(error)) is expected
    assert is_disk_full(raised_from(raised_from(error))) is expected


def test_other_errors_than_a_full_disk() -> None:
    assert not is_disk_full(CoordinateFileError("No space left on device"))
    assert not is_disk_full(raised_from(ValueError("28")))
