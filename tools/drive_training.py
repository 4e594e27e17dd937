"""Drive the real window through the loop: pick, correct, train a head, browse meanwhile, pick again, export.

    xvfb-run -s "-screen 0 1920x1080x24" python tools/drive_training.py MICROGRAPHS DIAMETER --out FOLDER

Like `drive_window.py`, with mouse and key events only. Two micrographs are corrected by clicks and marked
complete; one training is cancelled, another one runs to its end while micrographs are stepped through. With
--close the dock is closed during a third, which is to be found when the folder is opened again. Heads go into
a library of the script's own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from drive_window import export_all
from heartbeat import Heartbeat
from qtpy.QtCore import Qt
from window_driver import Driver, button, pause, pick_all, wait

from napari_hydrapicker.worker.messages import Trained


def correct_by_clicks(driver: Driver) -> None:
    """Erase the two least likely picks of the micrograph, add one, mark it complete."""
    dock, session = driver.dock, driver.dock.session
    number = session.current
    picks = session.picks(number)
    driver.click(button(dock.correct, "Erase"))
    for yx in picks.yx[np.argsort(picks.score)][:2]:
        driver.click_at(*yx)
    driver.click(button(dock.correct, "Add"))
    rows, cols = session.record(number).shape
    driver.click_at(rows * 0.52, cols * 0.87)
    driver.click(button(dock.correct, "Add"))
    driver.click(dock.correct.complete)
    if session.record(number).status.value != "complete":
        sys.exit("the micrograph is not marked complete")
    print(
        f"{session.record(number).name}: {len(picks)} picks, two deleted, one added: {session.count(number)}"
    )


def step(driver: Driver, key: Qt.Key) -> None:
    """Go to another micrograph and wait until it is there."""
    session = driver.dock.session
    driver.key(key)
    wait(lambda: driver.dock.canvas.micrograph_id == session.current)


def correct_two(driver: Driver) -> None:
    """Correct the micrograph shown and the next one."""
    correct_by_clicks(driver)
    step(driver, Qt.Key.Key_Period)
    correct_by_clicks(driver)


def train(driver: Driver, name: str) -> None:
    """Type a name and press the button."""
    dock = driver.dock
    driver.type(dock.train.name, name)
    wait(dock.train.train.isEnabled)
    driver.click(dock.train.train)
    wait(lambda: dock.training.running)


def close_and_reopen(driver: Driver, folder: Path) -> None:
    """Close the dock during a training, open the folder in a new one, and wait for the head there."""
    from napari_hydrapicker.gui.dock import HydraPickerWidget

    train(driver, "left")
    wait(lambda: driver.dock.train.progress.bar.value() > 0)
    pause(3)
    window = driver.viewer.window
    window.remove_dock_widget(driver.dock)
    start = time.monotonic()
    wait(lambda: not driver.dock.training.running)
    print(f"the dock was closed during a training in {time.monotonic() - start:.2f} s")
    driver.dock = dock = HydraPickerWidget(driver.viewer)
    window.add_dock_widget(dock, name="HydraPicker", area="right")
    found: list[Trained] = []
    dock.training.found.connect(found.append)
    driver.choose_in_dialog(button(dock.micrographs, "Folder…"), folder)
    wait(lambda: dock.training.running)
    driver.click(dock.train.header)
    driver.shot("t5-reopened")
    wait(lambda: not dock.training.running)
    if [one.name for one in found] != ["left"] or dock.session.settings.head == "left":
        sys.exit("the head was not found, or it is in use unasked")
    driver.shot("t6-found")
    print(f"found on reopening: {dock.train.result.text()}")


def tour_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser of what every tour is told: micrographs, the diameter, a folder for its pictures."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("micrographs", type=Path, help="a folder, which is copied")
    parser.add_argument("diameter", help="of the particle, Angstrom")
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    return parser


@contextmanager
def own_copy(micrographs: Path, out: Path) -> Iterator[Path]:
    """Copy the micrographs for a tour, with libraries of its own; the folder for its pictures is made too."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["HYDRAPICKER_HOME"] = str(Path(scratch) / "home")
        folder = Path(scratch) / micrographs.name
        shutil.copytree(micrographs, folder)
        folder.chmod(0o755)  # the original may be read-only
        yield folder


def run(folder: Path, diameter: str, out: Path, close: bool) -> None:
    """Do the whole tour."""
    driver = Driver(out)
    dock, session = driver.dock, driver.dock.session
    pick_all(driver, folder, diameter)
    correct_two(driver)
    for section in (dock.micrographs, dock.correct, dock.train):  # the last one is folded at first
        driver.click(section.header)
    pause(0.5)
    driver.shot("t1-corrected")

    train(driver, "cancelled")
    wait(lambda: dock.train.progress.bar.value() > 0)
    pause(3)
    start = time.monotonic()
    driver.click(dock.train.progress.cancel)
    wait(lambda: not dock.training.running)
    print(f"a training was cancelled in {time.monotonic() - start:.2f} s")

    beat = Heartbeat()
    begun = time.monotonic()
    train(driver, "mine")
    beat.start()
    steps, shown = 0, False
    while dock.training.running:
        pause(1.0)
        step(driver, Qt.Key.Key_Period if steps % 2 else Qt.Key.Key_Comma)
        steps += 1
        if not shown and len(dock.train.curves.ap) > 1:
            shown = True
            print(beat.stop(), f"({steps} micrographs stepped through)")
            driver.shot("t2-training")
            beat.start()
        if time.monotonic() - begun > 900:
            sys.exit("the training did not end")
    print(beat.stop(), f"({steps} micrographs stepped through)")
    print(f"from the click to a usable head: {time.monotonic() - begun:.0f} s; {dock.train.result.text()}")
    driver.shot("t3-trained")
    if not dock.train.use.isHidden():
        driver.click(dock.train.use)
    if session.settings.head != "mine":
        sys.exit("the new head is not in use")
    driver.click(dock.train.next)
    wait(lambda: dock.canvas.micrograph_id == session.current)
    driver.click(dock.pick.buttons[0])
    wait(lambda: not dock.jobs.running)
    driver.shot("t4-picked-again")
    print(dock.train.comparison.text())
    driver.click(dock.pick.buttons[2])
    wait(lambda: not dock.jobs.running)
    export = folder.parent / "export"
    export_all(driver, export)
    print(f"picked all again with the new head and exported {session.total()} picks")
    if close:
        close_and_reopen(driver, folder)
    driver.dock.close_session()
    driver.viewer.close()


def main() -> None:
    """Read the arguments and go."""
    parser = tour_parser(__doc__)
    parser.add_argument("--close", action="store_true", help="also close the dock during a training")
    arguments = parser.parse_args()
    with own_copy(arguments.micrographs, arguments.out) as folder:
        run(folder, arguments.diameter, arguments.out, arguments.close)


if __name__ == "__main__":
    main()
