"""Drive the real window with mouse and keys as a user would, check the export, and take screenshots.

    xvfb-run -s "-screen 0 1920x1080x24" python tools/drive_window.py MICROGRAPHS DIAMETER --out FOLDER

MICROGRAPHS is a folder of micrographs, which is copied; DIAMETER the particle's, in Angstrom. Everything
is done through Qt's mouse and key events on the widgets, file dialogs included: no method of the plugin is
called to change anything. The script ends with exit code 1 if the exported STAR files are not exactly what
was picked, added, deleted and undone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from window_driver import Driver, button, pause, wait

from napari_hydrapicker.picks import Source
from napari_hydrapicker.project.session import Session

LOW_PASS_ANGSTROM = "30"


def expected(dock: object) -> dict[str, np.ndarray]:
    """What the picks are: read from the project file by another connection, not from the window."""
    from napari_hydrapicker.project.project import Project

    other = Session()
    other.use(Project.open(dock.session.project.path))
    found = {record.name: other.labels(record.id).yx[other.shown(record.id)] for record in other.records}
    other.close()
    return found


def run(folder: Path, diameter: str, out: Path) -> None:
    """Do the whole tour."""
    from napari_hydrapicker.io import coordinates as formats

    driver = Driver(out)
    dock, session = driver.dock, driver.dock.session
    driver.shot("1-opened")
    driver.choose_in_dialog(button(dock.micrographs, "Folder…"), folder)
    print(f"the first micrograph was shown after {wait(lambda: dock.canvas.micrograph_id is not None):.2f} s")
    driver.type(dock.micrographs.diameter.lineEdit(), diameter)
    driver.click(dock.view.header)
    driver.type(dock.view.low_pass.lineEdit(), LOW_PASS_ANGSTROM)
    driver.click(dock.view.header)
    pause(1)  # it is filtered behind the window
    driver.shot("2-diameter")
    driver.click(dock.pick.buttons[2])
    print(f"all were picked in {wait(lambda: not dock.jobs.running):.1f} s")
    driver.shot("3-picked")
    slider = dock.pick.slider.histogram
    middle = slider.height() // 2
    driver.drag(slider, QPoint(round(slider.x_of(session.slider_threshold)), middle),
                QPoint(round(slider.x_of(0.62)), middle))  # fmt: skip
    pause(0.3)
    driver.shot("4-slider")
    correct(driver)
    export = Path("~/picks").expanduser()
    export_all(driver, Path("~/picks"))
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
    places = hidden_particles(session, number)[:2]
    for place in places:
        driver.click_at(*place)
    added = session.labels(number).yx[-2:]
    # A click can be no finer than a pixel of the screen.
    finest = 0.5 + 0.75 / driver.viewer.scene.camera.zoom
    if np.abs(added - np.array(places)).max() > finest:
        sys.exit(f"clicked at {places}, but picks are at {added.tolist()}")
    driver.click(button(dock.correct, "Erase"))
    picks = session.picks(number)
    found = picks.source == Source.PICKER
    doubtful = picks.yx[found][np.argsort(picks.score[found])]
    for yx in [yx for yx in doubtful if _is_alone(yx, picks.yx)][:3]:
        driver.click_at(*yx)
    print(f"{before} picks, two added, three deleted: {session.count(number)}")
    driver.shot("5-corrected")
    driver.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    if session.count(number) != before + 2 - 3 + 1:
        sys.exit(f"{session.count(number)} picks are left after undoing, not {before}")
    print(f"one deletion undone: {session.count(number)}")
    driver.click(dock.micrographs.header)  # room for the gallery
    driver.click(dock.correct.show_gallery)
    gallery = dock.correct.gallery
    wait(lambda: gallery.items.rowCount() == session.count(number) + 2)
    pause(0.5)  # it is laid out
    # The doubtful ones are at the end, and those that were deleted.
    QTest.keyClick(gallery.verticalScrollBar(), Qt.Key.Key_End)
    driver.shot("6-gallery")
    driver.click(dock.correct.show_gallery)
    driver.click(dock.micrographs.header)


def hidden_particles(session: Session, number: int) -> list[tuple[float, float]]:
    """Return picks that the slider hides, far from all others, the likeliest first: (row, column)."""
    labels, shown = session.labels(number), session.shown(number)
    order = np.argsort(-labels.score)
    hidden = labels.yx[order][~shown[order]]
    return [(float(y), float(x)) for y, x in hidden if _is_alone(np.array([y, x]), labels.yx)]


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
    wait(lambda: dock.export.write.isEnabled() and (folder.expanduser() / "autopick.star").exists())
    driver.shot("8-exported")


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
        folder = Path(scratch) / arguments.micrographs.name
        shutil.copytree(arguments.micrographs, folder)
        run(folder, arguments.diameter, arguments.out)


if __name__ == "__main__":
    main()
