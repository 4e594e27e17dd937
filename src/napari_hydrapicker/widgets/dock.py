"""The dock widget "HydraPicker": its sections, joined to one another and to the canvas."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.export import ExportItem
from napari_hydrapicker.picks import Source
from napari_hydrapicker.project.status import Status
from napari_hydrapicker.session import Session
from napari_hydrapicker.widgets import keys
from napari_hydrapicker.widgets.canvas import Canvas
from napari_hydrapicker.widgets.correct_section import CorrectSection
from napari_hydrapicker.widgets.export_section import ExportSection
from napari_hydrapicker.widgets.gallery_link import GalleryLink
from napari_hydrapicker.widgets.keys import bind_keys, unbind_keys
from napari_hydrapicker.widgets.micrographs_section import MicrographsSection
from napari_hydrapicker.widgets.notify import inform, warn
from napari_hydrapicker.widgets.opening import Opener
from napari_hydrapicker.widgets.pick_jobs import PickJobs
from napari_hydrapicker.widgets.pick_section import PickSection
from napari_hydrapicker.widgets.preferences import preferred_settings
from napari_hydrapicker.widgets.tasks import Tasks
from napari_hydrapicker.widgets.tools import Tool, Tools
from napari_hydrapicker.widgets.view_section import ViewSection

if TYPE_CHECKING:
    import napari

_COUNT_MS = 120  # the counts of all micrographs follow the slider at this pace


class HydraPickerWidget(QWidget):
    """Browse, pick, slide, correct and export."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self._docked = self._closed = False
        self.session = Session(preferred_settings())
        self.jobs = PickJobs(self.session, self)
        self.tasks = Tasks(self)
        self.opener = Opener(self.session, self.tasks, self)
        self.canvas = Canvas(napari_viewer, self.session, self)
        self.tools = Tools(napari_viewer, self.canvas, self)
        self.micrographs = MicrographsSection(self.session)
        self.view = ViewSection()
        self.pick = PickSection(self.session, self.jobs)
        self.correct = CorrectSection()
        self.export = ExportSection(self._export_items, self.tasks)
        self.gallery_link = GalleryLink(self.session, self.canvas, self.correct.gallery, self.tasks, self)
        self._recount = QTimer(self)
        self._recount.setSingleShot(True)
        self._recount.setInterval(_COUNT_MS)
        self._recount.timeout.connect(self._count_all)
        self._lay_out()
        self._connect()
        bind_keys(napari_viewer, self._actions())
        self.setAcceptDrops(True)
        # The dock may be destroyed with the window, without a close event of its own.
        self.destroyed.connect(_closer(self.session, self.jobs, self.tasks, self.canvas))

    def dragEnterEvent(self, event: Any) -> None:
        """Take folders and files that are dropped."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:
        """Open what was dropped."""
        self.opener.open([url.toLocalFile() for url in event.mimeData().urls()])

    def changeEvent(self, event: Any) -> None:
        """Close with the dock: napari takes the widget out of it and then leaves it alone."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange:
            if self._docked and self.parent() is None:
                self.close_session()
                self.deleteLater()
            self._docked = self.parent() is not None

    def pick_these(self, which: str) -> None:
        """Pick "this" micrograph, the "selected" ones, or "all" that are neither complete nor excluded."""
        done = (Status.COMPLETE, Status.EXCLUDED)
        if which == "all":
            chosen = [r.id for r in self.session.records if r.status not in done]
        elif which == "selected":
            chosen = self.micrographs.table.selected_ids()
        else:
            chosen = [] if self.session.current is None else [self.session.current]
        if not chosen:
            warn("Nothing to pick: open a folder, or select micrographs in the table")
        elif self.session.read_only:
            warn("The project is read-only here: it is open in another napari")
        else:
            self.jobs.pick(chosen)

    def step(self, by: int) -> None:
        """Go on to another micrograph."""
        number = self.session.neighbour(by)
        if number is not None:
            self.session.set_current(number)

    def undo(self) -> None:
        """Undo the last correction on the canvas' micrograph."""
        self._attempt(self.session.undo)

    def redo(self) -> None:
        """Redo it."""
        self._attempt(self.session.redo)

    def toggle_complete(self) -> None:
        """Mark the current micrograph as corrected throughout, or take the mark back."""
        current = self.session.current
        if current is None:
            self.correct.complete.setChecked(False)
            return
        complete = self.session.record(current).status is Status.COMPLETE
        if complete:
            self._attempt(lambda: self.session.unmark(current))
        else:
            self._attempt(lambda: self.session.set_status(current, Status.COMPLETE))
        self._follow()  # the button shows what came of it

    def toggle_excluded(self) -> None:
        """Exclude the selected micrographs, or take them back if all are excluded."""
        chosen = self.micrographs.table.selected_ids()
        back = all(self.session.record(n).status is Status.EXCLUDED for n in chosen)
        for number in chosen:
            change = self.session.unmark if back else self._exclude
            self._attempt(lambda number=number, change=change: change(number))

    def close_session(self) -> None:
        """Stop all work and close the project; the widget can be thrown away afterwards."""
        if self._closed:
            return
        self._closed = True
        unbind_keys(self.viewer, self._actions())
        self.tools.close()
        _closer(self.session, self.jobs, self.tasks, self.canvas)()

    def _actions(self) -> dict[str, Callable[[], object]]:
        return {
            keys.PREVIOUS: lambda: self.step(-1),
            keys.NEXT: lambda: self.step(1),
            keys.PICK: lambda: self.pick_these("this"),
            keys.ERASE: lambda: self.tools.choose(Tool.ERASE),
            keys.COMPLETE: self.toggle_complete,
            keys.ORIGINAL: self.view.toggle_original,
            keys.UNDO: self.undo,
            keys.REDO: self.redo,
        }

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(2, 2, 2, 2)
        column.setSpacing(2)
        for section in (self.micrographs, self.view, self.pick, self.correct, self.export):
            column.addWidget(section)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        self.setMinimumWidth(350)

    def _connect(self) -> None:
        for source in (self.opener, self.micrographs, self.pick, self.export, self.canvas):
            source.problem.connect(warn)
        self.tasks.failed.connect(warn)
        self.export.done.connect(inform)
        self.micrographs.open_requested.connect(self.opener.ask)
        self.micrographs.measure_requested.connect(lambda: self.tools.choose(Tool.MEASURE))
        self.micrographs.exclude_requested.connect(self.toggle_excluded)
        self.view.filter_changed.connect(self.canvas.set_filter)
        self.pick.pick_requested.connect(self.pick_these)
        self.correct.tool_chosen.connect(self.tools.choose)
        self.correct.undo_requested.connect(self.undo)
        self.correct.redo_requested.connect(self.redo)
        self.correct.complete_toggled.connect(lambda _: self.toggle_complete())
        self.correct.gallery_wanted.connect(self.gallery_link.set_active)
        self.tools.tool_changed.connect(self.correct.show_tool)
        self.tools.measured.connect(self._measured)
        self.canvas.shown.connect(lambda _: self._follow())
        session = self.session
        session.micrographs_changed.connect(self._follow)
        session.micrograph_changed.connect(self._on_micrograph)
        session.settings_changed.connect(self._on_settings)

    def _on_micrograph(self, number: int) -> None:
        if number == self.session.current:
            self._follow()
        else:
            self._recount.start()

    def _on_settings(self, names: frozenset[str]) -> None:
        if "diameter_angstrom" in names:
            self.tools.show_ring(self.canvas.diameter_px())
        if "threshold" in names:
            self._show_counts()
            self._recount.start()

    def _follow(self) -> None:
        """Show the current micrograph's figures."""
        number = self.session.current
        if number is None:
            return
        labels = self.session.labels(number)
        source = labels.source[~labels.deleted]
        added, moved = int((source == Source.MANUAL).sum()), int((source == Source.MOVED).sum())
        self.correct.show_counts(added, moved, int(labels.deleted.sum()))
        self.correct.complete.setChecked(self.session.record(number).status is Status.COMPLETE)
        self.pick.slider.set_scores(self.session.counts.scores(number))
        self._show_counts()
        self._recount.start()

    def _show_counts(self) -> None:
        number = self.session.current
        here = 0 if number is None else self.session.count(number)
        self.pick.show_count(here, self.session.total())

    def _count_all(self) -> None:
        self.micrographs.refresh_counts()
        self._show_counts()
        self.export.refresh()

    def _measured(self, diameter_px: float) -> None:
        number = self.canvas.micrograph_id
        pixel = None if number is None else self.session.record(number).pixel_size_angstrom
        if pixel is None:
            warn("The pixel size is unknown: enter it in the table, then measure")
            return
        self._attempt(lambda: self.session.update(diameter_angstrom=float(np.round(diameter_px * pixel))))

    def _export_items(self) -> list[ExportItem]:
        s = self.session
        return [
            ExportItem(
                r.micrograph(), s.picks(r.id), r.status is Status.COMPLETE, s.settings.diameter_angstrom
            )
            for r in s.records
            if r.status is not Status.EXCLUDED
        ]

    def _exclude(self, number: int) -> None:
        self.session.set_status(number, Status.EXCLUDED)

    def _attempt(self, action: Any) -> None:
        """Do something that may be refused; the user reads why."""
        try:
            action()
        except HydraPickerError as error:
            warn(str(error))


def _closer(session: Session, jobs: PickJobs, tasks: Tasks, canvas: Canvas) -> Any:
    """Return what ends all work; it must not need the widget, which may be half gone by then."""

    def close(*_: object) -> None:
        session.disconnect_all()
        canvas.close()
        jobs.close()
        tasks.close()
        session.close()

    return close
