"""Drive the real window through corrections of parts of micrographs, and see what a head learns from them.

    xvfb-run -s "-screen 0 1920x1080x24" python tools/drive_partial.py MICROGRAPHS DIAMETER --out FOLDER

Like `drive_training.py`, with mouse and key events only. One micrograph is corrected in part: picks are
added, dragged and erased, one erasure is undone; another in part; of a third one picks are erased only; two
more are completed. The script ends with exit code 1 if what the project file holds, or what is handed to the
training, are not exactly these marks, or if the window does not say what counts as what. MICROGRAPHS has five
or more. --steps is for a quick look at the window: heads that are trained for a moment.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from drive_training import own_copy, step, tour_parser
from drive_window import export_all
from partial_window import PartialWindow
from qtpy.QtCore import Qt
from trouble import changed
from window_driver import Driver, check, pause, pick_all, wait

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
_SHORT = """
from functools import partial
from napari_hydrapicker.training import finetune
few = finetune.FewShotParameters
finetune.FewShotParameters = partial(few, steps={0}, validate_every={0}, memory_bytes=0)
"""


def open_and_pick(driver: Driver, folder: Path, diameter: str) -> None:
    """Open the folder and pick all; make room in the dock."""
    dock = driver.dock
    pick_all(driver, folder, diameter)
    driver.click(dock.micrographs.header)
    driver.click(dock.train.header)


def check_said(window: PartialWindow, *words: str) -> None:
    """Check that the window says something of what there is to train on."""
    pause(0.5)  # it is counted a moment later
    text = window.dock.train.labels.text()
    print(f"  {text!r}", flush=True)
    for part in words:
        check(f"it says {part!r}", part in text)


def first_in_part(window: PartialWindow) -> None:
    """Erase only, undo, redo, then add and move: what counts is what was clicked, at its new place."""
    driver, dock, session = window.driver, window.dock, window.session
    window.erase(3)
    window.check_marks("erased")
    check_said(window, "1 partly corrected: 0 particles, 3 deleted picks", "no particles to learn from")
    driver.shot("p1-erased-only")
    check("erased picks alone cannot be trained on", not dock.train.train.isEnabled())
    driver.key(Qt.Key.Key_Z, CTRL)
    undone = window.erased[session.current].pop()
    window.check_marks("undone")
    check_said(window, "2 deleted picks")
    driver.key(Qt.Key.Key_Z, CTRL, SHIFT)
    window.erased[session.current].append(undone)
    window.check_marks("redone")
    window.add(6)
    window.move(2)
    window.check_marks("added and moved")
    check_said(window, "8 particles, 3 deleted picks", "None is held out")
    check("the micrograph is partly corrected", "Partly" in dock.correct.meaning.text())
    driver.shot("p2-in-part")
    window.train("one", "p3-one")
    check("nothing is held out", not window.trained[-1].held_out)
    check("the head is offered", session.settings.head == "generic" and not dock.train.use.isHidden())


def three_in_part(window: PartialWindow) -> None:
    """Correct two more, one by erasing only: the marks of one judge the head, and it is not used unasked."""
    driver, dock = window.driver, window.dock
    step(driver, Qt.Key.Key_Period)
    window.add(4)
    window.erase(2)
    window.check_marks("added and erased")
    step(driver, Qt.Key.Key_Period)
    window.erase(3)
    window.check_marks("erased")
    check_said(window, "3 partly corrected: 12 particles, 8 deleted picks", "Held out")
    driver.shot("p4-three")
    before = window.session.slider_threshold
    record = window.train("two", "p5-two")
    told = window.trained[-1]
    check("the figures are known to be of marks", told.held_out and told.marks_only)
    check("the head is offered", window.session.settings.head == "generic" and not dock.train.use.isHidden())
    check("a few marks do not set the threshold", abs(record.threshold - before) < 0.01)


def two_complete(window: PartialWindow) -> None:
    """Complete two more: one of these judges the head now."""
    driver, dock = window.driver, window.dock
    driver.click(dock.train.use)
    for _ in range(2):
        step(driver, Qt.Key.Key_Period)
        window.add(2)
        window.erase(2)
        driver.click(dock.correct.complete)
        window.check_marks("completed")
    check("the comparison waits for a picking", dock.train.comparison.isHidden())
    check_said(window, "2 complete", "3 partly corrected", "Held out")
    check("the micrograph is complete", dock.correct.meaning.text().startswith("Complete"))
    driver.shot("p6-complete")
    window.train("mixed", "p7-mixed")
    check("its figures are of whole micrographs", not window.trained[-1].marks_only)


def pick_again(window: PartialWindow) -> None:
    """Pick one in part again with the new head: the marks stay."""
    driver, dock, session = window.driver, window.dock, window.session
    if not dock.train.use.isHidden():
        driver.click(dock.train.use)
    for _ in range(4):
        step(driver, Qt.Key.Key_Comma)
    driver.click(dock.pick.buttons[0])
    wait(lambda: not dock.jobs.running)
    window.check_marks("picked again")
    check("before and after are compared", dock.train.comparison.text().startswith("Picks here"))
    print(f"  {dock.train.comparison.text()}")
    driver.shot("p8-picked-again")
    driver.click(dock.pick.header)
    driver.click(dock.micrographs.header)
    driver.click(dock.correct.show_gallery)
    rows = session.count(session.current) + int(session.labels(session.current).deleted.sum())
    wait(lambda: dock.correct.gallery.items.rowCount() == rows)
    pause(0.5)
    driver.shot("p9-gallery")
    driver.click(dock.correct.show_gallery)


def run(folder: Path, diameter: str, out: Path, steps: int | None) -> None:
    """Do the whole tour."""
    driver = Driver(out)
    open_and_pick(driver, folder, diameter)
    window = PartialWindow(driver)
    with nullcontext() if steps is None else changed(driver.dock.training, _SHORT.format(steps)):
        first_in_part(window)
        three_in_part(window)
        two_complete(window)
    pick_again(window)
    export_all(driver, folder.parent / "export")
    print(f"exported {window.session.total()} picks")
    driver.dock.close_session()
    driver.viewer.close()


def main() -> None:
    """Read the arguments and go."""
    parser = tour_parser(__doc__)
    parser.add_argument("--steps", type=int, help="train for so many steps only")
    arguments = parser.parse_args()
    with own_copy(arguments.micrographs, arguments.out) as folder:
        run(folder, arguments.diameter, arguments.out, arguments.steps)


if __name__ == "__main__":
    main()
