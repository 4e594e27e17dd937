"""A napari window with the plugin, and hands on its mouse and keyboard."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QComboBox, QDialogButtonBox, QFileDialog, QLineEdit, QWidget

LEFT = Qt.MouseButton.LeftButton


PATIENCE_SECONDS = 1200.0  # what takes longer does not come, however busy the machine is


def wait(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> float:
    """Let Qt work until something is the case; return how long that took.

    Ends the tour where it does not come, and says which line waited for it.
    """
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > seconds:
            caller = sys._getframe(1)
            where = f"{Path(caller.f_code.co_filename).name}, line {caller.f_lineno}"
            sys.exit(f"WRONG: the window did not do what it should within {seconds:g} s ({where})")
        QApplication.processEvents()
        time.sleep(0.005)
    return time.monotonic() - start


def pause(seconds: float) -> None:
    """Let Qt work for a while."""
    end = time.monotonic() + seconds
    wait(lambda: time.monotonic() > end)


def check(what: str, right: bool) -> None:
    """Say that something is as it should be, or end."""
    if not right:
        sys.exit(f"WRONG: {what}")
    print(f"  {what}: yes", flush=True)


class Driver:
    """A napari window with the plugin, and hands on mouse and keyboard."""

    def __init__(self, out: Path) -> None:
        import napari

        from napari_hydrapicker.gui.dock import HydraPickerWidget

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
        """Press a button that opens a file dialog, or do what else does, paste a path there and accept."""

        def answer() -> None:
            dialog = QApplication.activeModalWidget()
            if not isinstance(dialog, QFileDialog):
                QTimer.singleShot(50, answer)
                return
            field = dialog.findChild(QLineEdit, "fileNameEdit")
            field.setFocus()
            QApplication.clipboard().setText(str(path))
            while field.text() != str(path):  # pasted: while one types, the dialog selects what is on the way
                QTest.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
                QTest.keyClick(field, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
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


def press(box: QComboBox, text: str) -> None:
    """Open a drop-down list and click on an entry that begins so."""
    row = next(i for i in range(box.count()) if box.itemText(i).startswith(text))
    QTest.mouseClick(box, Qt.MouseButton.LeftButton)
    pause(0.6)  # a click that comes sooner is taken for the release of the one before
    view = box.view()
    place = view.visualRect(box.model().index(row, 0)).center()
    QTest.mouseMove(view.viewport(), place)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)


def choose(box: QComboBox, text: str) -> None:
    """Choose an entry of a drop-down list, and look whether it is chosen."""
    press(box, text)
    pause(0.2)
    if not box.currentText().startswith(text):
        sys.exit(f"{box.currentText()!r} was chosen, not {text!r}")


def pick_all(driver: Driver, folder: Path, diameter: str) -> None:
    """Open a folder, say how large the particle is, and pick all."""
    dock = driver.dock
    driver.choose_in_dialog(button(dock.micrographs, "Folder…"), folder)
    wait(lambda: dock.canvas.micrograph_id is not None)
    driver.type(dock.micrographs.diameter.lineEdit(), diameter)
    driver.click(dock.pick.buttons[2])
    wait(lambda: not dock.jobs.running)
