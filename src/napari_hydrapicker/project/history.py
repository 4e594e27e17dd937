"""Edits of an open project: written to its file, then followed in memory; undone and redone.

A change is a generator that does a little up to each yield, within one transaction: the window can answer in
between, and all of it is in the file afterwards or none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace

from napari_hydrapicker.project.annotations import Annotations
from napari_hydrapicker.project.edits import Edit, EditKind, Replayed, plain_status
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import MicrographRecord, Status


class History:
    """What has been done to the picks of a project, and how it is taken back.

    Parameters
    ----------
    project : Project
        Open; its file has every edit before anything else follows it.
    annotations : Annotations
        The picks in memory, which follow the edits.
    records : dict
        The micrographs by number, whose statuses follow the edits.
    report : callable
        Called with the number of a micrograph whose picks have changed.

    Attributes
    ----------
    times_picked : Counter
        How often a picker's answer has been taken in, by micrograph.
    """

    def __init__(
        self,
        project: Project,
        annotations: Annotations,
        records: dict[int, MicrographRecord],
        report: Callable[[int], None],
    ) -> None:
        self._project, self._annotations, self._records = project, annotations, records
        self._report = report
        self.times_picked: Counter[int] = Counter()
        # A micrograph of the step on several that was the last thing done, or undone.
        self._joint_to_undo: int | None = None
        self._joint_to_redo: int | None = None

    def commit(self, *edits: Edit, joint: bool = False) -> None:
        """Make edits at one go, unless they change nothing: then there is nothing to undo later on."""
        changing = [
            edit for edit in edits if edit.kind.is_of_whole_micrographs or not edit.before.equals(edit.after)
        ]
        if changing:
            for _ in self.committing(changing, joint):
                pass

    def committing(self, edits: Iterable[Edit], joint: bool = False) -> Generator[None, None, None]:
        """Make edits one by one, all or none.

        Parameters
        ----------
        edits
            Taken within the transaction.
        joint
            Whether they are one step for the user: directly afterwards one undo takes all back, whatever the
            micrograph.
        """
        made: list[Edit] = []
        statuses: list[Status] = []
        with self._project.transaction():
            batch = self._project.new_batch() if joint else None
            for edit in edits:
                self._project.commit(edit, batch)
                statuses.append(self._write_rest(edit))
                made.append(edit)
                yield
            self._annotations.write_frozen_after(self._project, made)
        self.times_picked.update(
            edit.micrograph_id for edit in made if edit.kind in (EditKind.PICK, EditKind.IMPORT)
        )
        yield from self._following(made, statuses)
        self._joint_to_undo = made[0].micrograph_id if joint and made else None

    def undoing(self, micrograph_id: int | None) -> Generator[None, None, Replayed]:
        """Take back a micrograph's last edit; directly after a joint step that, wherever it is."""
        number = micrograph_id if self._joint_to_undo is None else self._joint_to_undo
        done = yield from self._replaying(number, self._project.undoing)
        self._joint_to_redo = number if done.is_joint else None
        return done

    def redoing(self, micrograph_id: int | None) -> Generator[None, None, Replayed]:
        """Make again what was undone last; directly after a joint step was undone, all of that."""
        number = micrograph_id if self._joint_to_redo is None else self._joint_to_redo
        done = yield from self._replaying(number, self._project.redoing)
        self._joint_to_undo = number if done.is_joint else None
        return done

    def _replaying(
        self, micrograph_id: int | None, step: Callable[[int], Generator[None, None, Replayed]]
    ) -> Generator[None, None, Replayed]:
        if micrograph_id is None:
            return Replayed()
        statuses: list[Status] = []
        with self._project.transaction():
            done = yield from step(micrograph_id)
            for edit in done.edits:
                statuses.append(self._write_rest(edit))
                yield
            self._annotations.write_frozen_after(self._project, done.edits)
        if done:
            yield from self._following(done.edits, statuses)
        return done

    def _write_rest(self, edit: Edit) -> Status:
        """Write what else follows from an edit; returns the micrograph's status after it."""
        self._annotations.write(self._project, edit)
        number = edit.micrograph_id
        before = self._records[number].status
        if edit.kind is EditKind.EXCLUDE:
            status = Status.EXCLUDED
        elif edit.kind is EditKind.INCLUDE and number in self._annotations.frozen:
            status = Status.COMPLETE  # as it was before
        elif edit.kind is not EditKind.INCLUDE and before in (Status.COMPLETE, Status.EXCLUDED):
            return before  # the user has set it
        else:
            status = plain_status(edit.apply(self._annotations.labels(number)))
        if status is not before:
            self._project.set_status(number, status)
        return status

    def _following(self, edits: Sequence[Edit], statuses: Sequence[Status]) -> Generator[None, None, None]:
        """Follow edits that are in the project file already."""
        self._joint_to_undo = self._joint_to_redo = None
        for edit, status in zip(edits, statuses, strict=True):
            self._annotations.follow(edit)
            self._records[edit.micrograph_id] = replace(self._records[edit.micrograph_id], status=status)
            yield
        for edit in edits:
            self._report(edit.micrograph_id)
            yield
