"""Drive the real window through imports as a user would: cancelled, asked about, waiting, undone, redone.

    xvfb-run -s "-screen 0 1920x1080x24" python tools/drive_import.py MICROGRAPHS PICKS ANGSTROM --out OUT

MICROGRAPHS is a folder of micrographs, which is copied; PICKS has the right positions on at least five
of them; ANGSTROM is the diameter of a particle. Tables of these positions are written as they are, upside
down, and upside down on every third micrograph. The script ends with exit code 1 if what is in the project
is not exactly what it should be.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication
from window_driver import LEFT, Driver, button, check, pause, wait

from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.coordinates.folder import read_matched
from napari_hydrapicker.io.coordinates.frame_check import Reading
from napari_hydrapicker.io.micrograph import open_micrograph
from napari_hydrapicker.picks import Picks

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
_BEAT_MS = 10
_EVERY = 3


def write_tables(folder: Path, coordinates: Path, out: Path) -> dict[str, Picks]:
    """Write right.csv, flipped.csv and mixed.csv; returns the right positions by micrograph."""
    micrographs = [open_micrograph(path) for path in sorted(folder.iterdir())]
    found, _ = read_matched(coordinates, micrographs)
    right = {one.name: picks for one, picks in zip(micrographs, found, strict=True) if picks is not None}
    rows = {one.name: one.shape for one in micrographs}
    flipped = {name: Reading(flip_y=True).apply(picks, rows[name]) for name, picks in right.items()}
    mixed = {name: (flipped if i % _EVERY == 0 else right)[name] for i, name in enumerate(right)}
    for name, picks in (("right", right), ("flipped", flipped), ("mixed", mixed)):
        formats.write(picks, out / f"{name}.csv", "csv")
    return right


def drop(driver: Driver, path: Path) -> None:
    """Drop a file on the dock."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    place, copy, none = QPoint(20, 20), Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    for event in (
        QDragEnterEvent(place, copy, data, LEFT, none), QDropEvent(QPointF(place), copy, data, LEFT, none)
    ):  # fmt: skip
        QApplication.sendEvent(driver.dock, event)


def run(folder: Path, coordinates: Path, diameter: str, out: Path) -> None:
    """Do the whole tour."""
    right = write_tables(folder, coordinates, out)
    driver = Driver(out)
    dock, session = driver.dock, driver.dock.session
    said: list[str] = []
    dock.import_controller.message.connect(said.append)
    dock.import_controller.problem.connect(said.append)
    driver.choose_in_dialog(button(dock.micrographs, "Folder…"), folder)
    wait(lambda: dock.canvas.micrograph_id is not None)
    driver.type(dock.micrographs.diameter.lineEdit(), diameter)
    menu = dock.pick.importing.menu()
    n = sum(map(len, right.values()))

    def rows() -> dict[str, np.ndarray]:
        return {r.name: np.sort(session.picks(r.id).yx, axis=0) for r in session.records}

    def same(picks: dict[str, Picks]) -> bool:
        here = rows()
        return all(
            np.allclose(here[name], np.sort(one.yx, axis=0), atol=1e-2)
            if len(here[name]) == len(one)
            else False
            for name, one in picks.items()
        )

    def begin(name: str) -> None:
        driver.choose_in_dialog(menu.actions()[0].trigger, out / f"{name}.csv")

    beats: list[float] = []
    timer = QTimer()
    timer.timeout.connect(lambda: beats.append(time.perf_counter()))

    def paused() -> float:
        """The longest pause of the GUI thread since the clock was started, ms."""
        timer.stop()
        return float(1e3 * np.diff(beats).max()) if len(beats) > 1 else 0.0

    begin("flipped")
    wait(lambda: not dock.pick.import_progress.isHidden())
    driver.window.grab().save(str(out / "1-reading.png"))
    driver.click(dock.pick.import_progress.cancel)
    check("a cancelled import imports nothing", session.total() == 0 and "Cancelled" in said[-1])
    driver.shot("2-cancelled")

    timer.start(_BEAT_MS)
    start = time.monotonic()
    begin("flipped")
    drop(driver, out / "right.csv")
    wait(lambda: not dock.pick.question.isHidden())
    print(f"asked about {len(right)} micrographs after {time.monotonic() - start:.1f} s, dialog included")
    print(f"the longest pause of the window was {paused():.0f} ms")
    wait(lambda: any("right.csv is imported next" in text for text in said))
    check("the second waits", session.total() == 0)
    driver.shot("3-asked")
    timer.start(_BEAT_MS)
    beats.clear()
    driver.click(dock.pick.question.better)
    print(f"the longest pause while it was taken in was {paused():.0f} ms")
    wait(lambda: sum("picks imported" in text for text in said) == 2)
    check("all picks are there", session.total() == n and same(right))
    driver.shot("4-imported")

    driver.key(Qt.Key.Key_Z, CONTROL)
    check(
        "Ctrl+Z leaves the first import",
        same(right) and session.picker_of(session.current).endswith("flipped.csv"),
    )
    driver.shot("5-undone")
    driver.key(Qt.Key.Key_Z, CONTROL)
    check("Ctrl+Z again leaves nothing", session.total() == 0)
    driver.key(Qt.Key.Key_Z, CONTROL, SHIFT)
    driver.key(Qt.Key.Key_Z, CONTROL, SHIFT)
    check("both are redone", same(right) and session.picker_of(session.current).endswith("right.csv"))
    driver.key(Qt.Key.Key_Z, CONTROL)
    driver.key(Qt.Key.Key_Z, CONTROL)

    drop(driver, out / "right.csv")
    wait(lambda: session.total() == n)
    driver.key(Qt.Key.Key_2)
    shape = session.record(session.current).shape
    driver.click_at(shape[0] * 0.02, shape[1] * 0.5)
    check("a pick is added by hand", session.total() == n + 1)
    here = session.record(session.current).name
    driver.key(Qt.Key.Key_Period)
    wait(lambda: dock.canvas.micrograph_id == session.current)
    driver.key(Qt.Key.Key_Z, CONTROL)
    check("the corrected one keeps the import", session.total() == len(right[here]) + 1)
    driver.shot("6-undone-but-one")
    driver.key(Qt.Key.Key_Comma)
    wait(lambda: dock.canvas.micrograph_id == session.current)
    driver.key(Qt.Key.Key_Z, CONTROL)
    driver.key(Qt.Key.Key_Z, CONTROL)
    check("and loses it when that is undone", session.total() == 0)

    drop(driver, out / "mixed.csv")
    wait(lambda: not dock.pick.question.isHidden())
    names = sorted(right)[::_EVERY]
    check(
        "those that disagree are named",
        any(name in dock.pick.question.text.text() for name in names),
    )
    driver.shot("7-mixed")
    driver.click(dock.pick.question.not_at_all)
    drop(driver, out / "flipped.csv")
    wait(lambda: not dock.pick.import_progress.isHidden())
    start = time.monotonic()
    dock.close_session()
    print(f"closing during an import took {time.monotonic() - start:.2f} s")
    driver.viewer.close()
    pause(0.2)


def main() -> None:
    """Read the arguments and go."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("micrographs", type=Path)
    parser.add_argument("coordinates", type=Path)
    parser.add_argument("diameter")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    shutil.rmtree(arguments.out, ignore_errors=True)
    arguments.out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "home"  # settings of napari's and heads of the user's own do not show
        home.mkdir()
        os.environ["HOME"] = str(home)
        os.environ.pop("HYDRAPICKER_HOME", None)
        folder = Path(scratch) / arguments.micrographs.name
        shutil.copytree(arguments.micrographs, folder)
        run(folder, arguments.coordinates, arguments.diameter, arguments.out)
    sys.exit(0)


if __name__ == "__main__":
    main()
