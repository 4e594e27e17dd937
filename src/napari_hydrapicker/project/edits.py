"""Changes of a micrograph's picks as data: made by hand or by a picker, applied and taken back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from napari_hydrapicker.picks import Picks, Source
from napari_hydrapicker.project.labels import Labels
from napari_hydrapicker.project.records import Status


class EditKind(StrEnum):
    """What an edit was; picking cannot be undone, but done again."""

    ADD = "add"
    MOVE = "move"
    DELETE = "delete"
    RESTORE = "restore"
    PICK = "pick"
    IMPORT = "import"
    EXCLUDE = "exclude"
    INCLUDE = "include"

    @property
    def undoable(self) -> bool:
        """Whether the user can undo it."""
        return self is not EditKind.PICK

    @property
    def is_of_whole_micrographs(self) -> bool:
        """Whether it says which micrographs count, and leaves their picks alone."""
        return self in (EditKind.EXCLUDE, EditKind.INCLUDE)


@dataclass(frozen=True)
class Scoring:
    """Whose scores a micrograph's picks have, and how they are cut.

    Attributes
    ----------
    picker : str
        Who made them (`PickSettings.picker_key`); "" if unknown.
    frozen : float or None
        The threshold that a complete micrograph keeps whatever the slider does; None for no such.
    """

    picker: str = ""
    frozen: float | None = None


@dataclass(frozen=True, eq=False)
class Edit:
    """The rows that a change touched, before and after it.

    Attributes
    ----------
    micrograph_id : int
        Its micrograph's number.
    kind : EditKind
        What it was.
    before, after : Labels
        The rows.
    scoring : (Scoring, Scoring) or None
        Of the micrograph before and after it; None where that stays.
    """

    micrograph_id: int
    kind: EditKind
    before: Labels
    after: Labels
    scoring: tuple[Scoring, Scoring] | None = None

    def inverse(self) -> Edit:
        """Return the edit that takes this one back."""
        if self.kind.is_of_whole_micrographs:
            return excluded(self.micrograph_id, self.kind is EditKind.INCLUDE)
        scoring = None if self.scoring is None else (self.scoring[1], self.scoring[0])
        return Edit(self.micrograph_id, self.kind, self.after, self.before, scoring)

    def apply(self, labels: Labels) -> Labels:
        """Return the labels after this edit."""
        return labels.without(self.before.id).with_rows(self.after)


@dataclass(frozen=True)
class Replayed:
    """What an undo or a redo has done; false if nothing.

    Attributes
    ----------
    edits : tuple of Edit
        What was applied: one edit, or one a micrograph of an import or of a class that was rejected.
    left : tuple of int
        Micrographs of the same step that could not follow: they were changed, or marked complete, since.
    """

    edits: tuple[Edit, ...] = ()
    left: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.edits)

    @property
    def is_import(self) -> bool:
        """Whether it was an import."""
        return bool(self.edits) and self.edits[0].kind is EditKind.IMPORT

    @property
    def is_joint(self) -> bool:
        """Whether it was a step on whichever micrographs: an import, picks of a class, an exclusion."""
        of_whole = bool(self.edits) and self.edits[0].kind.is_of_whole_micrographs
        return self.is_import or of_whole or len(self.edits) + len(self.left) > 1


def added(
    micrograph_id: int, ids: NDArray[np.int64], yx_px: ArrayLike, covered: Labels | None = None
) -> Edit:
    """Add picks at centres (N, 2) under the numbers (N,): the user is certain of them, their score is 1.

    They take the place of those that they cover, which nobody sees.
    """
    yx = Picks(yx_px).yx  # type: ignore[arg-type]
    n = len(yx)
    made = Labels(
        id=ids,
        yx=yx,
        score=np.ones(n, np.float32),
        source=np.full(n, Source.MANUAL, np.int8),
        deleted=np.zeros(n, np.bool_),
    )
    return Edit(micrograph_id, EditKind.ADD, covered or Labels.empty(), made)


def moved(micrograph_id: int, before: Labels, yx_px: ArrayLike, covered: Labels | None = None) -> Edit:
    """Move picks to other centres (N, 2): a picker's pick loses its score, it never saw that place.

    They take the place of those that they cover there, which nobody sees.
    """
    by_hand = before.source == Source.MANUAL
    after = Labels(
        id=before.id,
        yx=Picks(yx_px).yx,  # type: ignore[arg-type]
        score=np.where(by_hand, before.score, np.nan).astype(np.float32),
        source=np.where(by_hand, Source.MANUAL, Source.MOVED).astype(np.int8),
        deleted=before.deleted,
    )
    return Edit(micrograph_id, EditKind.MOVE, before.with_rows(covered or Labels.empty()), after)


def deleted(micrograph_id: int, before: Labels) -> Edit:
    """Delete picks: a picker's stays on record as a hard negative, the user's own vanishes."""
    kept = before.rows(before.id[before.source != Source.MANUAL])
    return Edit(micrograph_id, EditKind.DELETE, before, _marked(kept, True))


def restored(micrograph_id: int, before: Labels) -> Edit:
    """Take deleted picks back."""
    return Edit(micrograph_id, EditKind.RESTORE, before, _marked(before, False))


def excluded(micrograph_id: int, out: bool) -> Edit:
    """Leave a micrograph out of picking, training, classes and export, or include it again."""
    kind = EditKind.EXCLUDE if out else EditKind.INCLUDE
    return Edit(micrograph_id, kind, Labels.empty(), Labels.empty())


def _marked(labels: Labels, as_deleted: bool) -> Labels:
    marks = np.full(len(labels), as_deleted, np.bool_)
    return Labels(labels.id, labels.yx, labels.score, labels.source, marks)


def is_edited(labels: Labels) -> NDArray[np.bool_]:
    """Which rows (N,) the user has made, moved or deleted: no picker changes these."""
    by_hand = (labels.source == Source.MANUAL) | (labels.source == Source.MOVED)
    return np.asarray(by_hand | labels.deleted)


def new_picks(
    micrograph_id: int,
    labels: Labels,
    picks: Picks,
    ids: NDArray[np.int64],
    distance_px: float,
    kind: EditKind = EditKind.PICK,
    scoring: tuple[Scoring, Scoring] | None = None,
) -> Edit:
    """Replace a micrograph's untouched picks by new ones of a picker, or of an import.

    Parameters
    ----------
    labels : Labels
        What the micrograph has now.
    picks : Picks
        The new picks, N.
    ids : ndarray of int64, shape (N,)
        Numbers for them.
    distance_px : float
        A new pick nearer than this to one that the user made, moved or deleted is left out: he has
        judged that place already.
    kind, scoring
        As of the edit.
    """
    edited = is_edited(labels)
    keep = far_from(picks.yx, labels.yx[edited], distance_px)
    after = Labels(
        id=ids[keep],
        yx=picks.yx[keep],
        score=picks.score[keep],
        source=picks.source[keep],
        deleted=np.zeros(int(keep.sum()), np.bool_),
    )
    return Edit(micrograph_id, kind, labels.rows(labels.id[~edited]), after, scoring)


def far_from(
    yx: NDArray[np.float64], others_yx: NDArray[np.float64], distance_px: float
) -> NDArray[np.bool_]:
    """Which of the centres (N, 2) have none of the others (M, 2) nearer than a distance."""
    if len(yx) == 0 or len(others_yx) == 0:
        return np.ones(len(yx), np.bool_)
    gap, _ = KDTree(others_yx).query(yx)
    return np.asarray(gap >= distance_px)


def inside(yx: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Which centres (N, 2) lie on a micrograph of this shape."""
    return np.asarray(((yx >= -0.5) & (yx < np.array(shape) - 0.5)).all(axis=1))


def plain_status(labels: Labels) -> Status:
    """Return the status that picks speak for, as long as the user has set none."""
    if is_edited(labels).any():
        return Status.CORRECTED
    return Status.PICKED if len(labels) else Status.NEW
