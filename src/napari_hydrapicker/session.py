"""What the widgets show: micrographs, their picks and the settings, without a trace of Qt.

The session is the one way to change a project. Edits and marks are in the project file before a signal tells
of them; settings hold in this window even if they cannot be written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from pydantic import ValidationError

from napari_hydrapicker.edited_project import EditedProject, plain_status
from napari_hydrapicker.errors import ParameterError, ProjectError
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project.counts import is_shown
from napari_hydrapicker.project.edit import EditKind
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.status import Status
from napari_hydrapicker.settings import PickSettings


class Session(EditedProject):
    """An open project with its picks and settings, as the widgets show it.

    Parameters
    ----------
    settings : PickSettings, optional
        What a new project begins with.

    Signals
    -------
    settings_changed (frozenset of str)
        Names of the settings that changed.
    """

    settings_changed = Signal(frozenset)

    def __init__(self, settings: PickSettings | None = None) -> None:
        super().__init__()
        self._frozen: dict[int, float] = {}
        self.settings = settings or PickSettings()

    def use(self, project: Project) -> None:
        """Show a project, in place of the one shown so far, as it was when last closed."""
        self.close()
        self._project = project
        try:
            self._read_settings()
            self._read_labels(project)
            self._frozen = {int(k): float(v) for k, v in project.setting("frozen_thresholds", {}).items()}
            self._read_records()
            last = project.setting("current", None)
        except ProjectError:
            self.close()  # what cannot be shown must not stay locked
            raise
        first = next(iter(self._records), None)
        self.settings_changed.emit(frozenset(PickSettings.model_fields))
        self.set_current(last if last in self._records else first)

    def close(self) -> None:
        """Close the project; everything is in its file already."""
        if self._project is None:
            return
        self._project.close()
        self._project, self._records, self._frozen = None, {}, {}
        self._forget_labels()
        self.current = None
        self.micrographs_changed.emit()
        self.current_changed.emit()

    def disconnect_all(self) -> None:
        """Tell nobody anything any more: those who listened are going."""
        for signal in (
            self.micrographs_changed,
            self.micrograph_changed,
            self.current_changed,
            self.labels_changed,
            self.settings_changed,
        ):
            signal.disconnect()

    def set_status(self, micrograph_id: int, status: Status) -> None:
        """Mark a micrograph; a complete one keeps the picks that are shown now whatever the slider does."""
        frozen = {number: value for number, value in self._frozen.items() if number != micrograph_id}
        if status is Status.COMPLETE:
            frozen[micrograph_id] = self.settings.threshold
        with self.project.together():
            self.project.set_status(micrograph_id, status)
            self.project.set_setting("frozen_thresholds", {str(k): v for k, v in frozen.items()})
        self._frozen = frozen
        self._change_record(micrograph_id, status=status)
        self.labels_changed.emit(micrograph_id)

    def unmark(self, micrograph_id: int) -> None:
        """Take back "complete" or "excluded": the status that the picks speak for returns."""
        self.set_status(micrograph_id, plain_status(self.labels(micrograph_id)))

    def set_pixel_size(self, micrograph_ids: Sequence[int], angstrom: float) -> None:
        """Give micrographs another pixel size, Angstrom."""
        self.project.set_pixel_size(micrograph_ids, angstrom)
        for number in micrograph_ids:
            self._change_record(number, pixel_size_angstrom=float(angstrom))
        if self.current in micrograph_ids:
            self.settings_changed.emit(frozenset({"diameter_angstrom"}))

    def diameter_px(self, micrograph_id: int) -> float | None:
        """Return the particle's diameter on a micrograph, pixels; None if the pixel size is unknown."""
        pixel = self._records[micrograph_id].pixel_size_angstrom
        return None if pixel is None else self.settings.diameter_angstrom / pixel

    def update(self, **changes: Any) -> None:
        """Change settings.

        Raises
        ------
        ParameterError
            If a value is out of its range.
        ProjectError
            If the project cannot be written; for this window the change holds.
        """
        old = self.settings
        try:
            self.settings = PickSettings.model_validate({**old.model_dump(), **changes})
        except ValidationError as error:
            first = error.errors()[0]
            raise ParameterError(f"{first['loc'][0]} {first['input']}: {first['msg']}") from None
        changed = {name for name in changes if getattr(old, name) != getattr(self.settings, name)}
        if not changed:
            return
        self.settings_changed.emit(frozenset(changed))
        if self._project is not None and not self.read_only:
            self.project.set_setting("pick", self.settings.model_dump())

    def suggest_threshold(self, threshold: float) -> None:
        """Take a network's own threshold, unless the user has chosen one."""
        if not self.settings.threshold_chosen:
            self.update(threshold=threshold)

    def threshold(self, micrograph_id: int) -> float:
        """Threshold that holds on a micrograph: the slider's, or that of its completion."""
        return self._frozen.get(micrograph_id, self.settings.threshold)

    def shown(self, micrograph_id: int) -> NDArray[np.bool_]:
        """Which of a micrograph's labels (N,) are picks at the threshold."""
        return is_shown(self.labels(micrograph_id), self.threshold(micrograph_id))

    def picks(self, micrograph_id: int) -> Picks:
        """Return the picks shown on a micrograph."""
        return self.labels(micrograph_id).to_picks(self.shown(micrograph_id))

    def count(self, micrograph_id: int) -> int:
        """Return the number of picks shown on a micrograph."""
        return self.counts.count(micrograph_id, self.threshold(micrograph_id))

    def total(self) -> int:
        """Return the number of picks shown on all micrographs but the excluded ones."""
        counted = (r.id for r in self._records.values() if r.status is not Status.EXCLUDED)
        return sum(self.count(number) for number in counted)

    def mean_score(self, micrograph_id: int) -> float:
        """Mean score of the picks shown on a micrograph; NaN if there is none."""
        return self.counts.mean(micrograph_id, self.threshold(micrograph_id))

    def put_picks(self, micrograph_id: int, picks: Picks, kind: EditKind = EditKind.PICK) -> None:
        """Take in a picker's answer: it replaces untouched picks and leaves the user's edits."""
        pixel_size = self._records[micrograph_id].pixel_size_angstrom or 1.0
        self._take_picks(micrograph_id, picks, kind, self.settings.distance_angstrom / pixel_size)

    def _read_settings(self) -> None:
        """Take the project's settings, or give it those at hand."""
        stored = self.project.setting("pick", None)
        try:
            if stored is not None:
                self.settings = PickSettings.model_validate(stored)
            elif not self.read_only:
                self.project.set_setting("pick", self.settings.model_dump())
        except ValidationError as error:
            raise ProjectError(f"{self.project.path}: its settings are damaged ({error.title})") from None
