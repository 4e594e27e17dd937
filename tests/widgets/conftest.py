"""Simulated micrographs in a folder, and a dock in a viewer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from napari_hydrapicker.picks import Picks
from napari_hydrapicker.simulation.sample import Sample, sample_micrograph

Wait = Callable[..., None]


@pytest.fixture(scope="session")
def samples() -> list[Sample]:
    """Three simulated micrographs, not square: one, its mirror image, and the same on its side."""
    one = sample_micrograph(1, (480, 640))
    mirrored, turned = one.picks.yx * (-1, 1) + (479, 0), one.picks.yx[:, ::-1]
    return [
        one,
        replace(one, image=one.image[::-1].copy(), picks=Picks(mirrored)),
        replace(one, image=one.image.T.copy(), picks=Picks(turned)),
    ]


@pytest.fixture
def folder(tmp_path: Path, samples: list[Sample]) -> Path:
    """A folder with three micrographs."""
    made = tmp_path / "micrographs"
    made.mkdir()
    for i, sample in enumerate(samples):
        with mrcfile.new(made / f"m{i}.mrc") as file:
            file.set_data(sample.image)
            file.voxel_size = sample.pixel_size_angstrom
    return made


@pytest.fixture
def wait(qapp_exists: None) -> Wait:
    """Let Qt work until something is the case."""

    def until(condition: Callable[[], bool], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            QApplication.processEvents()
            time.sleep(0.005)

    return until


@pytest.fixture
def qapp_exists() -> Iterator[None]:
    """A Qt application, as napari makes it; late deletions are done before the next test."""
    from napari.qt import get_qapp

    app = get_qapp()
    yield
    for _ in range(3):
        app.processEvents()


@pytest.fixture
def dock(make_napari_viewer: Any, folder: Path, samples: list[Sample], wait: Wait) -> Iterator[Any]:
    """The dock in a viewer, with the folder open and its particle's diameter set."""
    from napari_hydrapicker.widgets.dock import HydraPickerWidget

    viewer = make_napari_viewer(show=False)
    made = HydraPickerWidget(viewer)
    viewer.window.add_dock_widget(made, name="HydraPicker")
    made.opener.open([str(folder)])
    wait(lambda: made.canvas.micrograph_id is not None)
    made.session.update(diameter_angstrom=samples[0].diameter_angstrom)
    yield made
    made.close_session()
    viewer.window.remove_dock_widget(made)
    made.deleteLater()


@pytest.fixture
def picked(dock: Any) -> Any:
    """The dock, its first micrograph picked with known picks: the scores 0.9, 0.7, 0.3."""
    picks = Picks(np.array([[100.0, 500.0], [300.0, 200.0], [400.0, 600.0]]), np.array([0.9, 0.7, 0.3]))
    dock.session.put_picks(dock.session.records[0].id, picks)
    return dock
