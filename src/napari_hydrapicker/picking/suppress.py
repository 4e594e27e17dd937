"""Suppression of duplicate picks by distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

SUPPRESSION_WPX = 7.0
"""Least distance of two picks by default, working pixels: a third of the diameter."""


def suppress(yx: ArrayLike, score: ArrayLike, distance: float = SUPPRESSION_WPX) -> NDArray[np.intp]:
    """Keep the best of picks that lie at most `distance` apart, greedily by falling score.

    Parameters
    ----------
    yx : ndarray, shape (N, 2)
    score : ndarray, shape (N,)
    distance : float
        In the units of `yx`.

    Returns
    -------
    ndarray of int, shape (K,)
        Indices of the picks kept, by falling score.
    """
    centres, scores = np.asarray(yx, np.float64).reshape(-1, 2), np.asarray(score)
    order = np.argsort(-scores, kind="stable")
    pairs = cKDTree(centres[order]).query_ball_point(centres[order], distance) if len(centres) else []
    alive = np.ones(len(order), bool)
    for i, near in enumerate(pairs):
        if alive[i]:
            later = np.asarray(near)
            alive[later[later > i]] = False
    return order[alive]
