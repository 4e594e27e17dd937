"""What is left out, as a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_hydrapicker.gui.controllers.mask import NAME

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
    share = int(blank.pick.show_mask.text().removeprefix("Show what is left out: ").partition("%")[0])
    assert 30 <= share <= 42, "a third, and its edge"
    names = [one.name for one in layers]
    order = [names.index(n) for n in ("HydraPicker micrograph", NAME, "HydraPicker picks")]
    assert order == sorted(order)
    session.set_current(session.records[1].id)
    wait(lambda: not layers[NAME].data.any())
    assert blank.pick.show_mask.text().endswith(": 0% of this one")
    blank.pick.show_mask.setChecked(False)
    wait(lambda: NAME not in layers)
    assert blank.pick.show_mask.text() == "Show what is left out"


def test_without_a_pixel_size_nothing_can_be_said(blank: Any, wait: Wait) -> None:
    blank.session._change_record(blank.session.current, pixel_size_angstrom=None)
    blank.pick.show_mask.setChecked(True)
    assert not blank.tasks.busy
    assert NAME not in blank.viewer.layers
