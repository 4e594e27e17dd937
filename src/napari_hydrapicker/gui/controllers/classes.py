"""Joins the section of classes to the worker and the session."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog

from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.gui.controllers.jobs import Jobs
from napari_hydrapicker.gui.layers.canvas import Canvas
from napari_hydrapicker.gui.sections.classes import ClassesSection
from napari_hydrapicker.gui.widgets.tasks import once_after
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.project.training_set import classified_micrographs
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph
from napari_hydrapicker.wording import counted
from napari_hydrapicker.worker.messages import Broken, Classified, Classifying, ClassifyRequest, Finished

_POLL_MS = 100
_SETTLE_MS = 100
_MOST_LISTED = 2000


class ClassesController(Jobs):
    """Classifies the shown picks of all micrographs, and rejects classes.

    Signals
    -------
    problem (str)
        What went wrong.
    train_requested (tuple of AnnotatedMicrograph)
        A head is to be trained on these.
    counted ()
        `left` or `rejected` may have changed.

    Attributes
    ----------
    left, rejected : int
        Picks that are in a class still, and those that were deleted since.
    """

    problem = Signal(str)
    train_requested = Signal(object)
    counted = Signal()

    def __init__(
        self, session: Session, section: ClassesSection, canvas: Canvas, parent: QObject | None = None
    ) -> None:
        super().__init__(session, _POLL_MS, parent)
        self._section, self._canvas = section, canvas
        self._asked: list[tuple[int, NDArray[np.int64]]] = []
        self._members: dict[int, dict[int, NDArray[np.int64]]] = {}
        self.left = self.rejected = 0
        self._averages = np.empty((0, 1, 1), np.float32)
        self._pixel_angstrom = 1.0
        self._folder: Path | None = None
        self._wanted: int | None = None
        self._settle = once_after(_SETTLE_MS, self._follow, self)
        section.classify_requested.connect(self.classify)
        section.cancel_requested.connect(self.cancel)
        section.reject_requested.connect(self.reject)
        section.keep_requested.connect(self.keep_only)
        section.opened.connect(self.list_members)
        section.member_requested.connect(self.show_member)
        section.save_requested.connect(self._ask_and_save)
        section.train_requested.connect(self.train)
        canvas.shown.connect(self._on_shown)
        session.labels_changed.connect(self._later)
        session.micrographs_changed.connect(self._later)
        session.settings_changed.connect(self._later)
        self._later()

    def classify(self, number: int) -> None:
        """Sort the picks that are shown into classes, 0 for as many as fit."""
        if self.running:
            return
        if not self._session.is_open:
            self.problem.emit("there are no picks to classify: pick some micrographs first")
            return
        s = self._session
        picked = []
        self._asked = []
        for record in s.records:
            shown = s.labels(record.id).where(s.shown(record.id))
            if record.pixel_size_angstrom is None or record.status is Status.EXCLUDED or not len(shown):
                continue
            picked.append(AnnotatedMicrograph(record.micrograph(), shown.yx, np.empty((0, 2))))
            self._asked.append((record.id, shown.id))
        if not picked:
            self.problem.emit("there are no picks to classify: pick some micrographs first")
            return
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="hydrapicker-classes-"))
        self._job += 1
        light = s.settings.contrast == "light"
        self._section.show_running("starting")
        self._send(
            ClassifyRequest(
                self._job,
                tuple(picked),
                s.settings.diameter_angstrom,
                number or None,
                light,
                str(self._folder),
            )
        )

    def reject(self, numbers: list[int]) -> None:
        """Delete the picks in some classes: one step to undo."""
        ids: dict[int, list[NDArray[np.int64]]] = {}
        for number in numbers:
            for micrograph_id, own in self._members.get(number, {}).items():
                ids.setdefault(micrograph_id, []).append(own)
        if not ids:
            return
        self._attempt(
            lambda: self._session.delete_together({key: np.concatenate(own) for key, own in ids.items()})
        )

    def keep_only(self, numbers: list[int]) -> None:
        """Delete the picks in all other classes: one step to undo."""
        self.reject([number for number in self._members if number not in numbers])

    def train(self) -> None:
        """Have a head trained on what is left in classes, and on what was rejected."""
        of_micrograph: dict[int, list[NDArray[np.int64]]] = {}
        for members in self._members.values():
            for micrograph_id, own in members.items():
                of_micrograph.setdefault(micrograph_id, []).append(own)
        members = {number: np.concatenate(own) for number, own in of_micrograph.items()}
        self._attempt(lambda: self.train_requested.emit(classified_micrographs(self._session, members)))

    def list_members(self, number: int) -> None:
        """List the picks of a class that are left."""
        listed = []
        for micrograph_id, ids in self._members.get(number, {}).items():
            own = self._session.labels(micrograph_id).rows(ids)
            name = self._session.record(micrograph_id).name
            for pick_id, (y, x), deleted in zip(
                own.id.tolist(), own.yx.tolist(), own.deleted.tolist(), strict=True
            ):
                if not deleted:
                    listed.append((f"{name}: x {x:.0f}, y {y:.0f}", micrograph_id, pick_id))
        self._section.show_members(listed[:_MOST_LISTED])

    def show_member(self, micrograph_id: int, pick_id: int) -> None:
        """Show a pick on its micrograph."""
        if micrograph_id == self._canvas.micrograph_id:
            self._canvas.centre_on(pick_id)
            return
        self._wanted = pick_id
        self._attempt(lambda: self._session.set_current(micrograph_id))

    def save_average(self, number: int, path: Path) -> None:
        """Write a class's average as MRC."""
        from napari_hydrapicker.classes.files import mrc_stack
        from napari_hydrapicker.io.files import write_files

        content = mrc_stack(self._averages[number - 1 : number], self._pixel_angstrom)
        self._attempt(lambda: write_files({path: content}, overwrite=True))

    def close(self) -> None:
        """End the process, and leave no files."""
        super().close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _on_shown(self, *_: object) -> None:
        """Find the pick that was asked for, now that its micrograph is there."""
        if self._wanted is not None:
            self._canvas.centre_on(self._wanted)
            self._wanted = None

    def _ask_and_save(self, number: int) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self._section, "Save the average", f"class_{number}.mrc", "MRC (*.mrc *.mrcs)"
        )
        if name:
            self.save_average(number, Path(name))

    def _poll(self) -> None:
        for message in self._messages():
            if isinstance(message, Classifying):
                share = f": {message.done} of {message.total}" if message.total > 1 else ""
                self._section.show_running(message.step + share)
            elif isinstance(message, Classified):
                self._take(message)
            elif isinstance(message, Broken):
                self._timer.stop()
                self._section.show_ended("The picks were not classified.")
                self.problem.emit(message.text)
            elif isinstance(message, Finished):
                self._timer.stop()
                if message.cancelled:
                    self._section.show_ended("Cancelled.")
                self._later()

    def _take(self, message: Classified) -> None:
        import mrcfile

        from napari_hydrapicker.classes.files import grey

        with mrcfile.open(message.averages) as stack:
            self._averages = np.array(stack.data)
            self._pixel_angstrom = float(stack.voxel_size.x)
        self._members = {one.number: {} for one in message.classes}
        for (micrograph_id, ids), label in zip(self._asked, message.label, strict=True):
            numbers = np.array(label)
            for number in np.unique(numbers[numbers > 0]).tolist():
                self._members[number][micrograph_id] = ids[numbers == number]
        self._section.show_classes(message.classes, np.stack([grey(one) for one in self._averages]))
        doubtful = sum(bool(one.doubts) for one in message.classes)
        total = sum(one.size for one in message.classes)
        doubts = f"; {doubtful} may be no particles" if doubtful else ""
        self._section.show_ended(
            f"{counted(total, 'pick')} in {counted(len(message.classes), 'class')}{doubts}."
        )

    def _later(self, *_: object) -> None:
        self._settle.start()

    def _follow(self) -> None:
        """Show what is left of the classes, and whether there is anything to classify."""
        s = self._session
        self._section.show_possible(s.is_open and s.total() > 0)
        left, rejected = {}, 0
        for number, members in self._members.items():
            rows = [s.labels(micrograph_id).rows(ids) for micrograph_id, ids in members.items()]
            left[number] = sum(int((~own.deleted).sum()) for own in rows)
            rejected += sum(int(own.deleted.sum()) for own in rows)
        if self._members:
            self._section.show_left(left)
        self.left, self.rejected = sum(left.values()), rejected
        self.counted.emit()

    def _attempt(self, change: Callable[[], object]) -> None:
        try:
            change()
        except HydraPickerError as error:
            self.problem.emit(str(error))

    def _on_project(self) -> None:
        """Forget the classes of a project that is gone, and end what is under way for it."""
        if self.running:
            self._child.stop()
            self._timer.stop()
        self._members, self._asked = {}, []
        self._section.clear()
        self._section.show_ended("")
        self._later()
