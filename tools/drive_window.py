"""Drive the real window with mouse and keys as a user would, check the export, and take screenshots.

    xvfb-run -s "-screen 0 1920x1080x24" python tools/drive_window.py MICROGRAPHS DIAMETER --out FOLDER

MICROGRAPHS is a folder of micrographs, which is copied; DIAMETER the particle's, in Angstrom. Everything
is done through Qt's mouse and key events on the widgets, file dialogs included: no method of the plugin is
called to change anything. The script ends with exit code 1 if the exported STAR files are not exactly what
was picked, added, deleted and undone.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtGui import QImage
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialogButtonBox, QFileDialog, QLineEdit, QWidget

from napari_hydrapicker.picks import Source

LEFT = Qt.MouseButton.LeftButton
GUIDE = {"window": "3-picked", "correct": "5-corrected", "gallery": "6-gallery", "export": "8-exported"}
GUIDE_WIDTH = 1190


def wait(condition: Callable[[], bool], seconds: float = 120) -> float:
    """Let Qt work until something is the case; return how long that took."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > seconds:
            sys.exit("the window did not do what it should")
        QApplication.processEvents()
        time.sleep(0.005)
    return time.monotonic() - start


def pause(seconds: float) -> None:
    """Let Qt work for a while."""
    end = time.monotonic() + seconds
    wait(lambda: time.monotonic() > end)


class Driver:
    """A napari window with the plugin, and hands on mouse and keyboard."""

    def __init__(self, out: Path) -> None:
        import napari

        from napari_hydrapicker.widgets.dock import HydraPickerWidget

        QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
        self.out = out
        self.viewer = napari.Viewer()
        self.window = self.viewer.window._qt_window
        self.window.resize(1600, 1050)
        start = time.monotonic()
        self.dock = HydraPickerWidget(self.viewer)
        self.viewer.window.add_dock_widget(self.dock, name="HydraPicker", area="right")
        QApplication.processEvents()
        print(f"the dock opened in {time.monotonic() - start:.2f} s; torch loaded: {'torch' in sys.modules}")
        pause(0.5)

    def shot(self, name: str) -> None:
        """Save a picture of the window."""
        pause(0.4)
        self.window.grab().save(str(self.out / f"{name}.png"))

    def click(self, widget: QWidget) -> None:
        """Press a button."""
        QTest.mouseClick(widget, LEFT)

    def type(self, widget: QWidget, text: str) -> None:
        """Replace a field's text and press Enter."""
        QTest.keyClick(widget, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        QTest.keyClicks(widget, text)
        QTest.keyClick(widget, Qt.Key.Key_Return)

    def key(self, key: Qt.Key, *modifiers: Qt.KeyboardModifier) -> None:
        """Press a key on the canvas."""
        both = Qt.KeyboardModifier.NoModifier
        for modifier in modifiers:
            both |= modifier
        QTest.keyClick(self.canvas, key, both)
        pause(0.1)

    @property
    def canvas(self) -> QWidget:
        """The widget that draws the layers."""
        return self.viewer.window._qt_viewer.canvas.native

    def place(self, y: float, x: float) -> QPoint:
        """Where a micrograph's pixel is on the canvas."""
        camera = self.viewer.scene.camera
        size = np.array([self.canvas.height(), self.canvas.width()])
        row, col = (np.array([y, x]) - np.array(camera.center[-2:])) * camera.zoom + size / 2
        return QPoint(round(col), round(row))

    def click_at(self, y: float, x: float) -> None:
        """Click on the micrograph."""
        where = self.place(y, x)
        QTest.mouseMove(self.canvas, where)
        QTest.mouseClick(self.canvas, LEFT, Qt.KeyboardModifier.NoModifier, where)
        pause(0.1)

    def drag(self, widget: QWidget, start: QPoint, end: QPoint, steps: int = 20) -> None:
        """Drag with the left button."""
        QTest.mousePress(widget, LEFT, Qt.KeyboardModifier.NoModifier, start)
        for i in range(1, steps + 1):
            QTest.mouseMove(widget, start + (end - start) * i / steps)
            QApplication.processEvents()
        QTest.mouseRelease(widget, LEFT, Qt.KeyboardModifier.NoModifier, end)
        pause(0.1)

    def choose_in_dialog(self, press: QWidget | Callable[[], None], path: Path) -> None:
        """Press a button that opens a file dialog, or do what else opens it, type a path there and accept."""

        def answer() -> None:
            dialog = QApplication.activeModalWidget()
            if not isinstance(dialog, QFileDialog):
                QTimer.singleShot(50, answer)
                return
            field = dialog.findChild(QLineEdit, "fileNameEdit")
            field.setFocus()
            while field.text() != str(path):  # while one types, the dialog may write what it selects
                QTest.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
                QTest.keyClicks(field, str(path))
                pause(0.3)
            buttons = dialog.findChild(QDialogButtonBox)
            accept = (QDialogButtonBox.StandardButton.Open, QDialogButtonBox.StandardButton.Save)
            button = next(b for b in map(buttons.button, accept) if b is not None)
            QTest.mouseClick(button, LEFT)

        QTimer.singleShot(100, answer)
        if isinstance(press, QWidget):
            self.click(press)
        else:
            press()


def button(parent: QWidget, text: str) -> QWidget:
    """Find a button by what is written on it."""
    from qtpy.QtWidgets import QPushButton

    return next(b for b in parent.findChildren(QPushButton) if b.text() == text)


def expected(dock: object) -> dict[str, np.ndarray]:
    """What the picks are: read from the project file by another connection, not from the window."""
    from napari_hydrapicker.project.counts import is_shown
    from napari_hydrapicker.project.project import Project

    project = Project.open(dock.session.project.path)
    threshold = project.setting("pick", {})["threshold"]
    found = {}
    for record in project.micrographs():
        labels = project.labels(record.id)
        found[record.name] = labels.yx[is_shown(labels, threshold)]
    project.close()
    return found


def run(folder: Path, diameter: str, out: Path) -> None:
    """Do the whole tour."""
    from napari_hydrapicker import formats

    driver = Driver(out)
    dock, session = driver.dock, driver.dock.session
    driver.shot("1-opened")
    driver.choose_in_dialog(button(dock.micrographs, "Folder…"), folder)
    print(f"the first micrograph was shown after {wait(lambda: dock.canvas.micrograph_id is not None):.2f} s")
    driver.type(dock.micrographs.diameter.lineEdit(), diameter)
    driver.shot("2-diameter")
    driver.click(dock.pick.buttons[2])
    print(f"all were picked in {wait(lambda: not dock.jobs.running):.1f} s")
    driver.shot("3-picked")
    slider = dock.pick.slider.histogram
    middle = slider.height() // 2
    driver.drag(slider, QPoint(round(slider.x_of(session.settings.threshold)), middle),
                QPoint(round(slider.x_of(0.62)), middle))  # fmt: skip
    pause(0.3)
    driver.shot("4-slider")
    correct(driver)
    export = folder.parent / "export"
    export_all(driver, export)
    truth = expected(dock)
    for name, yx in truth.items():
        back = formats.read(export / f"{name}_autopick.star")[name].yx
        order, other = np.lexsort(back.T), np.lexsort(yx.T)
        if back.shape != yx.shape or np.abs(back[order] - yx[other]).max(initial=0) > 0.5:
            sys.exit(f"{name}: the STAR file does not hold what was picked")
    print(f"exported {sum(map(len, truth.values()))} rows on {len(truth)} micrographs, each as picked")
    dock.close_session()
    driver.viewer.close()


def correct(driver: Driver) -> None:
    """Add two picks, delete three, undo one; the changes are counted in the project file."""
    dock, session = driver.dock, driver.dock.session
    number = session.current
    before = session.count(number)
    driver.click(button(dock.correct, "Add"))
    rows, cols = session.record(number).shape
    places = [(rows * 0.31, cols * 0.83), (rows * 0.9, cols * 0.12)]
    for place in places:
        driver.click_at(*place)
    added = session.labels(number).yx[-2:]
    # A click can be no finer than a pixel of the screen.
    finest = 0.5 + 0.75 / driver.viewer.scene.camera.zoom
    if np.abs(added - np.array(places)).max() > finest:
        sys.exit(f"clicked at {places}, but picks are at {added.tolist()}")
    driver.click(button(dock.correct, "Erase"))
    picks = session.picks(number)
    found = picks.yx[picks.source == Source.PICKER]
    alone = [yx for yx in found if _is_alone(yx, picks.yx)][:3]
    for yx in alone:
        driver.click_at(*yx)
    print(f"{before} picks, two added, three deleted: {session.count(number)}")
    driver.shot("5-corrected")
    driver.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    if session.count(number) != before + 2 - 3 + 1:
        sys.exit(f"{session.count(number)} picks are left after undoing, not {before}")
    print(f"one deletion undone: {session.count(number)}")
    driver.click(dock.micrographs.header)  # room for the gallery
    driver.click(dock.correct.show_gallery)
    pause(1.0)
    driver.shot("6-gallery")
    driver.click(dock.correct.show_gallery)
    driver.click(dock.micrographs.header)


def _is_alone(yx: np.ndarray, others: np.ndarray) -> bool:
    return int((np.linalg.norm(others - yx, axis=1) < 60).sum()) == 1


def export_all(driver: Driver, folder: Path) -> None:
    """Unfold the export section, choose the folder, write."""
    dock = driver.dock
    driver.click(dock.micrographs.header)
    driver.click(dock.export.header)
    pause(0.2)
    QTest.keyClicks(dock.export.folder, str(folder))
    pause(0.2)
    driver.shot("7-export")
    driver.click(dock.export.write)
    wait(lambda: dock.export.write.isEnabled() and (folder / "autopick.star").exists())
    driver.shot("8-exported")


def main() -> None:
    """Read the arguments and go."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("micrographs", type=Path)
    parser.add_argument("diameter")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--guide", type=Path, help="folder for the pictures of the user's guide")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / arguments.micrographs.name
        shutil.copytree(arguments.micrographs, folder)
        run(folder, arguments.diameter, arguments.out)
    if arguments.guide is not None:
        for name, shot in GUIDE.items():
            picture = QImage(str(arguments.out / f"{shot}.png"))
            smooth = Qt.TransformationMode.SmoothTransformation
            small = picture.scaledToWidth(GUIDE_WIDTH, smooth).convertToFormat(QImage.Format.Format_Indexed8)
            small.save(str(arguments.guide / f"{name}.png"), quality=0)


if __name__ == "__main__":
    main()
