"""Exports: planned, written, read back."""

from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker import formats
from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.export import PRESETS, ExportItem, plan, relion_project, run, written_name
from napari_hydrapicker.micrograph import Micrograph
from napari_hydrapicker.picks import Picks


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
    main = [f for f in report.files if f.name == formats.FORMATS[PRESETS[preset].format].main]
    back = {name: picks for file in main or report.files for name, picks in formats.read(file).items()}
    assert set(back) == {"m1", "m2"}
    for picks in back.values():
        order = np.argsort(picks.yx[:, 0])
        np.testing.assert_allclose(picks.yx[order], items[0].picks.yx, atol=PRESETS[preset].rounding_px)


def test_only_complete_micrographs_if_wanted(tmp_path: Path) -> None:
    items = [_item(tmp_path, "m1"), _item(tmp_path, "m2", complete=False)]
    assert list(plan(items, "csv", tmp_path, only_complete=True).picks) == ["m1"]
    with pytest.raises(ParameterError, match="marked complete"):
        plan(items[1:], "csv", tmp_path, only_complete=True)


def test_files_are_not_replaced_unasked(tmp_path: Path) -> None:
    items = [_item(tmp_path, "m1")]
    run(plan(items, "eman", tmp_path / "out"))
    again = plan(items, "eman", tmp_path / "out")
    assert again.existing == (tmp_path / "out" / "m1.box",)
    assert "1 exist already" in again.summary()
    with pytest.raises(CoordinateFileError, match="exists"):
        run(again)
    run(again, overwrite=True)


def test_boxes_are_as_wide_as_the_particle(tmp_path: Path) -> None:
    (file,) = run(plan([_item(tmp_path, "m1")], "eman", tmp_path / "out")).files
    assert file.read_text().split()[2] == "25"


def test_boxes_need_a_pixel_size(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="m1: a box size"):
        plan([_item(tmp_path, "m1", pixel_size=None)], "eman", tmp_path)


def test_two_micrographs_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="two micrographs are called m1"):
        plan([_item(tmp_path, "m1"), _item(tmp_path / "b", "m1")], "csv", tmp_path)


def test_a_file_that_differs_from_what_was_written_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = plan([_item(tmp_path, "m1")], "relion-particles", tmp_path / "out")
    whole = formats.write

    def lossy(picks: dict[str, Picks], *args: object, **options: object) -> list[Path]:
        return whole({name: one.select([0]) for name, one in picks.items()}, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(formats, "write", lossy)
    with pytest.raises(CoordinateFileError, match="1 picks on disk, but 2"):
        run(planned)


def test_relion_names_are_relative_to_its_project(tmp_path: Path) -> None:
    movies = tmp_path / "MotionCorr" / "job002"
    movies.mkdir(parents=True)
    assert written_name(movies / "m1.mrc") == "m1.mrc"
    (tmp_path / "default_pipeline.star").touch()
    assert written_name(movies / "m1.mrc") == "MotionCorr/job002/m1.mrc"
    assert relion_project(movies) == tmp_path
    folder = tmp_path / "AutoPick" / "job007"
    run(plan([_item(movies, "m1")], "relion-job", folder))
    text = (folder / "autopick.star").read_text()
    assert "MotionCorr/job002/m1.mrc AutoPick/job007/m1_autopick.star" in text


def test_an_unknown_preset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no export preset"):
        plan([], "imod", tmp_path)
