"""The edits that a user makes by hand, as data: nothing here touches a file."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_hydrapicker.picks import Picks, Source
from napari_hydrapicker.project.edit import Edit, EditKind
from napari_hydrapicker.project.labels import Labels


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


def _marked(labels: Labels, as_deleted: bool) -> Labels:
    marks = np.full(len(labels), as_deleted, np.bool_)
    return Labels(labels.id, labels.yx, labels.score, labels.source, marks)
