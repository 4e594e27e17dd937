"""Which picks are true: greedy matching of picks to true particles, best score first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.coordinates.base import MAX_COORDINATE_PX
from napari_hydrapicker.wording import counted

MIN_IOU = 0.6
QUARTER_DIAMETER = 0.25

# Two squares of one side d overlap by IoU > 0.6 only where (1 - |dy|/d)(1 - |dx|/d) > 0.75: never
# with their centres farther apart than d/4. So one radius serves both criteria.
_SEARCH_RADIUS = 0.25
_ROUNDING = 1e-9
_DIAMETERS_PX = (0.1, MAX_COORDINATE_PX)


class Criterion(StrEnum):
    """When a pick is close enough to a particle to count as true.

    ``IOU``: squares with the particle's diameter as side overlap by more than 0.6 (intersection over
    union; thesis, section 4.4). ``QUARTER``: the centres are at most a quarter of the diameter apart
    (Kong et al.).
    """

    IOU = "iou"
    QUARTER = "quarter"


@dataclass(frozen=True, eq=False)
class Matched:
    """The outcome of `match`, in the order of the picks given to it.

    Attributes
    ----------
    is_true : ndarray of bool, shape (N,)
        Whether the pick is a true positive.
    truth_index : ndarray of intp, shape (N,)
        Row of the particle that the pick took, -1 for a false pick.
    """

    is_true: NDArray[np.bool_]
    truth_index: NDArray[np.intp]


def rank_key(score: ArrayLike) -> NDArray[np.float64]:
    """Return scores that can be ranked, shape (N,): NaN (no score) becomes minus infinity."""
    key = np.array(score, np.float64).reshape(-1)
    key[np.isnan(key)] = -np.inf
    return key


def box_iou(offset_yx: NDArray[np.float64], diameter_px: float) -> NDArray[np.float64]:
    """Intersection over union of two axis-parallel squares of side `diameter_px`.

    Parameters
    ----------
    offset_yx : ndarray, shape (..., 2)
        Difference of the squares' centres, in the diameter's unit.
    diameter_px : float
        Side of both squares.
    """
    sides = np.clip(diameter_px - np.abs(offset_yx), 0, None)
    intersection = sides[..., 0] * sides[..., 1]
    return np.asarray(intersection / (2 * diameter_px**2 - intersection))


def match(
    pick_yx: ArrayLike, score: ArrayLike, truth_yx: ArrayLike, diameter_px: float, criterion: Criterion
) -> Matched:
    """Match picks to particles, the most confident pick first (thesis, section 4.4).

    Each pick takes, among the particles that satisfy the criterion and are still free, the one it
    overlaps best (IOU) or is nearest to (QUARTER). Every particle is taken at most once, so further
    picks of it are false. Equal scores are served in the order given; picks without a score (NaN) last.

    Parameters
    ----------
    pick_yx : array_like, shape (N, 2)
        Picked centres, (row, col) in pixels.
    score : array_like, shape (N,)
        Confidence of each pick.
    truth_yx : array_like, shape (M, 2)
        True centres, (row, col) in pixels.
    diameter_px : float
        Particle diameter in the same pixels.
    criterion : Criterion
        What counts as a hit.

    Raises
    ------
    ParameterError
        If the diameter is not a positive number, or picks and scores differ in number.
    """
    if not (math.isfinite(diameter_px) and diameter_px > 0):
        raise ParameterError(f"the diameter must be a positive number of pixels, not {diameter_px}")
    low, high = _DIAMETERS_PX
    if not low <= diameter_px <= high:
        raise ParameterError(
            f"a particle of {diameter_px:.3g} pixels cannot be on a micrograph: check the diameter and the "
            "pixel size (both in Angstrom)"
        )
    picks, truth = _centres(pick_yx, "picks"), _centres(truth_yx, "true particles")
    key = rank_key(score)
    if len(key) != len(picks):
        raise ParameterError(f"{counted(len(picks), 'pick')}, but {counted(len(key), 'score')}")
    truth_index = np.full(len(picks), -1, np.intp)
    if len(picks) and len(truth):
        rank = np.empty(len(picks), np.intp)
        rank[np.argsort(-key, kind="stable")] = np.arange(len(picks))
        pick, particle, cost = _candidates(picks, truth, diameter_px, criterion)
        order = np.lexsort((particle, cost, rank[pick]))
        _take(pick[order].tolist(), particle[order].tolist(), truth_index, len(truth))
    return Matched(truth_index >= 0, truth_index)


def _centres(yx: ArrayLike, what: str) -> NDArray[np.float64]:
    centres = np.asarray(yx, np.float64)
    if centres.size == 0:
        return np.empty((0, 2))
    if centres.ndim != 2 or centres.shape[1] != 2:
        raise ParameterError(f"centres of {what} must have shape (N, 2), not {centres.shape}")
    if not np.isfinite(centres).all():
        raise ParameterError(f"centres of {what} must be finite numbers")
    return centres


def _candidates(
    picks: NDArray[np.float64], truth: NDArray[np.float64], diameter_px: float, criterion: Criterion
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return the pairs that satisfy the criterion: pick, particle, cost (lower is better)."""
    radius = _SEARCH_RADIUS * diameter_px * (1 + _ROUNDING)
    near = cKDTree(truth).query_ball_point(picks, radius)
    pick = np.repeat(np.arange(len(picks)), [len(hits) for hits in near])
    particle = np.array([index for hits in near for index in hits], np.intp)
    offset = picks[pick] - truth[particle]
    distance = np.hypot(offset[:, 0], offset[:, 1])
    if criterion is Criterion.IOU:
        iou = box_iou(offset, diameter_px)
        hit, cost = iou > MIN_IOU + _ROUNDING, 1 - iou
    else:
        hit, cost = distance <= radius, distance
    return pick[hit], particle[hit], cost[hit]


def _take(pick: list[int], particle: list[int], truth_index: NDArray[np.intp], n_truth: int) -> None:
    """Go through the pairs in order, and write into `truth_index` those whose two ends are still free."""
    taken, served = [False] * n_truth, [False] * len(truth_index)
    for i, j in zip(pick, particle, strict=True):
        if not (served[i] or taken[j]):
            served[i] = taken[j] = True
            truth_index[i] = j
