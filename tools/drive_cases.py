"""Drive the real window through what a tour leaves out: lists, measuring, moving, cancelling, two windows.

    xvfb-run -s "-screen 0 1920x1080x24" python tools/drive_cases.py MICROGRAPHS DIAMETER --out FOLDER

Like `drive_window.py`, with mouse and key events only. MICROGRAPHS is a folder, which is laid out as a RELION
project with a list of its micrographs. The script ends with exit code 1 if something is not as it should be.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from window_driver import LEFT, Driver, button, check, pause, wait

PIXEL_SIZE = 2.5  # in the list, other than in the files' headers
COPIES = 3  # of each micrograph, so that there is something to cancel


def relion_project(source: Path, root: Path) -> Path:
    """Lay out a RELION project with copies of micrographs; return its list of micrographs."""
    folder = root / "MotionCorr" / "job002" / "Movies"
    folder.mkdir(parents=True)
    rows = []
    for file in sorted(source.glob("*.mrc")):
        for i in range(COPIES):
            shutil.copy(file, folder / f"{file.stem}_{i}.mrc")
            rows.append(f"MotionCorr/job002/Movies/{file.stem}_{i}.mrc 1")
    listing = root / "MotionCorr" / "job002" / "corrected_micrographs.star"
    listing.write_text(
        "\n# version 30001\n\ndata_optics\n\nloop_\n_rlnOpticsGroupName #1\n_rlnOpticsGroup #2\n"
        f"_rlnMicrographPixelSize #3\nopticsGroup1 1 {PIXEL_SIZE}\n\n\n# version 30001\n\n"
        "data_micrographs\n\nloop_\n_rlnMicrographName #1\n_rlnOpticsGroup #2\n" + "\n".join(rows) + "\n"
    )
    return listing


def open_list(driver: Driver, listing: Path) -> None:
    """Open the list through the file dialog."""
    dock, session = driver.dock, driver.dock.session
    driver.choose_in_dialog(button(dock.micrographs, "Files…"), listing)
    wait(lambda: dock.canvas.micrograph_id is not None)
    sizes = {record.pixel_size_angstrom for record in session.records}
    check(f"{len(session.records)} micrographs of the list, at its pixel size {sizes}", sizes == {PIXEL_SIZE})
    check("no torch before the first pick", "torch" not in sys.modules)
    driver.shot("1-list")


def measure(driver: Driver, diameter_px: float) -> None:
    """Drag across a particle; the diameter is what was dragged over, in Angstrom."""
    dock = driver.dock
    rows, cols = dock.session.record(dock.session.current).shape
    zoom = driver.viewer.scene.camera.zoom
    driver.click(button(dock.micrographs, "Measure"))
    start = driver.place(rows * 0.4, cols * 0.3)
    length = round(diameter_px * zoom)
    QTest.mousePress(driver.canvas, LEFT, Qt.KeyboardModifier.NoModifier, start)
    for i in range(1, 11):
        QTest.mouseMove(driver.canvas, start + QPoint(round(length * i / 10), 0))
        pause(0.02)
    driver.shot("2-measuring")
    QTest.mouseRelease(driver.canvas, LEFT, Qt.KeyboardModifier.NoModifier, start + QPoint(length, 0))
    pause(0.3)
    expected, got = length / zoom * PIXEL_SIZE, dock.micrographs.diameter.value()
    check(f"measured {got:.0f} A, dragged over {expected:.1f} A", abs(got - expected) <= PIXEL_SIZE / zoom)


def move(driver: Driver) -> None:
    """Pick one micrograph, then drag one of its picks away."""
    dock, session = driver.dock, driver.dock.session
    driver.key(Qt.Key.Key_G)
    wait(lambda: not dock.jobs.running)
    number = session.current
    picks, before = session.picks(number), session.labels(number)
    gaps = np.linalg.norm(picks.yx[:, None] - picks.yx[None], axis=-1) + 1e9 * np.eye(len(picks))
    inside = ((picks.yx > 300) & (picks.yx < np.array(session.record(number).shape) - 300)).all(axis=1)
    chosen = np.argmax(np.where(inside, gaps.min(axis=1), 0))
    start = picks.yx[chosen]
    target = start + np.array([45.0, 80.0])
    driver.click(button(dock.correct, "Move"))
    driver.click_at(*start)
    driver.drag(driver.canvas, driver.place(*start), driver.place(*target))
    driver.shot("3-moved")
    both = np.intersect1d(before.id, session.labels(number).id)  # hidden ones make way for the one moved
    old, after = before.rows(both), session.labels(number).rows(both)
    changed = np.flatnonzero((old.yx != after.yx).any(axis=1))
    check(f"one of {len(picks)} picks was moved, not {len(changed)}", len(changed) == 1)
    error = np.abs(after.yx[changed[0]] - old.yx[changed[0]] - (45, 80)).max()
    check(f"by what it was dragged, to {error:.1f} px", error < 2 / driver.viewer.scene.camera.zoom)
    check("it has lost its score", bool(np.isnan(after.score[changed[0]])))
    check("the dock says so", "1 moved" in dock.correct.counts.text())
    driver.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    check("undo brings it back", session.labels(number).equals(before))


def cancel(driver: Driver) -> None:
    """Press Cancel after the first micrograph of many; then pick again."""
    dock, session = driver.dock, driver.dock.session
    driver.click(dock.pick.buttons[2])
    wait(lambda: sum(session.count(r.id) > 0 for r in session.records) >= 2)
    driver.shot("4-picking")
    driver.click(dock.pick.progress.cancel)
    seconds = wait(lambda: not dock.jobs.running)
    pause(0.3)
    driver.shot("5-cancelled")
    done = sum(session.count(record.id) > 0 for record in session.records)
    check(f"cancelled in {1000 * seconds:.0f} ms, {done} of {len(session.records)} picked", seconds < 1)
    check("the buttons are back", dock.pick.buttons[2].isEnabled() and dock.pick.progress.isHidden())
    start = time.monotonic()
    driver.key(Qt.Key.Key_Period)
    driver.key(Qt.Key.Key_G)
    wait(lambda: not dock.jobs.running)
    check(f"picked again in {time.monotonic() - start:.1f} s", session.count(session.current) > 0)


def second_window(out: Path, listing: Path) -> None:
    """Open the same list in another process: what this process' own `main` does with --second."""
    command = [sys.executable, __file__, str(listing), "0", "--out", str(out), "--second"]
    check("the second window is as it should be", subprocess.run(command).returncode == 0)


def be_second(out: Path, listing: Path) -> None:
    """Look at a project that another window has; nothing can be changed."""
    driver = Driver(out)
    dock, session = driver.dock, driver.dock.session
    driver.choose_in_dialog(button(dock.micrographs, "Files…"), listing)
    wait(lambda: dock.canvas.micrograph_id is not None)
    check("the second window shows the first one's micrographs", len(session.records) > 0)
    check(
        "it is read-only and says so",
        session.read_only and "read-only" in dock.micrographs.project_name.text(),
    )
    number, before = session.current, session.labels(session.current)
    driver.shot("6-second-window")
    rows, cols = session.record(number).shape
    driver.click(button(dock.correct, "Add"))
    driver.click_at(rows * 0.5, cols * 0.5)
    driver.shot("7-second-window-refuses")
    check("a click adds nothing", session.labels(number).equals(before))
    check("nor on the canvas", len(dock.canvas.picks.layer.data) == session.count(number))
    driver.key(Qt.Key.Key_Period)
    wait(lambda: dock.canvas.micrograph_id not in (None, number))
    check("it can be browsed", session.current != number)
    dock.close_session()
    driver.viewer.close()


def run(source: Path, diameter: str, out: Path, scratch: Path) -> None:
    """Go through all cases."""
    listing = relion_project(source, scratch / "relion")
    driver = Driver(out)
    open_list(driver, listing)
    measure(driver, float(diameter) / PIXEL_SIZE)
    move(driver)
    cancel(driver)
    second_window(out, listing)
    driver.dock.close_session()
    driver.viewer.close()
    QApplication.processEvents()


def main() -> None:
    """Read the arguments and go."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("micrographs", type=Path)
    parser.add_argument("diameter")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--second", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.second:
        be_second(arguments.out, arguments.micrographs)
        return
    with tempfile.TemporaryDirectory() as scratch:
        run(arguments.micrographs, arguments.diameter, arguments.out, Path(scratch))


if __name__ == "__main__":
    main()
