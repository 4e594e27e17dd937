"""An open project with its micrographs and their picks, and every way to change them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from psygnal import Signal

from napari_hydrapicker.errors import ProjectError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project.edits import (
    Edit,
    EditKind,
    Replayed,
    Scoring,
    added,
    deleted,
    is_edited,
    moved,
    new_picks,
    restored,
)
from napari_hydrapicker.project.labels import Labels, ScoreTable
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import MicrographRecord, Status

_PICKER = "picker/"  # and a micrograph's number: the setting that says who made its scores
_FROZEN = "frozen_thresholds"


class OpenProject:
    """A project that may be open, where the user is in it, and its picks, which can be changed.

    A change is in the file before anybody is told of it.

    Signals
    -------
    micrographs_changed ()
        Micrographs were added or removed, or another project was opened.
    micrograph_changed (int)
        Status, pixel size or picks of the micrograph with this number.
    current_changed ()
        Another micrograph is shown, or none.
    labels_changed (int)
        Picks of this micrograph.
    """

    micrographs_changed = Signal()
    micrograph_changed = Signal(int)
    current_changed = Signal()
    labels_changed = Signal(int)

    def __init__(self) -> None:
        self._project: Project | None = None
        self._records: dict[int, MicrographRecord] = {}
        self.current: int | None = None
        self._labels: dict[int, Labels] = {}
        self._pickers: dict[int, str] = {}
        self._frozen: dict[int, float] = {}  # the thresholds that complete micrographs keep
        # A micrograph of the import that was the last thing done, or undone, in this window.
        self._joint_to_undo: int | None = None
        self._joint_to_redo: int | None = None
        self._times_picked: Counter[int] = Counter()
        self.counts = ScoreTable()

    @property
    def project(self) -> Project:
        """The open project.

        Raises
        ------
        ProjectError
            If none is open.
        """
        if self._project is None:
            raise ProjectError("no micrographs are open: open a folder or a project first")
        return self._project

    @property
    def is_open(self) -> bool:
        """Whether there is a project."""
        return self._project is not None

    @property
    def read_only(self) -> bool:
        """Whether another napari has the project open for writing."""
        return self._project is not None and self._project.read_only

    @property
    def records(self) -> list[MicrographRecord]:
        """All micrographs, in order."""
        return list(self._records.values())

    def record(self, micrograph_id: int) -> MicrographRecord:
        """Return one micrograph's record."""
        return self._records[micrograph_id]

    def add_micrographs(self, micrographs: Sequence[Micrograph]) -> int:
        """Add those that the project does not have; returns how many these are."""
        added = self.project.add_micrographs(micrographs)
        self._read_records()
        if self.current is None and self._records:
            self.set_current(next(iter(self._records)))
        return added

    def relocate(self, old: Path, new: Path) -> int:
        """Look for missing micrographs in another folder; returns how many were found."""
        found = self.project.relocate(old, new)
        self._read_records()
        self.current_changed.emit()
        return found

    def set_current(self, micrograph_id: int | None) -> None:
        """Show another micrograph.

        Raises
        ------
        ProjectError
            If the project cannot note it; it is shown none the less.
        """
        if micrograph_id == self.current:
            return
        self.current = micrograph_id
        self.current_changed.emit()
        if not self.read_only and self.current == micrograph_id:
            self.project.set_setting("current", micrograph_id)

    def neighbour(self, step: int) -> int | None:
        """Return the micrograph so many places on from the current one, or None beyond the ends."""
        order = list(self._records)
        if self.current is None:
            return None
        place = order.index(self.current) + step
        return order[place] if 0 <= place < len(order) else None

    def _read_records(self) -> None:
        self._records = {record.id: record for record in self.project.micrographs()}
        self.micrographs_changed.emit()

    def _change_record(self, number: int, **changes: Any) -> None:
        self._records[number] = replace(self._records[number], **changes)
        self.micrograph_changed.emit(number)

    def picker_of(self, micrograph_id: int) -> str:
        """Return who made the scores of a micrograph's picks (`PickSettings.picker_key`); "" if unknown."""
        return self._pickers.get(micrograph_id, "")

    def times_picked(self, micrograph_id: int) -> int:
        """Return how often a picker's answer has been taken in since the project was opened."""
        return self._times_picked[micrograph_id]

    def labels(self, micrograph_id: int) -> Labels:
        """Return all that is known of a micrograph's picks."""
        return self._labels.get(micrograph_id) or Labels.empty()

    def add(self, micrograph_id: int, yx_px: ArrayLike) -> NDArray[np.int64]:
        """Add picks (N, 2) by hand; returns their numbers (N,)."""
        return self._add(micrograph_id, np.asarray(yx_px, np.float64).reshape(-1, 2), Labels.empty())

    def move(self, micrograph_id: int, ids: ArrayLike, yx_px: ArrayLike) -> None:
        """Move picks to other centres (N, 2), in the order of `ids` (N,)."""
        self._move(micrograph_id, ids, np.asarray(yx_px, np.float64).reshape(-1, 2), Labels.empty())

    def _add(self, micrograph_id: int, yx: NDArray[np.float64], covered: Labels) -> NDArray[np.int64]:
        """Add picks (N, 2) by hand, in place of those that they cover; returns their numbers (N,)."""
        ids = self.project.new_ids(len(yx))
        self._commit(added(micrograph_id, ids, yx, covered))
        return ids

    def _move(self, micrograph_id: int, ids: ArrayLike, yx: NDArray[np.float64], covered: Labels) -> None:
        """Move picks to other centres (N, 2), in the order of `ids` (N,), in place of those covered there."""
        # Labels come by rising number, whatever order they are asked for in.
        places = yx[np.argsort(np.atleast_1d(ids), kind="stable")]
        self._commit(moved(micrograph_id, self.labels(micrograph_id).rows(ids), places, covered))

    def delete(self, micrograph_id: int, ids: ArrayLike) -> None:
        """Delete picks: they become hard negatives, and can be restored."""
        self._commit(deleted(micrograph_id, self.labels(micrograph_id).rows(ids)))

    def delete_together(self, ids: Mapping[int, ArrayLike]) -> int:
        """Delete picks of several micrographs, given by these, as one step for the user.

        Directly afterwards one undo takes all back, whatever the micrograph. Picks that are gone or deleted
        already are left out.

        Returns
        -------
        int
            How many were deleted.
        """
        rows = {number: self.labels(number).rows(own) for number, own in ids.items()}
        rows = {number: own.where(~own.deleted) for number, own in rows.items()}
        edits = [deleted(number, own) for number, own in rows.items() if len(own)]
        if not edits:
            return 0
        with self.project.transaction():
            self.project.commit_together(edits)
            statuses = self._write_rest(edits)
        self._take_in(edits, statuses)
        self._joint_to_undo = edits[0].micrograph_id
        return sum(len(edit.before) for edit in edits)

    def restore(self, micrograph_id: int, ids: ArrayLike) -> None:
        """Take deleted picks back."""
        self._commit(restored(micrograph_id, self.labels(micrograph_id).rows(ids)))

    def undo(self, micrograph_id: int | None) -> Replayed:
        """Undo a micrograph's last edit; directly after one of several micrographs that, whatever this is."""
        number = micrograph_id if self._joint_to_undo is None else self._joint_to_undo
        done = self._replay(number, self.project.undo)
        self._joint_to_redo = number if done.is_joint else None
        return done

    def redo(self, micrograph_id: int | None) -> Replayed:
        """Redo what was undone last on a micrograph; directly after an undo of several, all of that."""
        number = micrograph_id if self._joint_to_redo is None else self._joint_to_redo
        done = self._replay(number, self.project.redo)
        self._joint_to_undo = number if done.is_joint else None
        return done

    def _take_picks(
        self,
        new: Mapping[int, tuple[Picks, float]],
        kind: EditKind = EditKind.PICK,
        picker: str = "",
        threshold: float = 0.0,
    ) -> None:
        """Replace untouched picks by new ones, on all of these micrographs or on none.

        Parameters
        ----------
        new : mapping of micrograph number to (Picks, float)
            The new ones, and how near, in pixels, they may come to what the user edited.
        kind : EditKind
            An import is one step for the user, however many micrographs it has.
        picker : str
            Who made their scores.
        threshold : float
            What complete micrographs keep from now on, if their scores were another's before.
        """
        edits = []
        with self.project.transaction():
            ids = self.project.new_ids(sum(len(picks) for picks, _ in new.values()))
            for number, (picks, distance_px) in new.items():
                own, ids = ids[: len(picks)], ids[len(picks) :]
                edit = new_picks(number, self.labels(number), picks, own, distance_px)
                old = Scoring(self.picker_of(number), self._frozen.get(number))
                kept = old.frozen is None or old.picker == picker
                scoring = old, Scoring(picker, old.frozen if kept else threshold)
                edits.append(replace(edit, kind=kind, scoring=scoring))
            if kind is EditKind.IMPORT:
                self.project.commit_together(edits)
            else:
                for edit in edits:
                    self.project.commit(edit)
            statuses = self._write_rest(edits)
        self._times_picked.update(new.keys())
        self._take_in(edits, statuses)
        self._joint_to_undo = next(iter(new), None) if kind is EditKind.IMPORT else None

    def _commit(self, edit: Edit) -> None:
        if edit.before.equals(edit.after):
            return  # nothing to undo later on
        with self.project.transaction():
            self.project.commit(edit)
            statuses = self._write_rest([edit])
        self._take_in([edit], statuses)

    def _replay(self, micrograph_id: int | None, step: Callable[[int], Replayed]) -> Replayed:
        if micrograph_id is None:
            return Replayed()
        with self.project.transaction():
            done = step(micrograph_id)
            statuses = self._write_rest(done.edits)
        if done:
            self._take_in(done.edits, statuses)
        return done

    def _write_rest(self, edits: Sequence[Edit]) -> list[Status]:
        """Write what else follows from edits: whose scores there are, and statuses, which are returned."""
        for edit in edits:
            if edit.scoring is not None and edit.scoring[1].picker != self.picker_of(edit.micrograph_id):
                self.project.set_setting(f"{_PICKER}{edit.micrograph_id}", edit.scoring[1].picker)
        frozen = _frozen_after(self._frozen, edits)
        if frozen != self._frozen:
            self._write_frozen(frozen)
        return [self._write_status(edit) for edit in edits]

    def _write_frozen(self, frozen: Mapping[int, float]) -> None:
        """Write the thresholds that complete micrographs keep."""
        self.project.set_setting(_FROZEN, {str(number): value for number, value in frozen.items()})

    def _write_status(self, edit: Edit) -> Status:
        """Let the status follow the picks, unless the user has set it."""
        number = edit.micrograph_id
        before = self._records[number].status
        if before in (Status.COMPLETE, Status.EXCLUDED):
            return before
        status = plain_status(edit.apply(self.labels(number)))
        if status is not before:
            self.project.set_status(number, status)
        return status

    def _take_in(self, edits: Sequence[Edit], statuses: Sequence[Status]) -> None:
        """Follow edits that are in the project file already."""
        self._joint_to_undo = self._joint_to_redo = None
        self._frozen = _frozen_after(self._frozen, edits)
        for edit, status in zip(edits, statuses, strict=True):
            number = edit.micrograph_id
            self._labels[number] = edit.apply(self.labels(number))
            if edit.scoring is not None:
                self._pickers[number] = edit.scoring[1].picker
            self.counts.set(number, self._labels[number])
            self._records[number] = replace(self._records[number], status=status)
        for edit in edits:
            self.labels_changed.emit(edit.micrograph_id)
            self.micrograph_changed.emit(edit.micrograph_id)

    def _read_labels(self, project: Project) -> None:
        self._labels = dict(project.all_labels())
        self._pickers = {int(number): str(name) for number, name in project.settings_named(_PICKER).items()}
        self._frozen = {int(number): float(value) for number, value in project.setting(_FROZEN, {}).items()}
        for number, labels in self._labels.items():
            self.counts.set(number, labels)

    def _forget_labels(self) -> None:
        self._labels, self._pickers, self._frozen = {}, {}, {}
        self._joint_to_undo = self._joint_to_redo = None
        self._times_picked.clear()
        self.counts = ScoreTable()


def _frozen_after(frozen: Mapping[int, float], edits: Sequence[Edit]) -> dict[int, float]:
    """Return the thresholds that complete micrographs keep after edits."""
    kept = dict(frozen)
    for edit in edits:
        number = edit.micrograph_id
        if edit.scoring is not None and number in kept and edit.scoring[1].frozen is not None:
            kept[number] = edit.scoring[1].frozen
    return kept


def plain_status(labels: Labels) -> Status:
    """Return the status that picks speak for, as long as the user has set none."""
    if is_edited(labels).any():
        return Status.CORRECTED
    return Status.PICKED if len(labels) else Status.NEW
