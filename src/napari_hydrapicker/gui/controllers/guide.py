"""Keeps the guide, the marks of the sections and what is enabled in step with the session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QAbstractButton, QWidget

from napari_hydrapicker.gui.controllers.classes import ClassesController
from napari_hydrapicker.gui.controllers.lasting_jobs import LastingJobs
from napari_hydrapicker.gui.controllers.making import MakeController
from napari_hydrapicker.gui.controllers.picking import PickJobs
from napari_hydrapicker.gui.controllers.training import TrainingController
from napari_hydrapicker.gui.guide import Action, Situation, Step, done_steps, next_step, refusals
from napari_hydrapicker.gui.sections.export import ExportSection
from napari_hydrapicker.gui.sections.section import Mark, SectionColumn
from napari_hydrapicker.gui.widgets.guide_bar import GuideBar
from napari_hydrapicker.gui.widgets.tasks import AFTER_FRAME_MS, once_after
from napari_hydrapicker.hydra.head_record import GENERIC
from napari_hydrapicker.project.records import MicrographRecord, Status
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.project.settings import CONSENSUS

if TYPE_CHECKING:
    from napari.viewer import Viewer


_STEPS = {"picking": Step.PICK, "training": Step.TRAIN}  # whose failure is pointed at


class GuideController(QObject):
    """Says what is next, and disables what cannot be done yet."""

    def __init__(
        self, viewer: Viewer, session: Session, images: Callable[[], list[str]], bar: GuideBar,
        column: SectionColumn, export: ExportSection, training: TrainingController, making: MakeController,
        classes: ClassesController, jobs: tuple[PickJobs, LastingJobs, LastingJobs], parent: QObject,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._viewer, self._session, self._images = viewer, session, images
        self._bar, self._column, self._export = bar, column, export
        self._training, self._making, self._classes = training, making, classes
        self._under_way = dict.fromkeys(("picking", "training", "making"), False)
        self._exported = False
        self._failed: Step | None = None
        self._project: Path | None = None
        self.situation = Situation()
        self._later = once_after(AFTER_FRAME_MS, self.refresh, self)
        for name, job in zip(self._under_way, jobs, strict=True):
            self._follow_job(name, job)
        session.micrographs_changed.connect(self._on_project)
        session.current_changed.connect(self._soon)
        session.micrograph_changed.connect(self._on_change)
        session.settings_changed.connect(self._on_change)
        training.counted.connect(self.refresh)
        making.counted.connect(self.refresh)
        classes.counted.connect(self._soon)
        export.changed.connect(self.refresh)
        export.done.connect(self._on_exported)
        bar.followed.connect(self.follow)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            event.connect(self._soon)
        self.refresh()

    def close(self) -> None:
        """Leave the viewer as it was."""
        self._later.stop()
        for event in (self._viewer.layers.events.inserted, self._viewer.layers.events.removed):
            event.disconnect(self._soon)

    def refresh(self) -> None:
        """Look at the session, and show what follows."""
        self._later.stop()
        self.situation = s = self._look()
        advice, done, refused = next_step(s), done_steps(s), refusals(s)
        for section in self._column.sections:
            section.show_refusals(refused)
            if section.step is not None:
                mark = Mark.DONE if section.step in done else Mark.NONE
                section.set_mark(Mark.NEXT if section.step is advice.step else mark)
        self._bar.show_advice(advice.text, self._widget(advice.action), advice.step is not None)

    def follow(self) -> None:
        """Do what is next, where a button of the dock does it, or show the section where it is done."""
        advice = next_step(self.situation)
        self._failed = None  # it is looked at
        self._later.start()
        section = next((one for one in self._column.sections if one.step is advice.step), None)
        widget = self._widget(advice.action)
        if section is not None:
            self._column.bring_into_view(section)
        if isinstance(widget, QAbstractButton):
            widget.click()

    def _widget(self, action: Action | None) -> QWidget | None:
        found = (section.actions.get(action) for section in self._column.sections if action is not None)
        return next((widget for widget in found if widget is not None), None)

    def _follow_job(self, name: str, job: PickJobs | LastingJobs) -> None:
        step = _STEPS.get(name)

        def note(under_way: bool, problems: object = None) -> None:
            self._under_way[name] = under_way
            if step is not None and (under_way or problems):
                self._failed = None if under_way else step
            self.refresh()

        job.started.connect(lambda *_: note(True))
        job.finished.connect(lambda _cancelled, problems: note(False, problems))
        if isinstance(job, LastingJobs):
            job.left.connect(lambda *_: note(False))

    def _soon(self, *_: object) -> None:
        self._later.start()

    def _on_change(self, *_: object) -> None:
        self._exported = False  # what was written is not what there is any more
        self._later.start()

    def _on_exported(self, _text: str) -> None:
        self._exported = True
        self.refresh()

    def _on_project(self) -> None:
        project = self._session.project.path if self._session.is_open else None
        if project != self._project:
            self._project, self._exported, self._failed = project, False, None
        self.refresh()

    def _look(self) -> Situation:
        session = self._session
        if not session.is_open:
            return Situation(images=bool(self._images()), folder=self._export.has_folder)
        counted = [record for record in session.records if record.status is not Status.EXCLUDED]
        undecided = [record for record in counted if record.status is not Status.COMPLETE]
        here = None if session.current is None else session.record(session.current)
        settings = session.settings
        pickers = settings.joined if settings.picker == CONSENSUS else (settings.picker,)
        return Situation(
            is_open=True,
            read_only=session.read_only,
            here=None if here is None else here.status,
            here_pixel_size=here is not None and here.pixel_size_angstrom is not None,
            here_mask=here is not None and here.mask is not None,
            is_first=session.neighbour(-1) is None,
            is_last=session.neighbour(1) is None,
            micrographs=len(counted),
            excluded=len(session.records) - len(counted),
            with_pixel_size=sum(record.pixel_size_angstrom is not None for record in counted),
            undecided=len(undecided),
            to_pick=sum(not self._is_picked_as_set(record) for record in undecided),
            picked=sum(bool(len(session.labels(record.id))) for record in counted),
            complete=len(counted) - len(undecided),
            to_correct=sum(
                record.id != session.current and bool(len(session.labels(record.id))) for record in undecided
            ),
            corrected=len(self._training.corrected),
            particles=sum(len(one.yx) for one in self._training.corrected),
            classified=self._classes.left,
            rejected=self._classes.rejected,
            picks=any(session.count(record.id) for record in counted),  # at the first one it is known
            heads=self._training.own_heads,
            head=settings.head if "hydra" in pickers and settings.head != GENERIC else "",
            backgrounds=self._making.backgrounds,
            failed=self._failed,
            exporting=self._export.writing,
            folder=self._export.has_folder,
            exported=self._exported,
            **self._under_way,
        )

    def _is_picked_as_set(self, record: MicrographRecord) -> bool:
        """Whether a micrograph has picks of the picker that is chosen now."""
        session = self._session
        return bool(len(session.labels(record.id))) and (
            session.picker_of(record.id) == session.settings.picker_key
        )
