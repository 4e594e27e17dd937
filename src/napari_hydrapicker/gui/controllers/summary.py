"""Counts, scores and marks in the dock's sections, as the session changes."""

from __future__ import annotations

from qtpy.QtCore import QObject

from napari_hydrapicker.gui.sections.correct import CorrectSection
from napari_hydrapicker.gui.sections.export import ExportSection
from napari_hydrapicker.gui.sections.micrographs import MicrographsSection
from napari_hydrapicker.gui.sections.pick import PickSection
from napari_hydrapicker.gui.sections.view import ViewSection
from napari_hydrapicker.gui.widgets.tasks import AFTER_FRAME_MS, once_after
from napari_hydrapicker.picks import Source
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.project.session import Session

_SETTLE_MS = 120  # the counts of all micrographs follow when the slider rests for as long


class Summary(QObject):
    """Shows the current micrograph's counts at once, those of all micrographs a moment later."""

    def __init__(
        self,
        session: Session,
        micrographs: MicrographsSection,
        view: ViewSection,
        pick: PickSection,
        correct: CorrectSection,
        export: ExportSection,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._micrographs, self._view, self._pick = micrographs, view, pick
        self._correct, self._export = correct, export
        self._here = once_after(AFTER_FRAME_MS, self.show, self)
        self._recount = once_after(_SETTLE_MS, self._show_all, self)
        session.micrographs_changed.connect(self.show)
        session.micrograph_changed.connect(self._on_micrograph)
        session.settings_changed.connect(self._on_settings)

    def show(self) -> None:
        """Show the current micrograph's counts."""
        number = self._session.current
        if number is None:
            self._correct.show_meaning(None)
            self._correct.complete.setChecked(False)
            self._correct.show_counts(0, 0, 0)
            return
        record, labels = self._session.record(number), self._session.labels(number)
        source = labels.source[~labels.deleted]
        added, moved = int((source == Source.MANUAL).sum()), int((source == Source.MOVED).sum())
        self._correct.show_counts(added, moved, int(labels.deleted.sum()))
        self._correct.show_meaning(record.status)
        self._correct.complete.setChecked(record.status is Status.COMPLETE)
        self._view.show_pixel_size(record.pixel_size_angstrom)
        self._pick.slider.set_scores(self._session.counts.scores(number))
        self._pick.show_threshold()
        self._show_counts()
        self._recount.start()

    def _on_micrograph(self, number: int) -> None:
        (self._here if number == self._session.current else self._recount).start()

    def _on_settings(self, names: frozenset[str]) -> None:
        if "threshold" in names:
            self._show_counts()
            self._recount.start()

    def _show_counts(self) -> None:
        number = self._session.current
        here = 0 if number is None else self._session.count(number)
        self._pick.show_count(here, self._session.total())

    def _show_all(self) -> None:
        self._micrographs.refresh_counts()
        self._show_counts()
        self._export.refresh()
