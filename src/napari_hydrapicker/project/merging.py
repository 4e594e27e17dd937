"""A picker's new answer joins what the user has done to a micrograph: his edits win."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from napari_hydrapicker.picks import Picks, Source
from napari_hydrapicker.project.edit import Edit, EditKind
from napari_hydrapicker.project.labels import Labels


def is_edited(labels: Labels) -> NDArray[np.bool_]:
    """Which rows (N,) the user has made, moved or deleted: no picker changes these."""
    by_hand = (labels.source == Source.MANUAL) | (labels.source == Source.MOVED)
    return np.asarray(by_hand | labels.deleted)


def new_picks(
    micrograph_id: int, labels: Labels, picks: Picks, ids: NDArray[np.int64], distance_px: float
) -> Edit:
    """Replace a micrograph's untouched picks by a picker's new ones.

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

    Returns
    -------
    Edit
        Of kind PICK; not yet committed.
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
    return Edit(micrograph_id, EditKind.PICK, labels.rows(labels.id[~edited]), after)


def far_from(
    yx: NDArray[np.float64], others_yx: NDArray[np.float64], distance_px: float
) -> NDArray[np.bool_]:
    """Which of the centres (N, 2) have none of the others (M, 2) nearer than a distance."""
    if len(yx) == 0 or len(others_yx) == 0:
        return np.ones(len(yx), np.bool_)
    gap, _ = KDTree(others_yx).query(yx)
    return np.asarray(gap >= distance_px)
