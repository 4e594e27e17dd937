"""Make every picture of the docs: the tutorial done in the real window, with mouse and keys alone.

    xvfb-run -s "-screen 0 1920x1080x24" python tools/pictures.py [--out docs/images]

The micrographs are those that the tutorial simulates, so anyone gets the same. They are opened, picked and
corrected where the picks differ from the known positions, a head is trained on two of them, all are picked
again and exported. Written are one picture a step, and the animation of the README. The script ends with
exit code 1 if a step does not do what it should. Look at each picture before it is committed.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
import tempfile
from pathlib import Path

import numpy as np
from drive_training import step, train
from drive_window import export_all
from guide_picture import save_animation, save_for_guide
from numpy.typing import NDArray
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from window_driver import Driver, button, pause, wait

from napari_hydrapicker.cli.main import run as hydrapicker
from napari_hydrapicker.io import coordinates as formats

TUTORIAL = Path(__file__).parent.parent / "docs" / "tutorial.md"
DIAMETER, THRESHOLD = "180", 0.6
_PATIENCE_S = 3000  # a training gives way to all else that the computer does
CORRECTED = 2  # micrographs, marked complete; the head is trained on them
SHOTS = {  # picture in the docs -> step
    "diameter": "2-diameter", "window": "3-picked", "correct": "5-corrected", "gallery": "6-gallery",
    "train": "7-training", "export": "8-exported",
}  # fmt: skip
ANIMATION = "pick-correct-head"
FRAMES = {
    "2-diameter": 1500,
    "3-picked": 2500,
    "5-corrected": 2500,
    "7-training": 2000,
    "7-trained": 3000,
}  # ms


def simulate(root: Path) -> tuple[Path, Path]:
    """Simulate with the tutorial's own command; return the micrographs' folder and the known positions."""
    command = re.search(r"^hydrapicker (simulate .*)$", TUTORIAL.read_text(encoding="utf-8"), re.MULTILINE)
    if command is None:
        sys.exit("docs/tutorial.md has no line that simulates micrographs")
    os.chdir(root)
    if hydrapicker(shlex.split(command[1])):
        sys.exit("simulating failed")
    folder, known = root / "tutorial", root / "known"
    known.mkdir()
    for file in sorted(folder.glob("*.star")):
        file.rename(known / file.name)
    return folder, known


def pick(driver: Driver, folder: Path) -> None:
    """Open the folder, say how large the particle is, pick all, and draw the threshold along."""
    dock = driver.dock
    driver.choose_in_dialog(button(dock.micrographs, "Folder…"), folder)
    wait(lambda: dock.canvas.micrograph_id is not None)
    pause(1)  # it is filtered behind the window
    for diameter in (str(int(DIAMETER) + 10), DIAMETER):  # the ring shows while the diameter changes
        driver.type(dock.micrographs.diameter.lineEdit(), diameter)
    driver.shot("2-diameter")
    driver.click(dock.pick.buttons[2])
    wait(lambda: not dock.jobs.running)
    pause(1)
    driver.shot("3-picked")
    slider = dock.pick.slider.histogram
    middle = slider.height() // 2
    start = QPoint(round(slider.x_of(dock.session.slider_threshold)), middle)
    driver.drag(slider, start, QPoint(round(slider.x_of(THRESHOLD)), middle))


def correct(driver: Driver, known: Path) -> None:
    """Add what is missing on the micrograph shown, erase what is no particle, and mark it complete."""
    dock, session = driver.dock, driver.dock.session
    number = session.current
    record = session.record(number)
    truth = formats.read(known / f"{record.name}_autopick.star")[record.name].yx
    truth = truth[
        ((truth >= 0) & (truth <= np.array(record.shape) - 1)).all(axis=1)
    ]  # edges cut some in half
    shown = session.labels(number).yx[session.shown(number)]
    within = float(DIAMETER) / record.pixel_size_angstrom / 4
    missing, wrong = truth[_gap(truth, shown) > within], shown[_gap(shown, truth) > within]
    for tool, places in (("Add", missing), ("Erase", wrong)):
        driver.click(button(dock.correct, tool))
        for place in places:
            driver.click_at(*place)
    left = session.labels(number).yx[session.shown(number)]
    print(f"{record.name}: {len(missing)} added, {len(wrong)} erased, {len(left)} of {len(truth)} particles")
    if len(left) != len(truth):
        sys.exit("the picks are not as the known positions after correcting")


def _gap(yx: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far the nearest of the others is from each, ``(N,)``, pixels."""
    distances = np.linalg.norm(yx[:, None] - others[None], axis=-1)
    return np.asarray(distances.min(axis=1, initial=np.inf))


def gallery(driver: Driver) -> None:
    """Show the gallery at its doubtful end, with room for it."""
    dock = driver.dock
    driver.click(dock.micrographs.header)
    driver.click(dock.correct.show_gallery)
    wait(lambda: dock.correct.gallery.items.rowCount() > 0)
    pause(0.5)  # it is laid out
    QTest.keyClick(dock.correct.gallery.verticalScrollBar(), Qt.Key.Key_End)
    driver.shot("6-gallery")
    driver.click(dock.correct.show_gallery)
    driver.click(dock.micrographs.header)


def train_head(driver: Driver) -> None:
    """Train a head on what was corrected, use it, and pick all again."""
    dock, session = driver.dock, driver.dock.session
    for section in (dock.micrographs, dock.correct, dock.train):  # the last one is folded at first
        driver.click(section.header)
    train(driver, "my-protein")
    wait(lambda: len(dock.train.curves.ap) > 1 or not dock.training.running, _PATIENCE_S)
    driver.shot("7-training")
    wait(lambda: not dock.training.running, _PATIENCE_S)
    print(dock.train.result.text())
    if not dock.train.use.isHidden():
        driver.click(dock.train.use)
    if session.settings.head != "my-protein":
        sys.exit("the new head is not in use")
    driver.click(dock.pick.buttons[2])
    wait(lambda: not dock.jobs.running)
    pause(1)
    driver.shot("7-trained")
    for section in (dock.train, dock.correct, dock.micrographs):
        driver.click(section.header)


def tour(root: Path, shots: Path) -> None:
    """Do the whole tutorial."""
    folder, known = simulate(root)
    driver = Driver(shots)
    pick(driver, folder)
    for i in range(CORRECTED):
        if i:
            step(driver, Qt.Key.Key_Period)
        correct(driver, known)
        if not i:
            driver.shot("5-corrected")
            gallery(driver)
        driver.click(driver.dock.correct.complete)
    step(driver, Qt.Key.Key_Period)
    train_head(driver)
    export_all(driver, Path("~/picks"))
    driver.dock.close_session()
    driver.viewer.close()


def main() -> None:
    """Read the arguments and go."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=TUTORIAL.parent / "images")
    parser.add_argument("--shots", type=Path, help="folder to keep the whole pictures in as well")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        shots = (arguments.shots or root / "shots").resolve()
        for folder in (out, shots, root / "home"):
            folder.mkdir(parents=True, exist_ok=True)
        # Settings of napari's and heads of the user's own do not show.
        os.environ["HOME"] = str(root / "home")
        os.environ.pop("HYDRAPICKER_HOME", None)
        tour(root, shots)
        for name, shot in SHOTS.items():
            save_for_guide(shots / f"{shot}.png", out / f"{name}.png")
        frames = {shots / f"{shot}.png": shown for shot, shown in FRAMES.items()}
        save_animation(frames, out / f"{ANIMATION}.gif")
    sizes = {file.name: file.stat().st_size for file in sorted(out.iterdir())}
    print(*(f"{size / 1e3:8.0f} kB  {name}" for name, size in sizes.items()), sep="\n")


if __name__ == "__main__":
    main()
