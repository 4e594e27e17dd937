"""Hands that correct parts of micrographs in the real window, and eyes on what reaches the training."""

from __future__ import annotations

import numpy as np
from drive_training import train
from numpy.typing import NDArray
from qtpy.QtTest import QTest
from window_driver import Driver, button, check, pause, wait

from napari_hydrapicker.hydra.head_record import HeadRecord
from napari_hydrapicker.picking.library import user_library
from napari_hydrapicker.picks import Picks, Source
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph
from napari_hydrapicker.worker.messages import Trained, TrainRequest

DRAG_PX = np.array([9.0, -6.0])  # rows and columns: not to be mistaken for one another
APART_PX = 60.0
EDGE_PX = 80.0
Places = list[tuple[float, float]]


class PartialWindow:
    """A window, what was clicked in it, and what it handed to the trainings."""

    def __init__(self, driver: Driver) -> None:
        self.driver, self.dock, self.session = driver, driver.dock, driver.dock.session
        self.marked: dict[int, Places] = {}
        self.erased: dict[int, Places] = {}
        self.requests: list[TrainRequest] = []
        self.trained: list[Trained] = []
        child = self.dock.training._child
        send = child.send

        def noting(request: TrainRequest) -> None:
            self.requests.append(request)
            send(request)

        child.send = noting
        self.dock.training.trained.connect(self.trained.append)

    def add(self, count: int) -> None:
        """Click on places where the picker was not certain enough, then on empty ones."""
        number = self.session.current
        self.driver.click(button(self.dock.correct, "Add"))
        labels, shown = self.session.labels(number), self.session.shown(number)
        rng = np.random.default_rng(number)
        hidden = labels.yx[~shown & ~labels.deleted]
        anywhere = rng.uniform(EDGE_PX, np.array(self.session.record(number).shape) - EDGE_PX, (400, 2))
        taken = labels.yx[shown | labels.deleted]
        for place in np.concatenate([hidden, np.round(anywhere)]):
            if count and self._inner(place) and np.linalg.norm(taken - place, axis=1).min() > APART_PX:
                taken = np.concatenate([taken, place[None]])
                self.driver.click_at(*place)
                self.marked.setdefault(number, []).append(tuple(place))
                count -= 1
        check("all places were clicked", count == 0)

    def move(self, count: int) -> None:
        """Drag the likeliest picks somewhere else."""
        self.driver.click(button(self.dock.correct, "Move"))
        for place in self._lonely()[-count:]:
            start, end = self.driver.place(*place), self.driver.place(*(place + DRAG_PX))
            QTest.mouseMove(self.driver.canvas, start)
            pause(0.1)
            self.driver.drag(self.driver.canvas, start, end)
            self.marked.setdefault(self.session.current, []).append(tuple(place + DRAG_PX))

    def erase(self, count: int) -> None:
        """Click the least likely picks away."""
        self.driver.click(button(self.dock.correct, "Erase"))
        for place in self._lonely()[:count]:
            self.driver.click_at(*place)
            self.erased.setdefault(self.session.current, []).append(tuple(place))

    def _lonely(self) -> NDArray[np.float64]:
        """Return the picker's picks shown that have room around them (N, 2), by rising score."""
        picks: Picks = self.session.picks(self.session.current)
        picks = picks.select(np.argsort(picks.score))
        gap = np.linalg.norm(picks.yx[:, None] - picks.yx, axis=-1) + np.diag(np.full(len(picks), np.inf))
        return picks.yx[
            (picks.source == Source.PICKER) & (gap.min(axis=1) > APART_PX) & self._inner(picks.yx)
        ]

    def _inner(self, yx: NDArray[np.float64]) -> NDArray[np.bool_]:
        shape = np.array(self.session.record(self.session.current).shape)
        return ((yx > EDGE_PX) & (yx < shape - EDGE_PX)).all(axis=-1)

    def check_marks(self, what: str) -> None:
        """Compare the micrograph's marks in the project file, read by another connection, with the clicks."""
        number = self.session.current
        project = Project.open(self.session.project.path)
        labels, name = project.labels(number), self.session.record(number).name
        project.close()
        by_hand = np.isin(labels.source, (Source.MANUAL, Source.MOVED)) & ~labels.deleted
        self._check_alike(f"{name}, {what}, on file", number, labels.yx[by_hand], labels.yx[labels.deleted])

    def train(self, name: str, shot: str) -> HeadRecord:
        """Train to the end, with a picture, and check what was handed over and what is said of it."""
        pause(0.5)  # corrections are counted a moment later
        said = self.dock.train.labels.text()
        train(self.driver, name)
        for one in self.requests[-1].micrographs:
            self._check_sent(one)
        wait(lambda: not self.dock.training.running)
        self.driver.shot(shot)
        print(f"  {self.dock.train.result.text()}", flush=True)
        record = user_library().record(name)
        check("the head says that not all particles are marked", record.partial)
        held = [one.name for one in record.micrographs if one.use == "validation"]
        check(f"what was held out, {held}, was said before", said.endswith(", ".join(held) or "particles"))
        print(f"  threshold {record.threshold:.3f}, calibration {record.calibration}", flush=True)
        return record

    def _check_sent(self, one: AnnotatedMicrograph) -> None:
        name = one.micrograph.name
        number = next(record.id for record in self.session.records if record.name == name)
        if one.complete:
            shown = self.session.picks(number).yx
            same = np.array_equal(np.sort(one.yx, axis=0), np.sort(shown, axis=0))
            check(f"{name}, sent: complete, all {len(shown)} picks shown are particles", same)
        else:
            self._check_alike(f"{name}, sent", number, one.yx, one.negative_yx)

    def _check_alike(self, what: str, number: int, particles: object, negatives: object) -> None:
        for kind, found, clicked in (
            ("particles", particles, self.marked.get(number, [])),
            ("negatives", negatives, self.erased.get(number, [])),
        ):
            check(f"{what}: the {len(clicked)} {kind} clicked and no others", self._alike(found, clicked))

    def _alike(self, yx: object, places: Places) -> bool:
        found, wanted = np.reshape(yx, (-1, 2)), np.reshape(places, (-1, 2))
        if found.shape != wanted.shape:
            return False
        gap = np.abs(found[:, None] - wanted).max(axis=-1)
        finest = 0.5 + 1.5 / self.driver.viewer.scene.camera.zoom  # two pixels of the screen in a drag
        return bool(gap.size == 0 or max(gap.min(axis=0).max(), gap.min(axis=1).max()) <= finest)
