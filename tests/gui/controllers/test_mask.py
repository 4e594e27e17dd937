"""What is left out, as a layer, and painting on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_hydrapicker.errors import ProjectError
from napari_hydrapicker.gui.layers.mask_layer import NAME
from napari_hydrapicker.gui.layers.tools import Tool
from napari_hydrapicker.io.edited_mask import EditedMask, MaskGrid
from napari_hydrapicker.project.project import Project

Wait = Callable[..., None]


@pytest.fixture
def blank(qapp_exists: None, tmp_path: Path, wait: Wait) -> Iterator[Any]:
    """A dock with a micrograph of 480 x 640 pixels whose lower third is blank, and one without."""
    from napari_hydrapicker.gui.dock import HydraPickerWidget

    folder = tmp_path / "some"
    folder.mkdir()
    noise = np.random.default_rng(0).normal(size=(480, 640)).astype(np.float32)
    lower = noise.copy()
    lower[320:] = 0
    for name, pixels in (("m0", lower), ("m1", noise)):
        with mrcfile.new(folder / f"{name}.mrc") as file:
            file.set_data(pixels)
            file.voxel_size = 3.0
    made = HydraPickerWidget(ViewerModel())
    made.opener.open([str(folder)])
    wait(lambda: made.canvas.micrograph_id is not None)
    yield made
    made.close_session()
    made.deleteLater()


def test_blank_areas_are_marked_where_they_are_and_the_picks_lie_above(blank: Any, wait: Wait) -> None:
    layers, session = blank.viewer.layers, blank.session
    assert NAME not in layers
    blank.pick.show_mask.setChecked(True)
    wait(lambda: NAME in layers)
    layer = layers[NAME]
    np.testing.assert_allclose(layer.extent.world[1], [479, 639], atol=5)
    marked = np.argwhere(layer.data > 0) * np.array(layer.scale)
    assert (marked[:, 0] > 280).all()
    assert layer.data[-1].all()
    share = int(blank.pick.show_mask.text().removeprefix("Show mask: ").partition("%")[0])
    assert 30 <= share <= 42, "a third, and its edge"
    names = [one.name for one in layers]
    order = [names.index(n) for n in ("HydraPicker micrograph", NAME, "HydraPicker picks")]
    assert order == sorted(order)
    session.set_current(session.records[1].id)
    wait(lambda: not layers[NAME].data.any())
    wait(lambda: blank.pick.show_mask.text().endswith(": 0%"))
    blank.pick.show_mask.setChecked(False)
    wait(lambda: NAME not in layers)
    assert blank.pick.show_mask.text() == "Show mask"


def test_without_a_pixel_size_nothing_can_be_said(blank: Any, wait: Wait) -> None:
    blank.session._change_record(blank.session.current, pixel_size_angstrom=None)
    blank.pick.show_mask.setChecked(True)
    assert not blank.tasks.busy
    assert NAME not in blank.viewer.layers


def painted(shape: tuple[int, int], rows: slice, cols: slice) -> EditedMask:
    """A mask in which a box of the micrograph's grid is left out."""
    left_out = np.zeros(MaskGrid.of(shape).shape, np.bool_)
    left_out[rows, cols] = True
    return EditedMask.from_left_out(left_out, shape)


def begin(dock: Any, wait: Wait) -> Any:
    """Paint on the current micrograph's mask; returns the layer."""
    dock.mask_controller.edit()
    wait(lambda: NAME in dock.viewer.layers and str(dock.viewer.layers[NAME].mode) == "paint")
    return dock.viewer.layers[NAME]


def paint(layer: Any, rows: slice, cols: slice, label: int = 1) -> None:
    """A stroke of napari's, as its mouse makes it."""
    with layer.block_history():
        layer.data_setitem(tuple(part.ravel() for part in np.mgrid[rows, cols]), label)


def mask_of(dock: Any) -> EditedMask | None:
    mask: EditedMask | None = dock.session.record(dock.session.current).mask
    return mask


def test_a_stroke_is_in_the_project_and_what_was_found_with_it(blank: Any, wait: Wait) -> None:
    layer = begin(blank, wait)
    assert blank.pick.show_mask.isChecked()
    assert blank.pick.edit_mask.isChecked()
    assert blank.viewer.layers.selection.active is layer
    found = layer.data != 0
    assert mask_of(blank) is None, "to begin changes nothing"
    paint(layer, slice(40, 90), slice(500, 620), label=3)
    mask = mask_of(blank)
    assert mask is not None
    expected = found.copy()
    expected[40:90, 500:620] = True
    np.testing.assert_array_equal(mask.left_out(), expected)
    with closing(Project.open(blank.session.project.path)) as other:
        assert {r.id: r.mask for r in other.micrographs()}[blank.session.current] == mask
    assert blank.pick.show_mask.text().endswith(", edited")
    blank.mask_controller.undo()
    np.testing.assert_array_equal(mask_of(blank).left_out(), found)  # type: ignore[union-attr]
    blank.mask_controller.redo()
    assert mask_of(blank) == mask


def test_it_is_found_again_when_the_user_wants_it_and_that_can_be_undone(blank: Any, wait: Wait) -> None:
    layer = begin(blank, wait)
    found = layer.data.copy()
    assert not blank.pick.find_mask.isEnabled()
    paint(layer, slice(40, 90), slice(500, 620))
    mask = mask_of(blank)
    blank.pick.find_mask.click()
    assert mask_of(blank) is None
    wait(lambda: np.array_equal(layer.data, found))
    assert mask_of(blank) is None, "what is found is not painted"
    assert not blank.pick.find_mask.isEnabled()
    blank.mask_controller.undo()
    assert mask_of(blank) == mask


def test_what_was_painted_holds_at_every_diameter(blank: Any, wait: Wait) -> None:
    layer = begin(blank, wait)
    paint(layer, slice(40, 90), slice(500, 620))
    mask, shown = mask_of(blank), layer.data.copy()
    blank.session.update(diameter_angstrom=250.0)
    wait(lambda: not blank.tasks.busy and not blank.mask_controller._settle.isActive())
    assert mask_of(blank) == mask
    np.testing.assert_array_equal(layer.data, shown)


def test_each_micrograph_has_its_own_and_nothing_is_painted_on_while_one_is_found(
    blank: Any, wait: Wait
) -> None:
    session = blank.session
    first, second = (record.id for record in session.records)
    layer = begin(blank, wait)
    paint(layer, slice(40, 90), slice(500, 620))
    mask = mask_of(blank)
    session.set_current(second)
    wait(lambda: blank.canvas.micrograph_id == second)
    assert not layer.data.any(), "not the mask before, on which a stroke would go"
    assert not layer.editable
    paint(layer, slice(0, 9), slice(0, 9))
    assert session.record(second).mask is None, "there was nothing to paint on yet"
    wait(lambda: layer.editable)
    assert str(layer.mode) == "paint", "the brush is still in hand"
    assert not layer.data.any()
    paint(layer, slice(200, 260), slice(10, 50))
    assert session.record(second).mask == painted((480, 640), slice(200, 260), slice(10, 50))
    assert session.record(first).mask == mask
    session.set_current(first)
    wait(lambda: layer.editable and bool(layer.data.any()))
    np.testing.assert_array_equal(layer.data != 0, mask.left_out())  # type: ignore[union-attr]
    blank.mask_controller.undo()
    assert (session.record(first).mask, mask_of(blank)) == (mask, mask), (
        "strokes of before are no longer undone"
    )


def test_the_layer_of_a_binned_micrograph_lies_on_its_pixels(dock: Any, wait: Wait, tmp_path: Path) -> None:
    """3 pixels a block, and the display copy has 2: both cover the micrograph from -0.5 on."""
    shape = (1540, 2600)
    with mrcfile.new(tmp_path / "large.mrc") as file:
        file.set_data(np.random.default_rng(0).normal(size=shape).astype(np.float32))
        file.voxel_size = 2.0
    dock.opener.open([str(tmp_path / "large.mrc")])
    wait(lambda: dock.canvas.display is not None and dock.canvas.display.extent_px == shape)
    layer = begin(dock, wait)
    assert layer.data.shape == (514, 867)
    np.testing.assert_allclose(layer.scale, [3, 3])
    first, last = layer.extent.world  # centres of the outermost blocks
    np.testing.assert_allclose(first - 1.5, [-0.5, -0.5])
    assert ((last + 1.5 >= np.array(shape) - 0.5) & (last + 1.5 < np.array(shape) + 2.5)).all()
    row, col = (round(n) for n in layer.world_to_data((301.0, 2500.0)))
    paint(layer, slice(row, row + 1), slice(col, col + 1))
    mask = mask_of(dock)
    assert mask is not None
    assert not mask.is_usable([[301.0, 2500.0]])[0]
    assert mask.is_usable([[301.0 - 3, 2500.0], [301.0, 2500.0 + 3]]).all()


def test_tools_of_the_picks_end_it_and_other_actions_do_not(blank: Any, wait: Wait) -> None:
    layer = begin(blank, wait)
    blank.correct.undo.click()  # the strokes' undo meanwhile
    assert blank.mask_controller.editing
    assert blank.viewer.layers.selection.active is layer
    blank.tools.choose(Tool.ADD)
    assert not blank.mask_controller.editing
    assert not blank.pick.edit_mask.isChecked()
    assert str(layer.mode) == "pan_zoom"
    assert blank.viewer.layers.selection.active.name == "HydraPicker picks"
    layer = begin(blank, wait)
    assert blank.tools.tool is Tool.BROWSE, "a stroke must not add picks"
    blank.viewer.add_image(np.ones((9, 70)), name="of my own")
    wait(lambda: not blank.mask_controller.editing)
    assert blank.viewer.layers.selection.active.name == "of my own"
    layer = begin(blank, wait)
    blank.pick.show_mask.setChecked(False)
    assert not blank.mask_controller.editing
    assert NAME not in blank.viewer.layers


def test_a_deleted_layer_comes_back_under_the_brush(blank: Any, wait: Wait) -> None:
    layer = begin(blank, wait)
    paint(layer, slice(40, 90), slice(500, 620))
    before = mask_of(blank)
    for _ in range(2):
        blank.viewer.layers.remove(NAME)
        wait(lambda: NAME in blank.viewer.layers and not blank.mask_controller._begin_anew.isActive())
    QTest.qWait(150)
    assert blank.mask_controller.editing
    assert blank.viewer.layers.selection.active is layer
    assert (str(layer.mode), mask_of(blank)) == ("paint", before)
    blank.viewer.layers.clear()
    wait(lambda: NAME in blank.viewer.layers)
    names = [one.name for one in blank.viewer.layers]
    assert names == ["HydraPicker micrograph", NAME, "HydraPicker picks"]


def test_a_layer_that_was_moved_would_be_painted_elsewhere(blank: Any, wait: Wait) -> None:
    layer = begin(blank, wait)
    layer.mode = "transform"
    assert str(layer.mode) == "pan_zoom"


def test_what_cannot_be_painted_on_is_said(blank: Any, wait: Wait) -> None:
    heard: list[str] = []
    blank.mask_controller.problem.connect(heard.append)
    session = blank.session
    session._change_record(session.current, pixel_size_angstrom=None)
    wait(lambda: not blank.pick.edit_mask.isEnabled())  # and so by its key
    blank.mask_controller.toggle()
    assert not blank.pick.edit_mask.isChecked()
    assert "pixel size" in heard[-1]
    session.project.read_only = True
    blank.mask_controller.toggle()
    assert "read-only" in heard[-1]
    session.project.read_only = False
    session.close()
    blank.mask_controller.toggle()
    assert "open a folder" in heard[-1]
    assert not blank.pick.edit_mask.isChecked()


def test_a_stroke_that_cannot_be_written_is_taken_back(
    blank: Any, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    blank.mask_controller.problem.connect(heard.append)
    layer = begin(blank, wait)
    found = layer.data.copy()

    def full(*_: object) -> None:
        raise ProjectError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(blank.session.project, "set_mask", full)
        paint(layer, slice(40, 90), slice(500, 620))
    assert heard == ["the disk is full"]
    wait(lambda: layer.editable and np.array_equal(layer.data, found))
    assert mask_of(blank) is None
    paint(layer, slice(40, 90), slice(500, 620))
    assert mask_of(blank) is not None


def test_the_hint_says_when_picking_does_not_heed_it(blank: Any, wait: Wait) -> None:
    begin(blank, wait)
    assert not blank.pick.mask_hint.isHidden()
    assert "Picking ignores it" not in blank.pick.mask_hint.text()
    blank.pick.parameters.field("use_mask").setChecked(False)
    assert "Picking ignores it now" in blank.pick.mask_hint.text()
    blank.mask_controller.end()
    assert blank.pick.mask_hint.isHidden()


@pytest.mark.parametrize("which", ["this", "all"])
def test_what_was_painted_goes_along_with_what_is_to_be_picked(
    dock: Any, double: Any, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = dock.session
    first = session.records[0]
    own = painted(first.shape, slice(10, 60), slice(500, 620))
    session.set_mask(first.id, own)
    monkeypatch.setattr(dock.jobs, "_child", double)
    dock.commands.pick(which)
    sent = {number: one.mask for number, one in double.sent[-1].micrographs.items()}
    assert sent.pop(first.id) == own
    assert set(sent.values()) <= {None}
    dock.jobs._on_project()


def test_with_mouse_and_keys(picked: Any, hand: Any, wait: Wait) -> None:
    """A micrograph of 480 x 640, on a real canvas."""
    session, viewer = picked.session, picked.viewer
    labels = session.labels(session.current)
    hand.key(Qt.Key.Key_M)
    wait(lambda: NAME in viewer.layers and str(viewer.layers[NAME].mode) == "paint")
    layer = viewer.layers[NAME]
    layer.brush_size = 20
    hand.drag((100, 480), (100, 560))
    mask = mask_of(picked)
    assert mask is not None
    assert not mask.is_usable([[100, 480], [100, 520], [100, 560], [92, 500]]).any()
    assert mask.is_usable([[120, 520], [100, 600], [480 - 100, 520], [100, 640 - 520], [520, 100]]).all()
    hand.key(Qt.Key.Key_E)
    hand.drag((100, 500), (100, 505))
    wait(lambda: mask_of(picked) != mask)
    after = mask_of(picked)
    assert after is not None
    assert after.is_usable([[100, 500]])[0]
    assert not after.is_usable([[100, 545]])[0]
    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert mask_of(picked) == mask
    hand.key(Qt.Key.Key_2)
    assert str(layer.mode) == "paint"
    hand.key(Qt.Key.Key_M)
    assert not picked.mask_controller.editing
    assert viewer.layers.selection.active.name == "HydraPicker picks"
    assert session.labels(session.current).equals(labels), "no pick was added, moved or erased"
    assert len(viewer.layers) == 3


def test_a_micrograph_of_another_shape_fills_the_view(dock: Any, wait: Wait) -> None:
    """480 x 640, then 640 x 480: what lay on the first must not be in view beside the second."""
    layer = begin(dock, wait)
    seen: list[Any] = []
    dock.canvas.shown.connect(
        lambda _: seen.append([tuple(one.extent.world[1]) for one in (layer, _image(dock))])
    )
    dock.session.set_current(dock.session.records[2].id)
    wait(lambda: bool(seen) and layer.editable)
    assert seen == [[(639, 479), (639, 479)]]
    assert layer.data.shape == (640, 480)


def _image(dock: Any) -> Any:
    return dock.viewer.layers["HydraPicker micrograph"]
