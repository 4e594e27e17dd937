"""How long each act keeps the window busy while a head is being trained.

    xvfb-run -s "-screen 0 1920x1080x24" python tools/drive_usable.py MICROGRAPHS DIAMETER --out FOLDER

Picks, corrects two micrographs, starts a training, and while it runs steps, corrects, slides, pans, folds and
chooses rows, with mouse and key events only. Of each act the longest pause of Qt's event loop is printed:
median and worst over its repetitions, beside those before the training, which are the machine's and its other
programs'. Ends with an error where one during the training reaches --limit, and is longer than all of
the same act before it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from drive_training import correct_two, own_copy, step, tour_parser, train
from heartbeat import Heartbeat
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from window_driver import LEFT, Driver, button, pause, pick_all, wait

_REST_SECONDS = 0.35  # between acts: what follows a moment later belongs to the act


class Acts:
    """What a user does to the window; each may be done again and again."""

    def __init__(self, driver: Driver) -> None:
        self.driver, self.dock, self.session = driver, driver.dock, driver.dock.session
        self._rng = np.random.default_rng(0)
        self._shape = np.array(self.session.record(self.session.current).shape)

    def step(self, i: int) -> None:
        """Go to the neighbour and back."""
        step(self.driver, Qt.Key.Key_Period if i % 2 else Qt.Key.Key_Comma)

    def add(self, i: int) -> None:
        """Click on some place."""
        self.driver.click_at(*self._rng.uniform(0.2, 0.8, 2) * self._shape)

    def erase(self, i: int) -> None:
        """Click on a pick."""
        self.driver.click_at(*self.session.picks(self.session.current).yx[0])

    def swipe(self, i: int) -> None:
        """Drag over picks."""
        self._drag((0.3, 0.2 + 0.05 * i), (0.6, 0.25 + 0.05 * i))

    def undo(self, i: int) -> None:
        """Take the last correction back."""
        self.driver.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)

    def complete(self, i: int) -> None:
        """Mark the micrograph, or take that back."""
        self.driver.key(Qt.Key.Key_Q)

    def slide(self, i: int) -> None:
        """Drag the confidence slider."""
        histogram = self.dock.pick.slider.histogram
        ends = [QPoint(int(histogram.x_of(value)), 30) for value in (0.3, 0.6)]
        self.driver.drag(histogram, *ends)

    def pan(self, i: int) -> None:
        """Drag the micrograph."""
        self._drag((0.5, 0.5), (0.55, 0.6))

    def fold(self, i: int) -> None:
        """Fold a section, or unfold it."""
        self.driver.click(self.dock.pick.header)

    def choose_row(self, i: int) -> None:
        """Click into the table."""
        table = self.dock.micrographs.table
        index = table.proxy.index(i % len(self.session.records), 0)
        QTest.mouseClick(table.view.viewport(), LEFT, pos=table.view.visualRect(index).center())

    def _drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        places = [self.driver.place(*np.array(place) * self._shape) for place in (start, end)]
        self.driver.drag(self.driver.canvas, *places, steps=10)


def longest_pauses(act: Callable[[int], None], times: int) -> list[float]:
    """Return the longest pause, ms, of each repetition of an act."""
    longest = []
    for i in range(times):
        pause(_REST_SECONDS)
        beat = Heartbeat()
        beat.start()
        pause(0.05)
        act(i)
        pause(_REST_SECONDS)
        beat.stop()
        longest.append(max(beat.gaps))
    return longest


def go_through(driver: Driver, times: int) -> dict[str, list[float]]:
    """Do all acts; returns the longest pause, ms, of each repetition by the name of the act."""
    acts, found = Acts(driver), {}
    tools = {acts.add: "Add", acts.erase: "Erase", acts.swipe: "Erase", acts.pan: "Browse"}
    for act in (
        acts.step, acts.add, acts.erase, acts.swipe, acts.undo, acts.complete, acts.slide, acts.pan,
        acts.fold, acts.choose_row,
    ):  # fmt: skip
        if act in tools:
            driver.click(button(driver.dock.correct, tools[act]))
        found[act.__name__] = longest_pauses(act, times)
    return found


def run(folder: Path, diameter: str, out: Path, times: int, limit_ms: float) -> None:
    """Do everything, and say how long it took."""
    driver = Driver(out)
    dock = driver.dock
    pick_all(driver, folder, diameter)
    correct_two(driver)
    step(driver, Qt.Key.Key_Period)
    before = go_through(driver, times)  # what the machine and its other programs do to any window
    step(driver, Qt.Key.Key_Period)
    driver.click(dock.train.header)
    train(driver, "meanwhile")
    wait(lambda: dock.train.progress.bar.value() > 0)
    during = go_through(driver, times)
    print("while a head is trained" if dock.training.running else "WRONG: the training has ended too soon")
    for name, longest in during.items():
        figures = (
            f"median {np.median(one):4.0f}, worst {max(one):4.0f} ms" for one in (longest, before[name])
        )
        print(f"{name:12s} {'; without a training '.join(figures)}")
    # A window on a machine that draws that slowly by itself is none of the training's doing.
    slower = [max(longest) for name, longest in during.items() if max(longest) > max(before[name])]
    worst = max(slower, default=0.0)
    driver.shot("u1-usable")
    if dock.training.running:  # else it goes on without the window
        driver.click(dock.train.progress.cancel)
        wait(lambda: not dock.training.running)
    driver.dock.close_session()
    driver.viewer.close()
    if worst >= limit_ms:
        sys.exit(f"a pause of {worst:.0f} ms: {limit_ms:g} ms are allowed")


def main() -> None:
    """Read the arguments and go."""
    parser = tour_parser(__doc__)
    parser.add_argument("--times", type=int, default=6, help="how often each act is done")
    parser.add_argument("--limit", type=float, default=100.0, help="ms that no pause may reach")
    arguments = parser.parse_args()
    with own_copy(arguments.micrographs, arguments.out) as folder:
        run(folder, arguments.diameter, arguments.out, arguments.times, arguments.limit)


if __name__ == "__main__":
    main()
