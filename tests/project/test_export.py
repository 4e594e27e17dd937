"""Exports: planned, written, read back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.coordinates.folder import read_matched
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project.export import PRESETS, ExportItem, plan, run


def _item(folder: Path, name: str, complete: bool = True, pixel_size: float | None = 2.0) -> ExportItem:
    yx = np.array([[20.25, 300.5], [90.0, 41.75]])
    picks = Picks(yx, np.array([0.9, np.nan], np.float32))
    return ExportItem(Micrograph(folder / f"{name}.mrc", (120, 350), pixel_size), picks, complete, 50.0)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_target_holds_the_picks(tmp_path: Path, preset: str) -> None:
    items = [_item(tmp_path, "m1"), _item(tmp_path, "m2", complete=False)]
    planned = plan(items, preset, tmp_path / "out")
    assert (planned.n_picks, planned.existing) == (4, ())
    assert not (tmp_path / "out").exists(), "a plan writes nothing"
    report = run(planned)
    assert set(report.files) == set(planned.files)
    assert report.outcome() == "4 picks on 2 micrographs written, read back and found the same"
    assert report.summary() == f"{report.outcome()}: {tmp_path / 'out'}", "what is cut off first is last"
    main = [f for f in report.files if f.name == formats.FORMATS[PRESETS[preset].format].main]
    back = {name: picks for file in main or report.files for name, picks in formats.read(file).items()}
    assert set(back) == {"m1", "m2"}
    for picks in back.values():
        order = np.argsort(picks.yx[:, 0])
        np.testing.assert_allclose(picks.yx[order], items[0].picks.yx, atol=PRESETS[preset].rounding_px)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", ["a b", "x.y_1.5", "m1_autopick", "µ_1", "a.tiff", "a.map"])
def test_unusual_names_come_back(tmp_path: Path, preset: str, name: str) -> None:
    # run() reads everything back and compares it by name.
    report = run(plan([_item(tmp_path, name), _item(tmp_path, "m1")], preset, tmp_path / "out"))
    assert (report.n_picks, report.n_micrographs) == (4, 2)


@pytest.mark.parametrize("preset", PRESETS)
def test_frames_of_a_stack_stay_apart(tmp_path: Path, preset: str) -> None:
    items = [
        ExportItem(
            Micrograph(tmp_path / "s.mrcs", (120, 350), 2.0, frame, 3),
            Picks([[20.0 + frame, 300.0]]),  # type: ignore[arg-type]
            True,
            50.0,
        )
        for frame in range(3)
    ]
    planned = plan(items, preset, tmp_path / "out")
    assert list(planned.picks) == ["s_0001", "s_0002", "s_0003"]
    assert run(planned).n_picks == 3


@pytest.mark.parametrize("preset", PRESETS)
def test_a_micrograph_without_picks_is_counted(tmp_path: Path, preset: str) -> None:
    bare = replace(_item(tmp_path, "m2"), picks=Picks(np.empty((0, 2))))
    planned = plan([_item(tmp_path, "m1"), bare], preset, tmp_path / "out")
    report = run(planned)
    assert (report.n_picks, report.n_micrographs) == (2, 2)
    assert set(report.files) == set(planned.files)


def test_if_one_file_exists_none_is_written(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(plan([_item(tmp_path, "m2")], "eman", out))
    before = (out / "m2.box").read_bytes()
    items = [_item(tmp_path, "m1"), replace(_item(tmp_path, "m2"), picks=Picks(np.empty((0, 2))))]
    with pytest.raises(CoordinateFileError, match="exists"):
        run(plan(items, "eman", out))
    assert [(file.name, file.read_bytes()) for file in out.iterdir()] == [("m2.box", before)]


def test_only_complete_micrographs_if_wanted(tmp_path: Path) -> None:
    items = [_item(tmp_path, "m1"), _item(tmp_path, "m2", complete=False)]
    assert list(plan(items, "csv", tmp_path, only_complete=True).picks) == ["m1"]
    with pytest.raises(ParameterError, match="marked complete"):
        plan(items[1:], "csv", tmp_path, only_complete=True)


def test_what_the_user_has_excluded_is_said(tmp_path: Path) -> None:
    planned = plan([_item(tmp_path, "m1")], "csv", tmp_path / "out", excluded=2)
    assert planned.summary() == "2 picks on 1 micrograph, 1 file; 2 excluded micrographs left out"
    assert run(planned).outcome().endswith("found the same; 2 excluded micrographs left out")


def test_files_are_not_replaced_unasked(tmp_path: Path) -> None:
    items = [_item(tmp_path, "m1")]
    run(plan(items, "eman", tmp_path / "out"))
    again = plan(items, "eman", tmp_path / "out")
    assert again.existing == (tmp_path / "out" / "m1.box",)
    assert again.summary() == "2 picks on 1 micrograph, 1 file; 1 exists already"
    with pytest.raises(CoordinateFileError, match="exists"):
        run(again)
    run(again, overwrite=True)


def test_boxes_are_as_wide_as_the_particle(tmp_path: Path) -> None:
    (file,) = run(plan([_item(tmp_path, "m1")], "eman", tmp_path / "out")).files
    assert file.read_text().split()[2] == "25"


def test_boxes_need_a_pixel_size(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="m1: a box size"):
        plan([_item(tmp_path, "m1", pixel_size=None)], "eman", tmp_path)


@pytest.mark.parametrize("preset", PRESETS)
def test_one_name_in_two_folders_is_two_micrographs(tmp_path: Path, preset: str) -> None:
    items = [_item(tmp_path / "g1", "m1"), _item(tmp_path / "g2", "m1"), _item(tmp_path / "g2", "m2")]
    planned = plan(items, preset, tmp_path / "out")
    assert list(planned.picks) == ["g1/m1", "g2/m1", "m2"]
    report = run(planned)
    assert (report.n_picks, report.n_micrographs) == (6, 3)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_micrograph_keeps_the_name_that_it_has_beside_one_left_out(tmp_path: Path, preset: str) -> None:
    """As where another of its name is excluded: else nobody knows later on which of them this was."""
    item = _item(tmp_path / "grid2", "m")
    item = replace(item, micrograph=replace(item.micrograph, folder="grid2"))
    planned = plan([item, _item(tmp_path / "grid2", "n")], preset, tmp_path / "out")
    assert list(planned.picks) == ["grid2/m", "n"]
    run(planned)
    every = [Micrograph(tmp_path / grid / "m.mrc", (120, 350), 2.0) for grid in ("grid1", "grid2")]
    found, _ = read_matched(tmp_path / "out", every)
    assert found[0] is None, "the one left out"
    assert found[1] is not None
    assert len(found[1]) == 2


def test_two_micrographs_of_one_folder_and_name_are_refused(tmp_path: Path) -> None:
    second = _item(tmp_path, "m1")
    with pytest.raises(ParameterError, match="two micrographs of one folder are called m1"):
        plan([_item(tmp_path, "m1"), second], "csv", tmp_path)


def test_a_file_that_differs_from_what_was_written_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = plan([_item(tmp_path, "m1")], "relion-particles", tmp_path / "out")
    whole = formats.write

    def lossy(picks: dict[str, Picks], *args: object, **options: object) -> list[Path]:
        return whole({name: one.select([0]) for name, one in picks.items()}, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(formats, "write", lossy)
    with pytest.raises(CoordinateFileError, match="1 pick on disk, not the 2 that were written"):
        run(planned)


def test_relion_names_are_relative_to_its_project(tmp_path: Path) -> None:
    movies = tmp_path / "MotionCorr" / "job002"
    movies.mkdir(parents=True)
    (tmp_path / "default_pipeline.star").touch()
    folder = tmp_path / "AutoPick" / "job007"
    run(plan([_item(movies, "m1")], "relion-job", folder))
    text = (folder / "autopick.star").read_text()
    assert "MotionCorr/job002/m1.mrc AutoPick/job007/m1_autopick.star" in text


def test_an_unknown_preset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no export preset"):
        plan([], "imod", tmp_path)
