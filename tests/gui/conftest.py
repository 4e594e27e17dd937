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
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_hydrapicker.gui.layers.canvas import camera_of
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.simulation.sample import Sample, sample_micrograph
from napari_hydrapicker.worker.messages import Message

Wait = Callable[..., None]
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


class Double:
    """Stands for the child process: says what it is given."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.says: list[Message] = []
        self.cancelled: list[int] = []
        self.cancelling = False
        self.ended: list[str] = []

    def send(self, message: Message) -> None:
        self.sent.append(message)

    def poll(self) -> list[Message]:
        said, self.says = self.says, []
        return said

    def cancel(self, job: int) -> None:
        self.cancelled.append(job)

    def stop(self) -> None:
        self.ended.append("stopped")

    def leave(self) -> None:
        self.ended.append("left")

    def close(self) -> None:
        self.ended.append("closed")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's own files go, and what was open last is noted."""
    monkeypatch.setenv("HYDRAPICKER_HOME", str(tmp_path / "user"))
    return tmp_path / "user"


@pytest.fixture
def double() -> Double:
    """Stands for the process in the background."""
    return Double()


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
def viewer(request: pytest.FixtureRequest, qapp_exists: None) -> Any:
    """A viewer: with a window for tests with a hand, else without, which takes a tenth of the time."""
    if "hand" in request.fixturenames:
        return request.getfixturevalue("make_napari_viewer")(show=False)
    return ViewerModel()


@pytest.fixture
def dock(viewer: Any, folder: Path, samples: list[Sample], wait: Wait) -> Iterator[Any]:
    """The dock of a viewer, with the folder open and its particle's diameter set."""
    from napari_hydrapicker.gui.dock import HydraPickerWidget

    window = getattr(viewer, "window", None)
    made = HydraPickerWidget(viewer)
    if window is not None:
        window.add_dock_widget(made, name="HydraPicker")
    made.opener.open([str(folder)])
    wait(lambda: made.canvas.micrograph_id is not None)
    made.session.update(diameter_angstrom=samples[0].diameter_angstrom)
    wait(lambda: made.pick.buttons[0].isEnabled())  # the guide follows after the next frame
    yield made
    made.close_session()
    if window is not None:
        window.remove_dock_widget(made)
    made.deleteLater()


@pytest.fixture
def picked(dock: Any) -> Any:
    """The dock, its first micrograph picked with known picks: the scores 0.9, 0.7, 0.3."""
    picks = Picks(np.array([[100.0, 500.0], [300.0, 200.0], [400.0, 600.0]]), np.array([0.9, 0.7, 0.3]))
    dock.session.put_picks(dock.session.records[0].id, picks)
    return dock


class Hand:
    """Real mouse and key events on the canvas of a viewer; places are (row, column) of the micrograph."""

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.canvas = viewer.window._qt_viewer.canvas.native

    def key(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
        """Press and release a key."""
        QTest.keyClick(self.canvas, key, modifiers)
        QApplication.processEvents()

    def click(self, y: float, x: float) -> None:
        """Click on a place."""
        self.drag((y, x))

    def drag(self, *places: tuple[float, float], button: Qt.MouseButton = LEFT) -> None:
        """Press at the first place, move over the others, let go at the last."""
        points = [self._point(*place) for place in places]
        QTest.mouseMove(self.canvas, points[0])
        QTest.mousePress(self.canvas, button, NONE, points[0])
        for point in points[1:]:
            QTest.mouseMove(self.canvas, point)
            QApplication.processEvents()
        QTest.mouseRelease(self.canvas, button, NONE, points[-1])
        QApplication.processEvents()

    def _point(self, y: float, x: float) -> QPoint:
        camera = camera_of(self.viewer)
        middle = np.array([self.canvas.height(), self.canvas.width()]) / 2
        row, column = (np.array([y, x]) - np.array(camera.center[-2:])) * camera.zoom + middle
        return QPoint(round(column), round(row))


@pytest.fixture
def hand(picked: Any) -> Hand:
    """A hand on the picked dock's canvas; the window is on the screen."""
    picked.viewer.window._qt_window.resize(1300, 800)
    picked.viewer.window.show()
    QApplication.processEvents()
    picked.viewer.reset_view()
    QApplication.processEvents()
    return Hand(picked.viewer)
