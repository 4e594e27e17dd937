"""Drive the real window from picks to classes to a head: what is no particle is rejected by class.

    xvfb-run -s "-screen 0 1920x1080x24" python tools/drive_classes.py MICROGRAPHS DIAMETER --out FOLDER

With mouse and key events only: all micrographs are picked, one is excluded with a lasso in the plot and taken
back with a key, another one stays excluded; the picks are classified, two classes are rejected, one of these
is undone, a head is trained from the classes, taken, all is picked again, and exported. The script ends with
exit code 1 if anything is not as it should be.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from drive_training import own_copy, tour_parser
from drive_window import expected
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from window_driver import LEFT, Driver, check, pause, pick_all, wait

from napari_hydrapicker.project.records import Status

NONE = Qt.KeyboardModifier.NoModifier
MINUTES = 2400  # on a busy computer, to which a training gives way


def excluded(driver: Driver) -> list[str]:
    """Names of the micrographs that are excluded."""
    return [one.name for one in driver.dock.session.records if one.status is Status.EXCLUDED]


def lasso(driver: Driver, number: int) -> None:
    """Draw a ring around the point of a micrograph."""
    scatter = driver.dock.worth.window.scatter
    centre, canvas = scatter.place_of(number), scatter.canvas
    if centre is None:
        sys.exit("the micrograph has no point")
    ring = [
        centre + QPoint(round(14 * np.cos(angle)), round(14 * np.sin(angle)))
        for angle in np.linspace(0, 2 * np.pi, 16)
    ]
    QTest.mousePress(canvas, LEFT, NONE, ring[0])
    for place in ring[1:]:
        QTest.mouseMove(canvas, place)
        QApplication.processEvents()
    QTest.mouseRelease(canvas, LEFT, NONE, ring[-1])
    pause(0.3)


def by_worth(driver: Driver) -> None:
    """Compare the micrographs; exclude one with the lasso, take it back, and exclude another one by range."""
    dock = driver.dock
    driver.key(Qt.Key.Key_W)
    took = wait(lambda: dock.worth.window is not None and dock.worth.window.isVisible())
    print(f"the window of worth was there after {took:.2f} s more")
    window = dock.worth.window
    print(f"its plot after {wait(lambda: window.scatter.ready):.2f} s more")
    pause(0.5)
    window.activateWindow()
    wait(window.isActiveWindow)
    first = dock.session.records[0].id
    QTest.keyClick(window, Qt.Key.Key_L)
    lasso(driver, first)
    check("the lasso excludes one", excluded(driver) == [dock.session.records[0].name])
    window.grab().save(str(driver.out / "c1-lasso.png"))
    QTest.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: not excluded(driver))
    picks = sorted(dock.session.count(one.id) for one in dock.session.records)
    window.column.setCurrentIndex(window.column.findData("picks"))
    QTest.keyClicks(window.low, str(picks[0] + 1))
    pause(1.5)
    window.grab().save(str(driver.out / "c2-range.png"))
    driver.click(window.outside)
    wait(lambda: len(excluded(driver)) == picks.count(picks[0]))
    check("the range excludes the poorest", len(excluded(driver)) == 1)
    window.low.clear()
    wait(lambda: "1 excluded" in window.state.text())
    pause(1.5)
    window.grab().save(str(driver.out / "c3-excluded.png"))
    QTest.keyClick(window, Qt.Key.Key_Escape)
    pause(0.3)


def choose_class(driver: Driver, *numbers: int) -> None:
    """Select classes in the gallery with the mouse."""
    gallery = driver.dock.classes.gallery
    gallery.clearSelection()
    for place in range(gallery.count()):
        item = gallery.item(place)
        if int(item.data(Qt.ItemDataRole.UserRole)) in numbers:
            gallery.scrollToItem(item)
            where = gallery.visualItemRect(item).center()
            QTest.mouseClick(gallery.viewport(), LEFT, Qt.KeyboardModifier.ControlModifier, where)
    pause(0.2)


def classify(driver: Driver) -> None:
    """Make classes, reject two, one after the other, and undo the second."""
    dock = driver.dock
    driver.click(dock.micrographs.header)
    driver.click(dock.classes.header)
    pause(0.3)
    check("without classes no head can be trained from them", not dock.classes.train.isEnabled())
    driver.click(dock.classes.classify)
    wait(lambda: dock.classes_controller.running)
    print(f"classified in {wait(lambda: not dock.classes_controller.running, MINUTES):.1f} s")
    print(dock.classes.state.text())
    pause(1)
    driver.shot("c4-classes")
    check("with none rejected it cannot either", not dock.classes.train.isEnabled())
    n = dock.classes.gallery.count()
    before = dock.session.total()
    choose_class(driver, n)
    driver.click(dock.classes.reject)
    wait(lambda: dock.session.total() < before)
    once = dock.session.total()
    pause(0.5)
    choose_class(driver, n - 1)
    driver.click(dock.classes.reject)
    wait(lambda: dock.session.total() < once)
    pause(0.5)
    driver.shot("c5-rejected")
    twice = dock.session.total()
    driver.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: dock.session.total() == once)
    print(f"picks: {before}, {once} and {twice} after one and two rejections, {once} after the undo")


def train(driver: Driver) -> None:
    """Train from the classes, and take the head."""
    dock = driver.dock
    wait(dock.classes.train.isEnabled)
    driver.click(dock.classes.train)
    wait(lambda: dock.training.running)
    asked = dock.training.name
    pause(2)
    driver.shot("c6-training")
    print(f"head {asked} trained in {wait(lambda: not dock.training.running, MINUTES):.1f} s")
    print(dock.train.result.text())
    driver.shot("c7-trained")
    if dock.session.settings.head != asked:
        driver.click(dock.train.use)
    check("the head is in use", dock.session.settings.head == asked)
    driver.click(dock.train.back)
    check("one step takes it back", dock.session.settings.head == "generic")
    driver.click(dock.train.use)
    check("and it is taken again", dock.session.settings.head == asked)


def run(folder: Path, diameter: str, out: Path) -> None:
    """Do the whole tour."""
    from napari_hydrapicker.io import coordinates as formats

    driver = Driver(out)
    dock = driver.dock
    pick_all(driver, folder, diameter)
    pause(0.5)
    by_worth(driver)
    left_out = excluded(driver)
    classify(driver)
    train(driver)
    before = dict(dock.session._history.times_picked)
    driver.click(dock.pick.buttons[2])
    wait(lambda: dock.jobs.running)
    print(f"picked again in {wait(lambda: not dock.jobs.running, MINUTES):.1f} s")
    again = [n for n, times in dock.session._history.times_picked.items() if times > before[n]]
    check("the excluded micrograph is not picked", len(again) == len(dock.session.records) - len(left_out))
    driver.click(dock.classes.header)
    driver.click(dock.train.header)
    driver.click(dock.export.header)
    pause(0.3)
    written = out / "export"
    QTest.keyClicks(dock.export.folder, str(written))
    pause(0.3)
    driver.click(dock.export.write)
    wait(lambda: dock.export.write.isEnabled() and (written / "autopick.star").exists())
    pause(0.5)
    driver.shot("c8-exported")
    print(dock.export.preview.text())
    read = formats.read_paths(written / "autopick.star", "star-combined")
    held = {Path(name).name.removesuffix(".mrc"): one for name, one in read.items()}
    truth = {name: yx for name, yx in expected(dock).items() if name not in left_out}
    check("the excluded one is not in the list", sorted(held) == sorted(truth))
    check(
        "the others are what was picked",
        all(len(held[n].yx) == len(yx) and _same(held[n].yx, yx) for n, yx in truth.items()),
    )
    driver.viewer.close()


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return np.allclose(a[np.lexsort(a.T)], b[np.lexsort(b.T)], atol=1e-3)


def main() -> None:
    """Read the arguments and go."""
    arguments = tour_parser(__doc__).parse_args()
    with own_copy(arguments.micrographs, arguments.out) as folder:
        run(folder, arguments.diameter, arguments.out)


if __name__ == "__main__":
    main()
