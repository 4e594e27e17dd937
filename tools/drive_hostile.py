"""Drive the real window as a user who adds, moves and deletes layers at every step, and clicks amiss.

    xvfb-run -s "-screen 0 1920x1080x24" python tools/drive_hostile.py MICROGRAPHS DIAMETER --out FOLDER

With mouse and key events, as `drive_window.py`. At every step there is an image of the user's own below the
plugin's layers and one above them, and at every step each of the plugin's layers is deleted by hand, in turn
and all at once, and the step is taken again. After each: every pick that the project shows is in the picks
layer, that layer is visible, and no image lies above it. A process that dies, or anything that is not as it
should be, ends the script with an error. Its pictures are for the eye.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from window_driver import LEFT, Driver, button, check, choose, pause, wait

OURS = ("HydraPicker micrograph", "HydraPicker previous picks", "HydraPicker picks", "HydraPicker diameter")
_NONE = Qt.KeyboardModifier.NoModifier


class Hostile:
    """A user with images of his own, and a heavy hand on the layer list."""

    def __init__(self, driver: Driver) -> None:
        self.driver, self.dock, self.session = driver, driver.dock, driver.dock.session
        self.viewer = driver.viewer
        self._rng = np.random.default_rng(3)
        self.images = 0

    def surround(self) -> None:
        """Put an image below all layers and one above all, opaque."""
        for index in (0, len(self.viewer.layers)):
            self.images += 1
            layer = self.viewer.add_image(self._rng.normal(size=(400, 620)), name=f"mine {self.images}")
            layer.opacity = 0.35  # so that the pictures show something; the order is checked anyway
            self.viewer.layers.move(self.viewer.layers.index(layer), index)
        pause(0.15)

    def clear_away(self) -> None:
        """Take the images away again."""
        for layer in [one for one in self.viewer.layers if one.name.startswith("mine")]:
            self.viewer.layers.remove(layer)
        pause(0.15)

    def deletions(self) -> Iterator[str]:
        """Delete each of the plugin's layers, then all of them, then all layers; say what."""
        for name in OURS:
            if name in self.viewer.layers:
                self.viewer.layers.remove(name)
                yield name.removeprefix("HydraPicker ")
        for layer in [one for one in self.viewer.layers if one.name in OURS]:
            self.viewer.layers.remove(layer)
        yield "all of the plugin's"
        self.viewer.layers.clear()
        yield "all layers"

    def look(self, step: str) -> None:
        """See that nothing is hidden."""
        pause(0.25)
        number = self.dock.canvas.micrograph_id
        layers = list(self.viewer.layers)
        names = [layer.name for layer in layers]
        if number is None:
            return
        picks = self.dock.canvas.picks.layer
        order = [names.index(name) for name in OURS if name in names]
        above = names[names.index(picks.name) + 1 :] if picks.name in names else ["(no picks layer)"]
        shown = {tuple(place) for place in self.session.picks(number).yx.tolist()}
        drawn = {tuple(place) for place in picks.data.tolist()}
        right = (
            picks in layers and picks.visible and order == sorted(order)
            and not [name for name in above if name.startswith(("mine", "HydraPicker micro"))]
            and shown == drawn and "HydraPicker micrograph" in names
        )  # fmt: skip
        if not right:
            self.driver.shot("wrong")
        check(f"{step}: {len(shown)} picks, none hidden", right)

    def through(
        self, step: str, act: Callable[[], object], again: Callable[[], object] | None = None
    ) -> None:
        """Take a step among foreign images, and once more after each deletion."""
        self.surround()
        act()
        self.look(step)
        for what in self.deletions():
            (again or act)()
            self.look(f"{step}, with {what} deleted before")
            self.surround()
            self.look(f"{step}, images above and below")
            pause(0.1)
        self.clear_away()
        self.look(f"{step}, images taken away")


def open_folder(driver: Driver, folder: Path) -> None:
    """Open a folder through the dialog."""
    dock = driver.dock
    driver.choose_in_dialog(button(dock.micrographs, "Folder…"), folder)
    wait(lambda: dock.session.is_open and dock.session.project.path.stem == folder.name)
    wait(lambda: dock.canvas.micrograph_id is not None)


def wheel(widget: Any) -> None:
    """Turn the wheel over a widget."""
    place = QPointF(8, 8)
    for _ in range(3):
        event = QWheelEvent(
            place, QPointF(widget.mapToGlobal(QPoint(8, 8))), QPoint(0, -120), QPoint(0, -120),
            Qt.MouseButton.NoButton, _NONE, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(widget, event)
    pause(0.05)


def press_focused(key: Qt.Key) -> None:
    """Press a key wherever the focus is."""
    QTest.keyClick(QApplication.focusWidget(), key)
    pause(0.15)


def projects(user: Hostile, one: Path, other: Path, diameter: str) -> None:
    """Points 1, 2 and 8: measure with nothing open, open projects in turn, step."""
    driver, dock, session = user.driver, user.dock, user.session
    user.surround()
    driver.click(button(dock.micrographs, "Measure"))
    check("nothing to measure on, and no picks layer", "HydraPicker picks" not in user.viewer.layers)
    open_folder(driver, one)
    user.look("a folder opened after Measure")
    driver.type(dock.micrographs.diameter.lineEdit(), diameter)
    driver.click(dock.pick.buttons[2])
    wait(lambda: not dock.jobs.running)
    user.look("all picked")
    driver.shot("h1-picked")
    dock.export.folder.setText("/somewhere")
    dock.session.set_threshold(0.7)
    user.through("another project", lambda: open_folder(driver, other))
    check("it begins clean", session.settings.thresholds == {} and not dock.export.folder.text())
    check("with the preferences' diameter", session.settings.diameter_angstrom == 180)
    turn = iter([one, other] * 9)
    user.through("projects in turn", lambda: open_folder(driver, next(turn)))
    open_folder(driver, one)
    check("the first has its own threshold", session.settings.thresholds == {"hydra/generic": 0.7})
    driver.shot("h2-projects")
    keys = iter([Qt.Key.Key_Period, Qt.Key.Key_Comma] * 9)

    def step() -> None:
        before = session.current
        driver.key(next(keys))
        wait(lambda: dock.canvas.micrograph_id not in (None, before))

    user.through("next and previous", step)
    user.through("the diameter", lambda: driver.type(dock.micrographs.diameter.lineEdit(), diameter))


def measure(user: Hostile) -> None:
    """Measure over a particle, among foreign images."""
    driver, dock = user.driver, user.dock

    def drag() -> None:
        driver.click(button(dock.micrographs, "Measure"))
        rows, cols = dock.session.record(dock.session.current).shape
        start = driver.place(rows * 0.4, cols * 0.4)
        driver.drag(driver.canvas, start, start + QPoint(60, 25))

    user.through("measuring", drag)
    driver.shot("h3-measured")


def focus(user: Hostile) -> None:
    """Point 3: who gets keys and wheel."""
    driver, dock, session = user.driver, user.dock, user.session
    QApplication.setActiveWindow(driver.window)
    fields = {
        "Diameter": dock.micrographs.diameter,
        "Distance": dock.pick.parameters.field("min_distance_angstrom"),
        "Border": dock.pick.parameters.field("border_angstrom"),
        "Confidence": dock.pick.slider.field, "Picker": dock.pick.picker, "Head": dock.pick.head,
        "Device": dock.pick.device, "the status filter": dock.micrographs.table.status,
    }  # fmt: skip
    driver.canvas.setFocus()
    before = session.settings
    for field in fields.values():
        wheel(field)
    check("the wheel over the dock changes nothing", session.settings == before)

    def pick_this() -> None:
        driver.click(dock.pick.buttons[0])
        check("the canvas has the focus after This", QApplication.focusWidget() is driver.canvas)
        press_focused(Qt.Key.Key_2)
        check("2 chooses a tool", dock.tools.tool.value == "add")
        thresholds = session.settings.thresholds
        press_focused(Qt.Key.Key_Period)
        press_focused(Qt.Key.Key_Comma)
        check("and . sets no threshold", session.settings.thresholds == thresholds)
        wait(lambda: not dock.jobs.running)
        wait(lambda: dock.canvas.micrograph_id == session.current)
        press_focused(Qt.Key.Key_4)

    user.through("picking this one", pick_this)
    view = dock.micrographs.table.view
    rows = iter([1, 0] * 9)

    def click_row() -> None:
        row = view.visualRect(dock.micrographs.table.proxy.index(next(rows), 0)).center()
        QTest.mouseClick(view.viewport(), LEFT, pos=row)
        press_focused(Qt.Key.Key_E)
        check("E erases after a click on a row", dock.tools.tool.value == "erase")
        press_focused(Qt.Key.Key_4)
        wait(lambda: dock.canvas.micrograph_id == session.current)

    user.through("a row", click_row)
    view.setFocus()
    driver.shot("h4-focus")
    press_focused(Qt.Key.Key_Tab)
    check("Tab leaves the table", QApplication.focusWidget() is not view)
    for name in OURS:
        if name in user.viewer.layers:
            user.viewer.layers.selection.active = user.viewer.layers[name]
            driver.key(Qt.Key.Key_2)
            check(f"2 adds with {name} active", dock.tools.tool.value == "add")
            driver.key(Qt.Key.Key_4)


def thresholds(user: Hostile) -> None:
    """Point 5: a consensus beside a HydraPicker micrograph."""
    driver, dock, session = user.driver, user.dock, user.session
    wait(lambda: dock.canvas.micrograph_id is not None)
    here = session.current
    there = next(record.id for record in session.records if record.id != here)
    before = session.count(there)
    choose(dock.pick.picker, "Consensus")
    driver.click(dock.pick.buttons[0])
    wait(lambda: not dock.jobs.running)
    check("the consensus has its own threshold", session.slider_threshold == 0)
    check(f"its neighbour shows {before} picks as before", session.count(there) == before)
    user.look("a consensus")
    driver.shot("h5-consensus")
    choose(dock.pick.picker, "HydraPicker")
    driver.click(dock.pick.buttons[0])
    wait(lambda: not dock.jobs.running)
    user.look("HydraPicker again")


def clicks(user: Hostile) -> None:
    """Point 9: clicks that would make bad data."""
    driver, dock, session = user.driver, user.dock, user.session
    number = session.current
    rows, cols = session.record(number).shape

    def click_amiss() -> None:
        driver.click(button(dock.correct, "Add"))
        before = session.labels(number)
        driver.click_at(-30, cols / 2)
        driver.click_at(rows + 25, cols / 2)
        driver.click_at(*session.picks(number).yx[0])
        for other in (Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton):
            QTest.mouseClick(driver.canvas, other, _NONE, driver.place(rows * 0.5, cols * 0.31))
            pause(0.1)
        check("no click amiss adds a pick", session.labels(number).equals(before))
        free = _free_place(session.labels(number).yx, rows, cols)
        driver.click_at(*free)
        driver.click_at(*free)
        check("two clicks on a spot add one", len(session.labels(number)) == len(before) + 1)
        driver.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        check("and undo takes it back", session.labels(number).equals(before))

    user.through("clicks amiss", click_amiss)
    hidden = session.labels(number).where(~session.shown(number))
    if len(hidden):
        driver.click(button(dock.correct, "Add"))
        count = len(session.labels(number))
        driver.click_at(*hidden.yx[np.argmax(hidden.score)])
        check("a hidden pick makes way", len(session.labels(number)) <= count)
    gallery = dock.correct.gallery
    driver.click(dock.correct.show_gallery)
    pause(0.6)
    place = gallery.mapTo(dock, QPoint(0, 0)).y()
    driver.key(Qt.Key.Key_Q)
    pause(0.3)
    driver.key(Qt.Key.Key_Q)
    check("the gallery stays under the mouse", gallery.mapTo(dock, QPoint(0, 0)).y() == place)
    driver.shot("h6-gallery")
    driver.click(dock.correct.show_gallery)


def unreadable(user: Hostile) -> None:
    """Point 9: a file that is damaged while the window is open."""
    driver, dock, session = user.driver, user.dock, user.session
    victim = session.record(next(r.id for r in session.records if r.id != session.current))
    victim.path.write_bytes(b"damaged")
    dock.canvas._loader.forget()
    index = dock.micrographs.table.proxy.mapFromSource(
        dock.micrographs.table.model.index(dock.micrographs.table.model.place_of(victim.id), 0)
    )
    view = dock.micrographs.table.view
    QTest.mouseClick(view.viewport(), LEFT, pos=view.visualRect(index).center())
    wait(lambda: dock.canvas.micrograph_id is None)
    before = [record.status for record in session.records]
    press_focused(Qt.Key.Key_Q)
    check("Q marks nothing where nothing is shown", [r.status for r in session.records] == before)
    for _ in user.deletions():
        user.surround()
        pause(0.2)
    driver.shot("h7-unreadable")
    user.clear_away()
    QTest.mouseClick(
        view.viewport(), LEFT, pos=view.visualRect(dock.micrographs.table.proxy.index(0, 0)).center()
    )
    wait(lambda: dock.canvas.micrograph_id is not None)
    user.look("a readable one again")


def pixel_sizes(user: Hostile) -> None:
    """Point 9: pixel sizes that cannot be."""
    dock, session = user.dock, user.session
    table = dock.micrographs.table
    number = session.current
    before = session.record(number).pixel_size_angstrom
    for text in ("0", "536", "wide"):
        index = table.model.index(table.model.place_of(number), 5)
        table.model.setData(index, text)
        check(f"{text} Å is not taken", session.record(number).pixel_size_angstrom == before)


def foreign_image(user: Hostile, scratch: Path, diameter: str) -> None:
    """Point 7: the sample is picked, and saved as a project."""
    driver, dock, session = user.driver, user.dock, user.session
    session.close()
    pause(0.3)
    user.viewer.layers.clear()
    user.viewer.open_sample("napari-hydrapicker", "simulated-micrograph")
    pause(0.5)
    user.viewer.layers.selection.active = user.viewer.layers["simulated micrograph"]
    driver.key(Qt.Key.Key_G)
    wait(lambda: session.is_open and session.records and session.count(session.records[0].id) > 0)
    wait(lambda: not dock.jobs.running)
    user.look("the sample, picked in memory")
    driver.shot("h8-sample")
    user.through("the sample", lambda: driver.key(Qt.Key.Key_H))
    driver.choose_in_dialog(button(dock.micrographs, "Project…"), scratch / "kept")
    wait(lambda: session.is_open and session.project.path == scratch / "kept.hydrapicker")
    wait(lambda: dock.canvas.micrograph_id is not None)
    user.look("the sample, saved")


def export_nothing(user: Hostile, scratch: Path) -> None:
    """Point 9: an export of nothing."""
    driver, dock, session = user.driver, user.dock, user.session
    driver.click(dock.export.header)
    dock.export.folder.setText(str(scratch / "out"))
    session.set_threshold(1.0)
    driver.click(dock.export.write)
    pause(0.5)
    check("an export of nothing writes nothing", not (scratch / "out").exists())
    driver.shot("h9-nothing")


def _free_place(yx: np.ndarray, rows: int, cols: int) -> tuple[float, float]:
    """Return the place within the micrograph that is farthest from all picks, shown or not."""
    grid = np.stack(np.meshgrid(np.linspace(0.1, 0.9, 30) * rows, np.linspace(0.1, 0.9, 30) * cols), -1)
    places = grid.reshape(-1, 2)
    gap = np.linalg.norm(places[:, None] - yx[None], axis=2).min(axis=1) if len(yx) else np.ones(len(places))
    y, x = places[np.argmax(gap)]
    return float(y), float(x)


def run(source: Path, diameter: str, out: Path, scratch: Path) -> None:
    """Go through all points."""
    one, other = scratch / "one", scratch / "other"
    files = sorted(source.glob("*.mrc"))
    for folder, some in ((one, files[:3]), (other, files[3:5])):
        folder.mkdir()
        for file in some:
            shutil.copy(file, folder / file.name)
    driver = Driver(out)
    user = Hostile(driver)
    projects(user, one, other, diameter)
    measure(user)
    driver.type(driver.dock.micrographs.diameter.lineEdit(), diameter)
    focus(user)
    thresholds(user)
    clicks(user)
    pixel_sizes(user)
    unreadable(user)
    foreign_image(user, scratch, diameter)
    export_nothing(user, scratch)
    driver.dock.close_session()
    driver.viewer.close()


def main() -> None:
    """Read the arguments and go."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("micrographs", type=Path)
    parser.add_argument("diameter")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "home"  # settings of napari's and heads of the user's own do not show
        home.mkdir()
        os.environ["HOME"] = str(home)
        os.environ.pop("HYDRAPICKER_HOME", None)
        run(arguments.micrographs, arguments.diameter, arguments.out, Path(scratch))


if __name__ == "__main__":
    main()
