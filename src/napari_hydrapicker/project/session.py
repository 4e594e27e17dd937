"""What the widgets show: micrographs, their picks and the settings, without a trace of Qt."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from psygnal import Signal

from napari_hydrapicker.errors import ParameterError, ProjectError
from napari_hydrapicker.io.edited_mask import EditedMask
from napari_hydrapicker.io.image_info import ListedFigures
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project.annotations import Annotations
from napari_hydrapicker.project.database import Parts
from napari_hydrapicker.project.edits import (
    Edit,
    EditKind,
    Replayed,
    Scoring,
    added,
    deleted,
    excluded,
    far_from,
    inside,
    moved,
    new_picks,
    plain_status,
    restored,
)
from napari_hydrapicker.project.history import History
from napari_hydrapicker.project.labels import Labels, ScoreTable, is_shown
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import MicrographRecord, Status
from napari_hydrapicker.project.settings import PickSettings, stored_settings, unknown_words

_SAME = 1 / 4  # of the diameter: centres nearer than this are of one particle
_NOT_OPEN = "no micrographs are open: open a folder or a project first"
_UNKNOWN_DIAMETER = 1 / 25  # of the shorter side, where the pixel size is unknown


class Session:
    """An open project, where the user is in it, its picks and settings; the one way to change them.

    Edits and statuses are in the project file before a signal is emitted; settings hold in this window even
    if they cannot be written.

    Parameters
    ----------
    fresh : callable, optional
        Returns the settings that a new project begins with; by default those of `PickSettings`.

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
    settings_changed (frozenset of str)
        Names of the settings that changed.
    """

    micrographs_changed = Signal()
    micrograph_changed = Signal(int)
    current_changed = Signal()
    labels_changed = Signal(int)
    settings_changed = Signal(frozenset)

    def __init__(self, fresh: Callable[[], PickSettings] = PickSettings) -> None:
        self._fresh = fresh
        self._project: Project | None = None
        self._records: dict[int, MicrographRecord] = {}
        self._annotations = Annotations()
        self._history: History | None = None
        self.current: int | None = None
        self.passing = False
        self.settings = fresh()
        self._foreign: dict[str, Any] = {}  # settings of a newer version, which stay in the project

    def use(self, project: Project, passing: bool = False) -> None:
        """Show a project, in place of the one shown so far, as it was when last closed.

        A new one begins with fresh settings, or with those that were made while none was open. One that is
        `passing` has not been saved by the user.
        """
        self.close()
        self._project, self.passing = project, passing
        try:
            self.settings, self._foreign = stored_settings(project, self.settings)
            self._annotations = Annotations.read(project)
            self._history = History(project, self._annotations, self._records, self._changed)
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
        self._project, self._records, self._history = None, {}, None
        self.passing = False
        self._annotations = Annotations()
        self.current = None
        self.settings, self._foreign = self._fresh(), {}
        self.micrographs_changed.emit()
        self.current_changed.emit()
        self.settings_changed.emit(frozenset(PickSettings.model_fields))

    def disconnect_all(self) -> None:
        """Disconnect every listener, for good."""
        of_micrographs = (self.micrographs_changed, self.micrograph_changed, self.current_changed)
        for signal in (*of_micrographs, self.labels_changed, self.settings_changed):
            signal.disconnect()

    @property
    def project(self) -> Project:
        """The open project.

        Raises
        ------
        ProjectError
            If none is open.
        """
        if self._project is None:
            raise ProjectError(_NOT_OPEN)
        return self._project

    @property
    def _edits(self) -> History:
        if self._history is None:
            raise ProjectError(_NOT_OPEN)
        return self._history

    @property
    def is_open(self) -> bool:
        """Whether there is a project."""
        return self._project is not None

    @property
    def read_only(self) -> bool:
        """Whether another napari has the project open for writing."""
        return self._project is not None and self._project.read_only

    @property
    def changing(self) -> bool:
        """Whether an import, or the undo of one, is being made bit by bit: what can wait should."""
        return self._project is not None and self._project.changing

    @property
    def records(self) -> list[MicrographRecord]:
        """All micrographs, in order."""
        return list(self._records.values())

    def record(self, micrograph_id: int) -> MicrographRecord:
        """Return one micrograph's record."""
        return self._records[micrograph_id]

    def add_micrographs(self, micrographs: Sequence[Micrograph]) -> int:
        """Add those that the project does not have; returns how many these are."""
        n_added = self.project.add_micrographs(micrographs)
        self._read_records()
        if self.current is None and self._records:
            self.set_current(next(iter(self._records)))
        return n_added

    def follow_files(self, micrographs: Sequence[Micrograph]) -> list[MicrographRecord]:
        """Take the size of files that were replaced by others; returns what was known of them."""
        replaced = self.project.follow_files(micrographs)
        if replaced:
            self._read_records()
            self.current_changed.emit()
        return replaced

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
            If the project cannot be written; it is shown none the less.
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

    def set_status(self, micrograph_id: int, status: Status) -> None:
        """Mark a micrograph; a complete one keeps the picks that are shown now whatever the slider does.

        To exclude one is an edit: see `set_excluded`.
        """
        if status is Status.EXCLUDED:
            self.set_excluded([micrograph_id], True)
            return
        self.project.finish_parts()
        threshold = self.settings.threshold_of(self.picker_of(micrograph_id))
        frozen = {**self._annotations.frozen, micrograph_id: threshold}
        if status is not Status.COMPLETE:
            del frozen[micrograph_id]
        with self.project.transaction():
            self.project.set_status(micrograph_id, status)
            self._annotations.write_frozen(self.project, frozen)
        self._annotations.frozen = frozen
        self._change_record(micrograph_id, status=status)
        self.labels_changed.emit(micrograph_id)

    def unmark(self, micrograph_id: int) -> None:
        """Take back "complete" or "excluded": the status before it, or that of the picks, returns."""
        if self.record(micrograph_id).status is Status.EXCLUDED:
            self.set_excluded([micrograph_id], False)
            return
        self.set_status(micrograph_id, plain_status(self.labels(micrograph_id)))

    def set_excluded(self, micrograph_ids: Sequence[int], out: bool) -> int:
        """Exclude micrographs, or include them again, as one step to undo; returns how many were changed."""
        return self.excluding(micrograph_ids, out).result()

    def excluding(self, micrograph_ids: Sequence[int], out: bool) -> Parts[int]:
        """Do what `set_excluded` does, bit by bit."""
        chosen = [one for one in micrograph_ids if (self.record(one).status is Status.EXCLUDED) is not out]

        def steps() -> Generator[None, None, int]:
            yield from self._edits.committing((excluded(one, out) for one in chosen), joint=True)
            return len(chosen)

        return self.project.in_parts(steps())

    def set_listed(self, figures: Mapping[int, ListedFigures]) -> None:
        """Take what another program's list states of micrographs, by their numbers."""
        self.project.set_listed(figures)
        for number, stated in figures.items():
            self._change_record(number, figures=stated)

    def set_pixel_size(self, micrograph_ids: Sequence[int], angstrom: float) -> None:
        """Give micrographs another pixel size, Angstrom.

        Raises
        ------
        ParameterError
            If no micrograph can have it.
        """
        self.project.set_pixel_size(micrograph_ids, angstrom)
        for number in micrograph_ids:
            self._change_record(number, pixel_size_angstrom=float(angstrom))
        if self.current in micrograph_ids:
            self.settings_changed.emit(frozenset({"diameter_angstrom"}))

    def set_mask(self, micrograph_id: int, mask: EditedMask | None) -> None:
        """Take what the user wants left out on a micrograph, in picking and training; None: it is found."""
        self.project.set_mask(micrograph_id, mask)
        self._change_record(micrograph_id, mask=mask)

    def diameter_px(self, micrograph_id: int) -> float | None:
        """Return the particle's diameter on a micrograph, pixels; None if the pixel size is unknown."""
        pixel = self._records[micrograph_id].pixel_size_angstrom
        return None if pixel is None else self.settings.diameter_angstrom / pixel

    def ring_px(self, micrograph_id: int) -> float:
        """Return the diameter on a micrograph, pixels, or what stands for it where it is unknown."""
        known = self.diameter_px(micrograph_id)
        return known or min(self.record(micrograph_id).shape) * _UNKNOWN_DIAMETER

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
        self.settings = PickSettings(**{**old.model_dump(), **changes})
        changed = {name for name in changes if getattr(old, name) != getattr(self.settings, name)}
        if not changed:
            return
        if changed & {"thresholds", "suggested"}:
            changed.add("threshold")
        self.settings_changed.emit(frozenset(changed))
        self._foreign = {name: value for name, value in self._foreign.items() if name not in changed}
        if self._project is not None and not self.read_only:
            self.project.set_setting("pick", {**self.settings.model_dump(), **self._foreign})

    @property
    def unknown_settings(self) -> str:
        """Which of the project's settings have words that this version does not know; "" for none."""
        return unknown_words(self._foreign)

    def suggest_threshold(self, threshold: float, picker: str) -> None:
        """Take a network's own threshold for its scores; it holds unless the user has chosen one."""
        if self.settings.suggested.get(picker) != threshold:
            self.update(suggested={**self.settings.suggested, picker: threshold})

    @property
    def slider_picker(self) -> str:
        """Whose scores the slider cuts: those of the current micrograph, or those that are to come."""
        current = self.current
        if current is None or not len(self.labels(current)):
            return self.settings.picker_key
        return self.picker_of(current)

    @property
    def slider_threshold(self) -> float:
        """Threshold for these scores."""
        return self.settings.threshold_of(self.slider_picker)

    def set_threshold(self, threshold: float) -> None:
        """Set the threshold for these scores, on all micrographs that have some of the same picker."""
        picker = self.slider_picker
        if picker:
            self.update(thresholds={**self.settings.thresholds, picker: threshold})
        else:
            self.update(threshold=threshold, threshold_chosen=True)

    def threshold(self, micrograph_id: int) -> float:
        """Threshold that holds on a micrograph: that of its scores' picker, or that of its completion."""
        own = self.settings.threshold_of(self.picker_of(micrograph_id))
        return self._annotations.frozen.get(micrograph_id, own)

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

    @property
    def counts(self) -> ScoreTable:
        """Sorted scores of the picks, to count what a threshold shows."""
        return self._annotations.counts

    def labels(self, micrograph_id: int) -> Labels:
        """Return all that is known of a micrograph's picks."""
        return self._annotations.labels(micrograph_id)

    def picker_of(self, micrograph_id: int) -> str:
        """Return who made the scores of a micrograph's picks (`PickSettings.picker_key`); "" if unknown."""
        return self._annotations.picker_of(micrograph_id)

    def times_picked(self, micrograph_id: int) -> int:
        """Return how often picks have been taken in since the project was opened."""
        return 0 if self._history is None else self._history.times_picked[micrograph_id]

    def put_picks(self, micrograph_id: int, picks: Picks, picker: str = "") -> None:
        """Take in a picker's picks: they replace untouched picks and leave the user's edits.

        `picker` says who made the scores (`PickSettings.picker_key`).
        """
        self.project.finish_parts()
        for _ in self._taking(EditKind.PICK, {micrograph_id: picks}, picker):
            pass
        if picks.masked_share is not None:
            self.project.set_masked_share(micrograph_id, picks.masked_share)
            self._change_record(micrograph_id, masked_share=picks.masked_share)

    def import_picks(self, picks: Mapping[int, Picks], picker: str) -> None:
        """Take in picks of another program by micrograph number, all or none, as `put_picks` does.

        One undo takes them back from all micrographs.
        """
        self.project.in_parts(self.importing(picks, picker)).result()

    def importing(self, picks: Mapping[int, Picks], picker: str) -> Generator[None, None, None]:
        """Do what `import_picks` does, micrograph by micrograph: for `Database.in_parts`."""
        yield from self._taking(EditKind.IMPORT, picks, picker)

    def add(self, micrograph_id: int, yx_px: ArrayLike) -> NDArray[np.int64]:
        """Add picks (N, 2) by hand; returns the numbers of those that were added.

        One on a particle that has a pick, and one outside the micrograph, are left out. A pick that is hidden
        or deleted, and so near that it would be another of the same particle, makes way.

        Raises
        ------
        ParameterError
            If all lie outside the micrograph.
        """
        self.project.finish_parts()
        yx = np.asarray(yx_px, np.float64).reshape(-1, 2)
        is_inside = inside(yx, self.record(micrograph_id).shape)
        if len(yx) and not is_inside.any():
            raise ParameterError("this place is outside the micrograph: no pick was added")
        labels, shown = self.labels(micrograph_id), self.shown(micrograph_id)
        yx = yx[is_inside & far_from(yx, labels.yx[shown], _SAME * self.ring_px(micrograph_id))]
        if not len(yx):
            return np.empty(0, np.int64)
        ids = self.project.new_ids(len(yx))
        self._edits.commit(
            added(micrograph_id, ids, yx, self._covered(micrograph_id, labels.where(~shown), yx))
        )
        return ids

    def move(self, micrograph_id: int, ids: ArrayLike, yx_px: ArrayLike) -> None:
        """Move picks to other centres (N, 2), in the order of `ids` (N,).

        Raises
        ------
        ParameterError
            If one would come to lie outside the micrograph.
        """
        self.project.finish_parts()
        yx = np.asarray(yx_px, np.float64).reshape(-1, 2)
        if not inside(yx, self.record(micrograph_id).shape).all():
            raise ParameterError("a pick would be outside the micrograph: nothing was moved")
        labels = self.labels(micrograph_id)
        covered = self._covered(micrograph_id, labels.where(~self.shown(micrograph_id)).without(ids), yx)
        # Labels come by rising number, whatever order they are asked for in.
        places = yx[np.argsort(np.atleast_1d(ids), kind="stable")]
        self._edits.commit(moved(micrograph_id, labels.rows(ids), places, covered))

    def delete(self, micrograph_id: int, ids: ArrayLike) -> None:
        """Delete picks: they become hard negatives, and can be restored."""
        self.project.finish_parts()
        self._edits.commit(deleted(micrograph_id, self.labels(micrograph_id).rows(ids)))

    def delete_together(self, ids: Mapping[int, ArrayLike]) -> int:
        """Delete picks of several micrographs, given by these, as one step for the user.

        Directly afterwards one undo takes all back, whatever the micrograph. Picks that are gone or deleted
        already are left out.

        Returns
        -------
        int
            How many were deleted.
        """
        self.project.finish_parts()
        rows = {number: self.labels(number).rows(own) for number, own in ids.items()}
        rows = {number: own.where(~own.deleted) for number, own in rows.items()}
        edits = [deleted(number, own) for number, own in rows.items() if len(own)]
        if not edits:
            return 0
        self._edits.commit(*edits, joint=True)
        return sum(len(edit.before) for edit in edits)

    def restore(self, micrograph_id: int, ids: ArrayLike) -> None:
        """Take deleted picks back."""
        self.project.finish_parts()
        self._edits.commit(restored(micrograph_id, self.labels(micrograph_id).rows(ids)))

    def undo(self, micrograph_id: int | None) -> Replayed:
        """Undo a micrograph's last edit; directly after one of several micrographs that, whatever this is."""
        return self.undo_in_parts(micrograph_id).result()

    def redo(self, micrograph_id: int | None) -> Replayed:
        """Redo what was undone last on a micrograph; directly after an undo of several, all of that."""
        return self.redo_in_parts(micrograph_id).result()

    def undo_in_parts(self, micrograph_id: int | None) -> Parts[Replayed]:
        """Undo as `undo`, bit by bit: an import may have been of thousands of micrographs."""
        return self.project.in_parts(self._edits.undoing(micrograph_id))

    def redo_in_parts(self, micrograph_id: int | None) -> Parts[Replayed]:
        """Redo as `redo`, bit by bit."""
        return self.project.in_parts(self._edits.redoing(micrograph_id))

    def _taking(self, kind: EditKind, new: Mapping[int, Picks], picker: str) -> Generator[None, None, None]:
        """Replace untouched picks by new ones of a picker, one by one, on all micrographs or on none.

        An import is one step for the user, however many micrographs it has. Complete micrographs whose scores
        were another picker's keep this one's threshold from now on.
        """
        threshold = self.settings.threshold_of(picker)

        def edits() -> Iterator[Edit]:
            for number, picks in new.items():
                own = self.project.new_ids(len(picks))
                pixel_size = self._records[number].pixel_size_angstrom or 1.0
                distance_px = self.settings.distance_angstrom / pixel_size
                old = Scoring(self.picker_of(number), self._annotations.frozen.get(number))
                kept = old.frozen is None or old.picker == picker
                scoring = old, Scoring(picker, old.frozen if kept else threshold)
                yield new_picks(number, self.labels(number), picks, own, distance_px, kind, scoring)

        yield from self._edits.committing(edits(), joint=kind is EditKind.IMPORT)

    def _changed(self, number: int) -> None:
        self.labels_changed.emit(number)
        self.micrograph_changed.emit(number)

    def _read_records(self) -> None:
        self._records.clear()  # the history has the same ones
        self._records.update({record.id: record for record in self.project.micrographs()})
        self.micrographs_changed.emit()

    def _change_record(self, number: int, **changes: Any) -> None:
        self._records[number] = replace(self._records[number], **changes)
        self.micrograph_changed.emit(number)

    def _covered(self, micrograph_id: int, hidden: Labels, yx: NDArray[np.float64]) -> Labels:
        """Those of the hidden picks that lie on a place (N, 2), nearer than two picks may be."""
        share = self.settings.distance_angstrom / self.settings.diameter_angstrom
        return hidden.where(~far_from(hidden.yx, yx, share * self.ring_px(micrograph_id)))
