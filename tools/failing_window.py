"""A window with picked and corrected micrographs, to which bad things happen: for `drive_failures.py`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from drive_training import correct_by_clicks, step, train
from drive_window import expected
from qtpy.QtCore import Qt
from trouble import Told, undisturbed
from window_driver import Driver, button, check, wait

from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.project.training_set import head_libraries


class FailingWindow:
    """Opens the folder, picks it, corrects two micrographs, and is there to be hurt."""

    def __init__(self, driver: Driver, folder: Path, diameter: str, small: Path | None = None) -> None:
        self.driver, self.folder, self.small, self.told = driver, folder, small, Told()
        self.open(folder)
        driver.type(self.dock.micrographs.diameter.lineEdit(), diameter)
        self.pick_all()
        correct_by_clicks(driver)
        step(driver, Qt.Key.Key_Period)
        correct_by_clicks(driver)
        self.unfold_training()

    @property
    def dock(self) -> Any:
        """The plugin's dock in the window that is open now."""
        return self.driver.dock

    def open(self, folder: Path) -> None:
        """Open a folder through the dialog."""
        for jobs in (self.dock.jobs, self.dock.training):
            undisturbed(jobs)
        self.driver.choose_in_dialog(button(self.dock.micrographs, "Folder…"), folder)
        session, canvas = self.dock.session, self.dock.canvas
        wait(lambda: session.is_open and session.project.path.parent == folder)
        wait(lambda: canvas.micrograph_id == session.current is not None)

    def unfold_training(self) -> None:
        """Make room for the section Train, which is folded at first."""
        for section in (self.dock.correct, self.dock.train):
            self.driver.click(section.header)
        wait(self.dock.train.train.isEnabled)

    def begin_picking(self) -> None:
        """Press the button for all micrographs, and wait for the first of them."""
        self.driver.click(self.dock.pick.buttons[2])
        wait(lambda: self.dock.pick.progress.bar.value() > 0)

    def pick_all(self) -> None:
        """Press the button for all micrographs, and wait for the end."""
        self.driver.click(self.dock.pick.buttons[2])
        wait(lambda: not self.dock.jobs.running)
        check("the buttons for picking are back", all(one.isEnabled() for one in self.dock.pick.buttons))

    def ask_for_training(self, name: str) -> None:
        """Type a name and press the button."""
        self.driver.type(self.dock.train.name, name)
        self.driver.click(self.dock.train.train)

    def train_until(self, name: str, words: str) -> None:
        """Start a training and wait until its progress says something."""
        train(self.driver, name)
        bar = self.dock.train.progress.bar
        wait(lambda: words in bar.format() or not self.dock.training.running)
        check(f"the progress says {bar.format()!r}", words in bar.format())

    def train_until_steps(self, name: str) -> None:
        """Start a training and wait until it is in the midst of its steps."""
        train(self.driver, name)
        wait(lambda: bool(self.dock.train.curves.loss) or not self.dock.training.running)
        check("the training is in the midst of its steps", self.dock.training.running)

    def wait_for_end(self) -> None:
        """Wait for the end of a training, after which another one can be started."""
        wait(lambda: not self.dock.training.running)
        check("another training can be started", self.dock.train.train.isEnabled())

    def train_to_end(self, name: str) -> None:
        """Train a head, which is there then."""
        train(self.driver, name)
        self.wait_for_end()
        self.check_kept(name)

    def check_kept(self, name: str) -> None:
        """Look for a head in the libraries and in the list of heads to pick with."""
        check(f"the dock says {self.dock.train.result.text()!r}", name in self.dock.train.result.text())
        heads = self.dock.pick.head
        listed = [heads.itemText(i) for i in range(heads.count())]
        kept = [library.folder for library in head_libraries(self.dock.session) if name in library.names()]
        check(f"head {name!r} is listed, and kept in {kept}", bool(kept) and name in listed)

    def is_told(self, *words: str) -> None:
        """Wait until the user is told something that has all the words."""
        self.told.wait_for(*words)

    def is_refused(self) -> None:
        """Try to add a pick to a project that cannot be written."""
        self._click_to_add(0)
        self.is_told("cannot be written", "the last change is not saved")

    def add_a_pick(self) -> None:
        """Add a pick with the mouse; it is in the project's file at once."""
        self._click_to_add(1)

    def _click_to_add(self, new: int) -> None:
        session, number = self.dock.session, self.dock.session.current
        layer = self.dock.canvas.picks.layer  # has the ones below the threshold too
        before = session.count(number), len(layer.data)
        rows, cols = session.record(number).shape
        self.driver.click(button(self.dock.correct, "Add"))
        self.driver.click_at(rows * 0.37, cols * 0.61)
        self.driver.click(button(self.dock.correct, "Add"))
        in_file = len(expected(self.dock)[session.record(number).name])
        check(f"the file has {in_file} picks, as the window", in_file == session.count(number))
        after = session.count(number), len(layer.data)
        check(f"a click adds {new} picks, {before} are {after}", after == (before[0] + new, before[1] + new))

    def press_next(self) -> None:
        """Press “Next to correct”; it leads to the micrograph of most doubt among those that are open."""
        dock = self.dock
        start = dock.session.current
        self.driver.click(dock.train.next)
        wait(lambda: dock.canvas.micrograph_id == dock.session.current != start)
        name = dock.session.record(dock.session.current).name
        print(f"  the dock says {dock.train.suggestion.text()!r}; errors a pick: {self._errors(start)}")
        check(f"it leads to {name}, and says so", dock.train.suggestion.text().startswith(name))

    @contextmanager
    def nothing_lost(self) -> Iterator[None]:
        """Compare what the project's file holds before and afterwards."""
        before = expected(self.dock)
        yield
        after = expected(self.dock)
        same = before.keys() == after.keys() and all(np.array_equal(before[n], after[n]) for n in before)
        check(f"all {sum(map(len, after.values()))} picks with their corrections are in the project", same)

    def _errors(self, current: int) -> dict[str, float]:
        """Errors to be expected from the scores in the project's file, by the micrographs that are open."""
        other, found = Session(), {}
        other.use(Project.open(self.dock.session.project.path))
        for record in other.records:
            p, threshold = other.labels(record.id).score.astype(float), other.threshold(record.id)
            if record.status is not Status.COMPLETE and record.id != current:
                wrong = (1 - p[p >= threshold]).sum() + p[(p >= 0.05) & (p < threshold)].sum()
                found[record.name] = round(float(wrong / (p >= threshold).sum()), 3)
        other.close()
        return found
