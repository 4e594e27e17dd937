"""Images of napari's as micrographs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtWidgets import QFileDialog

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.gui.layers.layer_images import file_of, image_layers, picture_of
from napari_hydrapicker.io.micrograph import open_micrograph
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.simulation.sample import Sample

Wait = Callable[..., None]
PIXELS = np.arange(48 * 64, dtype=np.float32).reshape(48, 64)


def test_the_active_image_comes_first_and_the_plugins_own_never() -> None:
    viewer = ViewerModel()
    viewer.add_image(PIXELS, name="a")
    viewer.add_image(PIXELS, name="ours")
    viewer.add_labels(np.zeros((48, 64), int), name="labels")
    viewer.add_image(PIXELS, name="b", visible=False)
    viewer.add_points([[1, 2]], name="points")
    assert [layer.name for layer in image_layers(viewer, ["ours"])] == ["a", "b"]
    viewer.layers.selection.active = viewer.layers["b"]
    assert [layer.name for layer in image_layers(viewer, ["ours"])] == ["b", "a"]


@pytest.mark.parametrize(
    ("options", "angstrom"),
    [
        ({}, None),
        ({"scale": (2.0, 2.0)}, None),
        ({"scale": (0.2, 0.2), "units": ("nm", "nm")}, 2.0),
        ({"scale": (1.5, 1.5), "units": ("angstrom", "angstrom")}, 1.5),
        ({"metadata": {"pixel_size_angstrom": 5.36}, "scale": (9.0, 9.0)}, 5.36),
        ({"scale": (1.0, 1.0), "units": ("um", "um")}, None),
    ],
)
def test_the_pixel_size_is_what_the_layer_says(options: dict[str, Any], angstrom: float | None) -> None:
    found = picture_of(Image(PIXELS, **options), (0, 0)).pixel_size_angstrom
    assert found == (None if angstrom is None else pytest.approx(angstrom))


def test_of_a_stack_the_plane_that_is_seen_is_taken(tmp_path: Path) -> None:
    stack = np.stack([PIXELS, PIXELS + 7, PIXELS[::-1] * 2])
    picture = picture_of(Image(stack, name="a b/c", metadata={"pixel_size_angstrom": 2.5}), (2, 0, 0))
    written = open_micrograph(picture.write(tmp_path))
    assert (written.path.name, written.pixel_size_angstrom) == ("a-b-c.mrc", 2.5)
    np.testing.assert_array_equal(written.pixels(), stack[2])


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.float64, np.float16, bool, ">f4"])
def test_pixels_of_any_type_are_kept(tmp_path: Path, kind: Any) -> None:
    pixels = (PIXELS % 2).astype(kind)
    written = open_micrograph(picture_of(Image(pixels, name="one"), (0, 0)).write(tmp_path))
    np.testing.assert_array_equal(written.pixels().astype(float), pixels.astype(float))


def test_what_is_no_micrograph_is_refused_in_words() -> None:
    with pytest.raises(ParameterError, match="colour image"):
        picture_of(Image(np.zeros((9, 8, 3), np.uint8), rgb=True, name="photo"), (0, 0))
    oblong = Image(PIXELS, scale=(1.0, 2.0), units=("angstrom", "angstrom"), name="oblong")
    with pytest.raises(ParameterError, match="square"):
        picture_of(oblong, (0, 0))


def test_a_layer_of_a_file_is_that_file(folder: Path, tmp_path: Path) -> None:
    layer = Image(PIXELS, metadata={"path": str(folder / "m1.mrc")})
    assert file_of(layer) == folder / "m1.mrc"
    assert file_of(Image(PIXELS, metadata={"path": str(tmp_path / "gone.mrc")})) is None
    assert file_of(Image(PIXELS)) is None


@pytest.fixture
def empty(qapp_exists: None) -> Iterator[Any]:
    """A dock with nothing open, in a viewer without a window."""
    from napari_hydrapicker.gui.dock import HydraPickerWidget

    made = HydraPickerWidget(ViewerModel())
    yield made
    made.close_session()
    made.deleteLater()


def _add_sample(viewer: Any, sample: Sample) -> Any:
    metadata = {
        "pixel_size_angstrom": sample.pixel_size_angstrom,
        "diameter_angstrom": sample.diameter_angstrom,
    }
    return viewer.add_image(sample.image, name="simulated micrograph", metadata=metadata)


def test_the_sample_is_picked_and_saved_as_a_project(
    empty: Any, samples: list[Sample], tmp_path: Path, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, session = _add_sample(empty.viewer, samples[0]), empty.session
    empty.commands.pick("this")
    wait(lambda: session.is_open and len(session.records) == 1 and not empty.jobs.running, 90)
    wait(lambda: session.records[0].status is Status.PICKED, 90)
    assert not layer.visible, "the same is seen as a micrograph"
    assert session.settings.diameter_angstrom == samples[0].diameter_angstrom
    number = session.records[0].id
    gap = np.linalg.norm(session.picks(number).yx[:, None] - samples[0].picks.yx[None], axis=2).min(axis=1)
    assert (gap < 15).mean() > 0.7
    assert "Not saved" in empty.micrographs.project_name.text()
    passing, labels = session.project.path.parent, session.labels(number)
    assert empty.recent.projects == []
    chosen = tmp_path / "mine"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(chosen), ""))
    empty.opener.ask("project")
    assert session.project.path == tmp_path / "mine.hydrapicker"
    assert session.records[0].path == tmp_path / "simulated-micrograph.mrc"
    assert session.labels(session.records[0].id).equals(labels)
    assert not passing.exists()
    assert not session.passing


def test_what_is_there_already_is_not_written_over(
    empty: Any, samples: list[Sample], tmp_path: Path, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    empty.opener.problem.connect(told.append)
    _add_sample(empty.viewer, samples[0])
    empty.opener.open_layer()
    wait(lambda: empty.canvas.micrograph_id is not None)
    empty.jobs._on_project()  # no need to wait for its picks
    (tmp_path / "simulated-micrograph.mrc").write_text("mine")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(tmp_path / "a"), ""))
    empty.opener.ask("project")
    assert "exists already" in told[-1]
    assert empty.session.passing
    assert (tmp_path / "simulated-micrograph.mrc").read_text() == "mine"
    assert not (tmp_path / "a.hydrapicker").exists()


def test_an_image_of_unknown_pixel_size_waits_for_it(empty: Any, wait: Wait) -> None:
    told: list[str] = []
    empty.opener.problem.connect(told.append)
    empty.viewer.add_image(np.random.default_rng(0).normal(size=(300, 420)).astype(np.float32), name="mine")
    empty.commands.pick("this")
    wait(lambda: empty.canvas.micrograph_id is not None)
    assert "pixel size" in told[0]
    assert not empty.jobs.running


def test_what_nobody_saved_is_gone_when_something_else_opens(
    empty: Any, folder: Path, wait: Wait, samples: list[Sample]
) -> None:
    empty.viewer.add_image(samples[0].image, name="mine")
    empty.opener.open_layer("mine")
    wait(lambda: empty.canvas.micrograph_id is not None)
    passing = empty.session.project.path.parent
    assert passing.exists()
    empty.opener.open([str(folder)])
    wait(lambda: len(empty.session.records) == 3)
    assert not passing.exists()
    empty.opener.open_layer("mine")
    wait(lambda: empty.session.passing)
    passing = empty.session.project.path.parent
    empty.close_session()
    assert not passing.exists()


def test_a_layer_that_was_read_from_a_file_opens_it(empty: Any, folder: Path, wait: Wait) -> None:
    from napari_hydrapicker.gui.reader import read_micrographs

    data, options, _ = read_micrographs(str(folder / "m1.mrc"))[0]
    empty.viewer.add_image(data, **options)
    assert empty.opener.open_layer()
    wait(lambda: empty.canvas.micrograph_id is not None)
    assert empty.session.records[0].path == folder / "m1.mrc"
    assert not empty.session.passing


def test_with_nothing_open_there_is_nothing_to_pick(empty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("napari_hydrapicker.gui.controllers.commands.warn", told.append)
    empty.commands.pick("this")
    assert told == ["Nothing to pick: open a folder or an image, or select micrographs in the table"]
