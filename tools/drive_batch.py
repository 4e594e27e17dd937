"""Drive the real window through a project that is picked elsewhere, and *Pick all* broken off and resumed.

    xvfb-run -s "-screen 0 1920x1080x24" python tools/drive_batch.py --out OUT

The micrographs are simulated. While `hydrapicker pick --project` picks them, clicks are made in the window;
they must be there when its picks are taken in, and after the undo. *Pick all* is then cancelled, its process
killed with -9, and asked for again: each micrograph must have the picks of the command line, bit for bit.
Ends with exit code 1 if not.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import mrcfile
import numpy as np
from qtpy.QtCore import Qt
from window_driver import Driver, button, check, pause, wait

from napari_hydrapicker.cluster.project import note_path, results_folder
from napari_hydrapicker.picking.manifest import Manifest
from napari_hydrapicker.picks import Picks, Source
from napari_hydrapicker.simulation.sample import sample_micrograph

_NUMBER = 6
_SHAPE = (480, 640)


def simulated(folder: Path) -> float:
    """Write micrographs; return the particles' diameter, Angstrom."""
    folder.mkdir()
    for number in range(_NUMBER):
        sample = sample_micrograph(number, _SHAPE)
        with mrcfile.new(folder / f"m{number}.mrc") as file:
            file.set_data(sample.image)
            file.voxel_size = sample.pixel_size_angstrom
    return float(round(sample.diameter_angstrom))


def free_place(driver: Driver, number: int) -> tuple[float, float]:
    """Return a place of a micrograph that has no pick near."""
    labels, ring = driver.dock.session.labels(number), driver.dock.session.ring_px(number)
    for y in np.arange(ring, _SHAPE[0] - ring, ring / 2):
        for x in np.arange(ring, _SHAPE[1] - ring, ring / 2):
            if not len(labels) or np.hypot(*(labels.yx - (y, x)).T).min() > ring:
                return float(y), float(x)
    raise SystemExit("there is no free place")


def by_hand(driver: Driver, number: int) -> list[list[float]]:
    """Return the picks of a micrograph that the user has made."""
    labels = driver.dock.session.labels(number)
    return labels.yx[labels.source == Source.MANUAL].tolist()


def picked_elsewhere(driver: Driver, project: Path) -> dict[str, Picks]:
    """Pick the open project with the command, click meanwhile, and take the picks in; returns these."""
    dock, numbers = driver.dock, [one.id for one in driver.dock.session.records]
    command = [sys.executable, "-m", "napari_hydrapicker", "pick", "--project", str(project)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    places = []
    for number in numbers[:2]:
        dock.commands.go_to(number)
        wait(lambda number=number: dock.canvas.micrograph_id == number)  # type: ignore[misc]
        driver.key(Qt.Key.Key_2)
        driver.click_at(*free_place(driver, number))
        wait(lambda number=number: len(by_hand(driver, number)) == 1)  # type: ignore[misc]
        places.append(by_hand(driver, number))
    wait(lambda: process.poll() is not None, 300)
    told = process.stderr.read() if process.stderr else ""
    check("the command says that the window offers its picks", "offers the picks there" in told)
    wait(lambda: not dock.pick.results.isHidden(), 30)
    driver.shot("b1-offered")
    check("nothing is taken in unasked", not len(dock.session.labels(numbers[-1])))
    driver.click(button(dock.pick.results, "Take them in"))
    wait(lambda: len(dock.session.labels(numbers[-1])) > 0)
    pause(1.5)
    driver.shot("b2-taken-in")
    check("both clicks are there", [by_hand(driver, number) for number in numbers[:2]] == places)
    check("beside picks of the command", all(len(dock.session.labels(n)) > 5 for n in numbers))
    check("the note is gone", not note_path(project).exists())
    driver.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: not len(dock.session.labels(numbers[-1])))
    check("one undo leaves the clicks alone", [by_hand(driver, n) for n in numbers[:2]] == places)
    driver.shot("b3-undone")
    driver.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: not by_hand(driver, numbers[1]))
    manifest = Manifest(results_folder(project))
    manifest.refresh()
    return manifest.picks(manifest.picked)


def broken_off(driver: Driver, expected: dict[str, Picks]) -> None:
    """Cancel *Pick all*, kill its process in another, and have a third one do what is left."""
    dock, session = driver.dock, driver.dock.session
    all_button = dock.pick.buttons[2]
    done: list[int] = []
    dock.jobs.advanced.connect(lambda n, *_: done.append(n))
    for end in ("cancel", "kill"):
        done.clear()
        driver.click(all_button)
        wait(lambda: bool(done) and done[-1] >= 2)
        if end == "cancel":
            dock.jobs.cancel()
        else:
            os.kill(dock.jobs._child._process.pid, signal.SIGKILL)
        wait(lambda: not dock.jobs.running, 30)
        print(f"  {end}: {done[-1]} of {_NUMBER} done")
    driver.shot("b4-killed")
    driver.click(all_button)
    wait(lambda: not dock.jobs.running, 300)
    pause(1.0)
    driver.shot("b5-all")
    same = []
    for record in session.records:
        labels = session.labels(record.id)
        picked, wanted = labels.source != Source.MANUAL, expected[record.name]
        if by_hand(driver, record.id):  # none is let in near to it
            continue
        is_same = [
            np.array_equal(getattr(labels, what)[picked], getattr(wanted, what)) for what in ("yx", "score")
        ]
        same.append(all(is_same))
    check(f"{len(same)} micrographs have the command line's picks, bit for bit", all(same) and len(same) >= 5)


def main() -> None:
    """Drive."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True, help="folder for pictures of the window")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "mics"
        diameter = simulated(folder)
        driver = Driver(arguments.out)
        dock = driver.dock
        driver.choose_in_dialog(button(dock.micrographs, "Folder…"), folder)
        wait(lambda: dock.canvas.micrograph_id is not None)
        driver.type(dock.micrographs.diameter.lineEdit(), f"{diameter:g}")
        dock.session.update(contrast="dark", device="cpu")
        expected = picked_elsewhere(driver, dock.session.project.path)
        broken_off(driver, expected)
        driver.viewer.close()


if __name__ == "__main__":
    main()
