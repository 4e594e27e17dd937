"""Drive the real window through the other picker: make one, pick with it, correct, train a head, join both.

    xvfb-run -s "-screen 0 1920x1080x24" python tools/drive_making.py MICROGRAPHS DIAMETER --out FOLDER

Like `drive_training.py`, with mouse and key events only, but for the length of the trainings: --steps adds
one to those offered, and the head is trained for a few steps. The training is cancelled once and gone on
with; the dock is closed during another, to be found when the folder is opened again. Generators and heads go
into libraries of the script's own.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from drive_training import correct_by_clicks, own_copy, step, tour_parser, train
from drive_window import export_all
from heartbeat import Heartbeat
from qtpy.QtCore import Qt
from trouble import changed, undisturbed
from window_driver import Driver, button, choose, pause, press, wait


def make(driver: Driver, name: str) -> None:
    """Type a name and press the button."""
    section = driver.dock.make
    driver.type(section.name, name)
    wait(section.make.isEnabled)
    driver.click(section.make)
    wait(lambda: driver.dock.making.running)
    wait(lambda: "step" in section.progress.bar.text())


def make_a_picker(driver: Driver) -> None:
    """Begin, cancel, go on while micrographs are stepped through, and pick with what comes of it."""
    dock = driver.dock
    section, jobs = dock.make, dock.making
    driver.type(section.number.lineEdit(), "80")
    choose(section.length, "trial")
    driver.shot("m1-offered")
    make(driver, "mine")
    wait(lambda: len(section.curve.loss) > 0)
    driver.shot("m2-under-way")
    start = time.monotonic()
    driver.click(section.progress.cancel)
    wait(lambda: not jobs.running)
    print(f"cancelled in {time.monotonic() - start:.2f} s; now the button says {section.make.text()}")
    driver.shot("m3-cancelled")
    beat = Heartbeat()
    make(driver, "mine")
    print(f"gone on with: {section.progress.bar.text()}")
    beat.start()
    steps = 0
    while jobs.running:
        pause(1.0)
        step(driver, Qt.Key.Key_Comma if steps % 2 else Qt.Key.Key_Period)
        steps += 1
    print(beat.stop(), f"({steps} micrographs stepped through)")
    if steps % 2:
        step(driver, Qt.Key.Key_Comma)
    driver.shot("m4-made")
    print(section.result.text())
    driver.click(section.use)
    if (dock.session.settings.picker, dock.session.settings.generator) != ("cgan", "mine"):
        sys.exit("the new picker is not in use")
    driver.click(section.header)
    pick_this(driver, "m5-picked-with-it")


def pick_this(driver: Driver, shot: str) -> None:
    """Pick the micrograph on the canvas."""
    dock = driver.dock
    driver.click(dock.pick.buttons[0])
    wait(lambda: not dock.jobs.running)
    driver.shot(shot)
    print(f"{shot}: {dock.pick.count.text()} from {dock.session.slider_threshold:.2f} on")


def from_cgan_to_a_head(driver: Driver) -> None:
    """Correct two micrographs' picks of the bundled cGAN picker, train a head on them, pick with that."""
    dock, session = driver.dock, driver.dock.session
    choose(dock.pick.choices.generator, "bundled")
    driver.click(dock.pick.buttons[2])
    wait(lambda: not dock.jobs.running)
    driver.shot("m6-cgan")
    correct_by_clicks(driver)
    step(driver, Qt.Key.Key_Period)
    correct_by_clicks(driver)
    driver.click(dock.train.header)
    with changed(dock.training):
        train(driver, "from-cgan")
        wait(lambda: not dock.training.running)
    print(dock.train.result.text())
    driver.shot("m7-head")
    if not dock.train.use.isHidden():
        driver.click(dock.train.use)
    if (session.settings.picker, session.settings.head) != ("hydra", "from-cgan"):
        sys.exit("the head is not in use")
    step(driver, Qt.Key.Key_Period)
    pick_this(driver, "m8-picked-with-head")
    print(dock.train.comparison.text())
    driver.click(dock.train.header)


def join(driver: Driver, picks: Path) -> None:
    """Pick with both, then only what two have; with the picks exported as a third list; and a wrong file."""
    dock = driver.dock
    choose(dock.pick.picker, "Consensus")
    pick_this(driver, "m9-consensus")
    driver.type(dock.pick.choices.votes.lineEdit(), "2")
    pick_this(driver, "m10-two-votes")
    export_all(driver, picks)
    driver.click(dock.export.header)
    driver.click(dock.micrographs.header)
    choices = dock.pick.choices
    driver.choose_in_dialog(lambda: press(choices.imported, "choose a folder"), picks)
    driver.type(choices.votes.lineEdit(), "3")
    pick_this(driver, "m11-three-votes")
    told: list[str] = []
    dock.pick.problem.connect(told.append)
    wrong = next(picks.glob("*.star"))
    shutil.copy(wrong, wrong.with_suffix(".safetensors"))
    driver.choose_in_dialog(lambda: press(choices.generator, "choose"), wrong.with_suffix(".safetensors"))
    print(f"a file that is no generator: {told}; {choices.generator.currentText()} is still chosen")


def close_and_reopen(driver: Driver, folder: Path) -> None:
    """Close the dock during a training, open the folder in a new one, and wait for the picker there."""
    from napari_hydrapicker.gui.dock import HydraPickerWidget

    driver.click(driver.dock.make.header)
    make(driver, "left")
    window = driver.viewer.window
    window.remove_dock_widget(driver.dock)
    pause(1)
    print(f"layers left by the closed dock: {[layer.name for layer in driver.viewer.layers]}")
    driver.dock = dock = HydraPickerWidget(driver.viewer)
    window.add_dock_widget(dock, name="HydraPicker", area="right")
    driver.choose_in_dialog(button(dock.micrographs, "Folder…"), folder)
    wait(lambda: dock.making.running)
    driver.click(dock.make.header)
    driver.shot("m12-reopened")
    wait(lambda: not dock.making.running)
    driver.shot("m13-found")
    print(f"found on reopening: {dock.make.result.text()}")


def run(folder: Path, diameter: str, steps: int, out: Path) -> None:
    """Do the whole tour; without the trainings, which take most of the time, if there are 0 steps."""
    driver = Driver(out)
    dock = driver.dock
    for jobs in (dock.jobs, dock.making):
        undisturbed(jobs)
    if steps:
        dock.make.length.addItem(f"trial: {steps} steps", steps)
    driver.choose_in_dialog(button(dock.micrographs, "Folder…"), folder)
    wait(lambda: dock.canvas.micrograph_id is not None)
    driver.type(dock.micrographs.diameter.lineEdit(), diameter)
    if steps:
        for section in (dock.correct, dock.make):  # the last one is folded at first
            driver.click(section.header)
        make_a_picker(driver)
        driver.click(dock.correct.header)
        from_cgan_to_a_head(driver)
    join(driver, folder.parent / "export")
    if steps:
        close_and_reopen(driver, folder)
    driver.dock.close_session()
    driver.viewer.close()


def main() -> None:
    """Read the arguments and go."""
    parser = tour_parser(__doc__)
    parser.add_argument(
        "--steps", type=int, default=60, help="of the training, far too few for real work; 0: none"
    )
    arguments = parser.parse_args()
    with own_copy(arguments.micrographs, arguments.out) as folder:
        run(folder, arguments.diameter, arguments.steps, arguments.out)


if __name__ == "__main__":
    main()
