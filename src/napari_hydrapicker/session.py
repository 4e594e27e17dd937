"""What the widgets show: micrographs, their picks and the settings, without a trace of Qt.

The session is the one way to change a project: each change is written to the project file before the
method returns, and then announced by a signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from psygnal import Signal
from pydantic import ValidationError

from napari_hydrapicker.errors import ParameterError, ProjectError
from napari_hydrapicker.open_project import OpenProject
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project import corrections
from napari_hydrapicker.project.counts import ScoreTable, is_shown
from napari_hydrapicker.project.edit import Edit, EditKind
from napari_hydrapicker.project.labels import Labels
from napari_hydrapicker.project.merging import is_edited, new_picks
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.status import Status
from napari_hydrapicker.settings import PickSettings


class Session(OpenProject):
    """An open project with its picks and settings, as the widgets show it.

    Parameters
    ----------
    settings : PickSettings, optional
        What a new project begins with.

    Signals
    -------
    labels_changed (int)
        Picks of this micrograph.
    settings_changed (frozenset of str)
        Names of the settings that changed.
    """

    labels_changed = Signal(int)
    settings_changed = Signal(frozenset)

    def __init__(self, settings: PickSettings | None = None) -> None:
        super().__init__()
        self._labels: dict[int, Labels] = {}
        self._frozen: dict[int, float] = {}
        self.counts = ScoreTable()
        self.settings = settings or PickSettings()

    def use(self, project: Project) -> None:
        """Show a project, in place of the one shown so far, as it was when last closed."""
        self.close()
        self._project = project
        try:
            self._read_settings()
            self._labels = dict(project.all_labels())
            self._frozen = {int(k): float(v) for k, v in project.setting("frozen_thresholds", {}).items()}
            for number, labels in self._labels.items():
                self.counts.set(number, labels)
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
        self._project, self._records, self._labels, self._frozen = None, {}, {}, {}
        self.counts = ScoreTable()
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
        self.project.set_status(micrograph_id, status)
        if status is Status.COMPLETE:
            self._frozen[micrograph_id] = self.settings.threshold
        else:
            self._frozen.pop(micrograph_id, None)
        self.project.set_setting("frozen_thresholds", {str(k): v for k, v in self._frozen.items()})
        self._change_record(micrograph_id, status=status)
        self.labels_changed.emit(micrograph_id)

    def unmark(self, micrograph_id: int) -> None:
        """Take back "complete" or "excluded": the status that the picks speak for returns."""
        labels = self.labels(micrograph_id)
        edited = bool(is_edited(labels).any())
        plain = Status.PICKED if len(labels) else Status.NEW
        self.set_status(micrograph_id, Status.CORRECTED if edited else plain)

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
        if self._project is not None and not self.read_only:
            self.project.set_setting("pick", self.settings.model_dump())
        self.settings_changed.emit(frozenset(changed))

    def suggest_threshold(self, threshold: float) -> None:
        """Take a network's own threshold, unless the user has chosen one."""
        if not self.settings.threshold_chosen:
            self.update(threshold=threshold)

    def threshold(self, micrograph_id: int) -> float:
        """Threshold that holds on a micrograph: the slider's, or that of its completion."""
        return self._frozen.get(micrograph_id, self.settings.threshold)

    def labels(self, micrograph_id: int) -> Labels:
        """Return all that is known of a micrograph's picks."""
        return self._labels.get(micrograph_id) or Labels.empty()

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
        record = self._records[micrograph_id]
        distance = self.settings.distance_angstrom / (record.pixel_size_angstrom or 1.0)
        ids = self.project.new_ids(len(picks))
        edit = new_picks(micrograph_id, self.labels(micrograph_id), picks, ids, distance)
        self._commit(Edit(edit.micrograph_id, kind, edit.before, edit.after))

    def add(self, micrograph_id: int, yx_px: ArrayLike) -> NDArray[np.int64]:
        """Add picks (N, 2) by hand; returns their numbers (N,)."""
        yx = np.asarray(yx_px, np.float64).reshape(-1, 2)
        ids = self.project.new_ids(len(yx))
        self._commit(corrections.added(micrograph_id, ids, yx))
        return ids

    def move(self, micrograph_id: int, ids: ArrayLike, yx_px: ArrayLike) -> None:
        """Move picks to other centres (N, 2), in the order of `ids` (N,)."""
        # Labels come by rising number, whatever order they are asked for in.
        yx = np.asarray(yx_px, np.float64).reshape(-1, 2)[np.argsort(np.atleast_1d(ids), kind="stable")]
        self._commit(corrections.moved(micrograph_id, self.labels(micrograph_id).rows(ids), yx))

    def delete(self, micrograph_id: int, ids: ArrayLike) -> None:
        """Delete picks: they become hard negatives, and can be restored."""
        self._commit(corrections.deleted(micrograph_id, self.labels(micrograph_id).rows(ids)))

    def restore(self, micrograph_id: int, ids: ArrayLike) -> None:
        """Take deleted picks back."""
        self._commit(corrections.restored(micrograph_id, self.labels(micrograph_id).rows(ids)))

    def undo(self) -> bool:
        """Undo the current micrograph's last edit by hand; False if there is none."""
        return self.current is not None and self._replayed(self.project.undo(self.current))

    def redo(self) -> bool:
        """Redo what was undone last on the current micrograph; False if there is nothing."""
        return self.current is not None and self._replayed(self.project.redo(self.current))

    def _commit(self, edit: Edit) -> None:
        self.project.commit(edit)
        self._take_in(edit)

    def _replayed(self, edit: Edit | None) -> bool:
        if edit is not None:
            self._take_in(edit)
        return edit is not None

    def _take_in(self, edit: Edit) -> None:
        """Follow an edit that is in the project file already."""
        number = edit.micrograph_id
        self._labels[number] = edit.apply(self.labels(number))
        self.counts.set(number, self._labels[number])
        self._follow_status(number)
        self.labels_changed.emit(number)
        self.micrograph_changed.emit(number)

    def _follow_status(self, number: int) -> None:
        """Let the status follow the picks, unless the user has set it."""
        record, labels = self._records[number], self._labels[number]
        if record.status in (Status.COMPLETE, Status.EXCLUDED):
            return
        plain = Status.PICKED if len(labels) else Status.NEW
        status = Status.CORRECTED if is_edited(labels).any() else plain
        if status is not record.status:
            self.project.set_status(number, status)
            self._change_record(number, status=status)

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
