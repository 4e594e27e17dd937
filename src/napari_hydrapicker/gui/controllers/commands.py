"""What buttons and keys of the dock do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.gui.controllers.picking import PickJobs
from napari_hydrapicker.gui.guide import READ_ONLY
from napari_hydrapicker.gui.layers.canvas import Canvas
from napari_hydrapicker.gui.widgets.micrograph_table import MicrographTable
from napari_hydrapicker.gui.widgets.parts import inform, warn
from napari_hydrapicker.gui.widgets.tasks import work_in_parts
from napari_hydrapicker.imaging.rescale import DOUBTFUL_DIAMETER_PX
from napari_hydrapicker.project.database import Parts
from napari_hydrapicker.project.edits import Replayed
from napari_hydrapicker.project.importing import replayed_import
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.project.worth import exclusion_message, replayed_exclusion
from napari_hydrapicker.worker.messages import Estimated

_ROUND_ANGSTROM = 5.0  # an estimate is not finer


class Commands(QObject):
    """Commands of the user to session and jobs; a refusal is shown as a warning.

    What changes a micrograph acts on the one that is on the canvas: while the next one is being loaded, the
    session's current one is not yet to be seen.

    Signals
    -------
    import_replayed (str)
        What an undo or redo has done to an import, most of which is not on the canvas.
    """

    import_replayed = Signal(str)

    def __init__(
        self,
        session: Session,
        canvas: Canvas,
        jobs: PickJobs,
        table: MicrographTable,
        open_layer: Callable[[], bool],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._open_layer = open_layer
        self._session, self._canvas, self._jobs, self._table = session, canvas, jobs, table

    def pick(self, which: str) -> None:
        """Pick "this" micrograph, the "selected" ones, or "all" that are neither complete nor excluded."""
        done = (Status.COMPLETE, Status.EXCLUDED)
        if which == "all":
            chosen = [r.id for r in self._session.records if r.status not in done]
        elif which == "selected":
            selected = self._table.selected_ids()
            chosen = [n for n in selected if self._session.record(n).status is not Status.EXCLUDED]
            if selected and not chosen:
                warn("The selected micrographs are excluded: include them again first (Exclude)")
                return
        else:
            chosen = [] if self._session.current is None else [self._session.current]
        if not chosen and not self._session.is_open and self._open_layer():
            return  # it is picked when it is there
        if not chosen:
            warn("Nothing to pick: open a folder or an image, or select micrographs in the table")
        elif self._session.read_only:
            warn(READ_ONLY)
        else:
            self._doubt_diameter(chosen)
            self._jobs.pick(chosen)

    def _doubt_diameter(self, chosen: Sequence[int]) -> None:
        """Warn of particles of which nothing is left to see."""
        sizes = [px for px in map(self._session.diameter_px, chosen) if px is not None]
        if sizes and min(sizes) < DOUBTFUL_DIAMETER_PX:
            warn(
                f"A particle of {self._session.settings.diameter_angstrom:g} Å is less than "
                f"{DOUBTFUL_DIAMETER_PX} pixels across: picking is slow and finds little. Is the diameter in "
                "Ångstrom, not nanometre?"
            )

    def estimate(self) -> None:
        """Look for the particles' diameter on a few of all micrographs."""
        chosen = [r.id for r in self._session.records if r.status is not Status.EXCLUDED]
        if not chosen:
            warn("There are no micrographs to estimate the diameter on: open a folder first")
        else:
            self._jobs.estimate(chosen)

    def estimated(self, found: Estimated) -> None:
        """Take the diameter that was found."""
        if found.diameter_angstrom is None:
            warn("No diameter fits clearly: measure a particle, or check the pixel size")
            return
        diameter = float(np.round(found.diameter_angstrom / _ROUND_ANGSTROM) * _ROUND_ANGSTROM)
        self.attempt(lambda: self._session.update(diameter_angstrom=diameter))
        inform(f"The particles appear to be about {diameter:.0f} Å across, and {found.contrast}")

    def step(self, by: int) -> None:
        """Go on to another micrograph."""
        number = self._session.neighbour(by)
        if number is not None:
            self.go_to(number)

    def go_to(self, number: int) -> None:
        """Go to a micrograph."""
        self.attempt(lambda: self._session.set_current(number))

    def undo(self) -> None:
        """Undo the last correction of the micrograph on the canvas, or the last import."""
        self.attempt(lambda: self._replay(self._session.undo_in_parts, undone=True))

    def redo(self) -> None:
        """Redo it."""
        self.attempt(lambda: self._replay(self._session.redo_in_parts, undone=False))

    def toggle_complete(self) -> None:
        """Mark the micrograph on the canvas as corrected throughout, or take the mark back."""
        self._on_canvas(self._toggle_complete)

    def toggle_excluded(self) -> None:
        """Exclude the selected micrographs, or take them back if all are excluded."""
        chosen = self._table.selected_ids()
        back = all(self._session.record(n).status is Status.EXCLUDED for n in chosen)
        self.set_excluded(chosen, not back)

    def set_excluded(self, numbers: Sequence[int], out: bool, unknown: int = 0) -> None:
        """Exclude micrographs, or include them again, as one step; says how many, and of how many more a
        number was not known."""
        if not self._session.is_open:
            return
        done = partial(self._report_exclusion, out, unknown)
        self.attempt(lambda: work_in_parts(self._session.excluding(numbers, out), done, warn, self))

    @staticmethod
    def _report_exclusion(out: bool, unknown: int, n: int) -> None:
        inform(exclusion_message(n, out, unknown))

    def measured(self, diameter_px: float) -> None:
        """Take the diameter that was measured on the canvas, in pixels."""
        number = self._canvas.micrograph_id
        pixel = None if number is None else self._session.record(number).pixel_size_angstrom
        if pixel is None:
            warn("The pixel size is unknown: enter it in the table (Å/px), then measure")
            return
        self.attempt(lambda: self._session.update(diameter_angstrom=float(np.round(diameter_px * pixel))))

    def attempt(self, action: Callable[[], Any]) -> None:
        """Do something that may be refused; a warning says why."""
        try:
            action()
        except HydraPickerError as error:
            warn(str(error))

    def _replay(self, step: Callable[[int | None], Parts[Replayed]], undone: bool) -> None:
        """Undo or redo; of an import a message says what was done."""
        if not self._session.is_open:
            return
        project = self._session.project.path

        def report(done: Replayed) -> None:
            if self._session.is_open and self._session.project.path == project:
                text = replayed_import(done, self._session.records, undone)
                if text:
                    self.import_replayed.emit(text)
                if said := replayed_exclusion(done, undone):
                    inform(said)

        work_in_parts(step(self._canvas.micrograph_id), report, warn, self)

    def _on_canvas(self, action: Callable[[int], Any]) -> None:
        number = self._canvas.micrograph_id
        if number is not None:
            self.attempt(lambda: action(number))

    def _toggle_complete(self, number: int) -> None:
        if self._session.record(number).status is Status.COMPLETE:
            self._session.unmark(number)
        else:
            self._session.set_status(number, Status.COMPLETE)
