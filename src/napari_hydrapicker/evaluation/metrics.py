"""Curves and numbers from ranked picks: precision-recall, AP, AROC, F1, calibration.

All functions take the score of each pick, whether `matching.match` found it true, and the number of
true particles. Picks of several micrographs are pooled by joining their arrays. Picks of equal score
enter together, so that no result depends on the order of the picks; a pick without a score (NaN)
ranks below all others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.evaluation.matching import rank_key
from napari_hydrapicker.wording import counted

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """Precision and recall at each distinct score, falling; each array has shape (K,).

    The picks kept at row k are those with a score of at least ``threshold[k]`` (minus infinity: all,
    those without a score included).
    """

    precision: Floats
    recall: Floats
    threshold: Floats


@dataclass(frozen=True)
class F1:
    """The best F1 = 2PR / (P + R), and the precision, recall and threshold that give it."""

    f1: float
    precision: float
    recall: float
    threshold: float


@dataclass(frozen=True, eq=False)
class Calibration:
    """Confidence against truth in equal bins of score; each array has shape (bins,).

    ``mean_score`` and ``fraction_true`` are NaN in an empty bin. ``error`` is the expected calibration
    error: the mean of |fraction_true - mean_score| over the bins, weighted by ``count``.
    """

    low: Floats
    high: Floats
    count: NDArray[np.int64]
    mean_score: Floats
    fraction_true: Floats
    error: float


def precision_recall(score: ArrayLike, is_true: ArrayLike, n_truth: int) -> PrecisionRecall:
    """Precision and recall at every distinct score, most confident first.

    Recall is NaN if there are no true particles.

    Parameters
    ----------
    score : array_like, shape (N,)
        Confidence of each pick.
    is_true : array_like of bool, shape (N,)
        Whether each pick is a true positive.
    n_truth : int
        Number of true particles, found or not.

    Raises
    ------
    ParameterError
        If the arrays differ in length, or more picks are true than there are particles.
    """
    key, true = _checked(score, is_true, n_truth)
    n_true, n_false, threshold = _cumulative(key, true)
    recall = n_true / n_truth if n_truth else np.full(len(threshold), np.nan)
    return PrecisionRecall(n_true / (n_true + n_false), recall, threshold)


def average_precision(score: ArrayLike, is_true: ArrayLike, n_truth: int) -> float:
    """Area under the precision-recall curve, with all-points interpolation (thesis, section 4.4).

    ``AP = sum_k (R_k - R_{k-1}) * max_{j >= k} P_j`` over the distinct scores, ``R_0 = 0``: precision is
    replaced by its envelope, the best one at this recall or a higher one, as detection benchmarks do.
    The curve ends at the recall reached; particles never found add nothing. Without picks AP is 0,
    without true particles it is NaN. Parameters and errors as in `precision_recall`.
    """
    curve = precision_recall(score, is_true, n_truth)
    if n_truth == 0:
        return float("nan")
    envelope = np.maximum.accumulate(curve.precision[::-1])[::-1]
    return float(np.sum(np.diff(curve.recall, prepend=0.0) * envelope))


def auroc(score: ArrayLike, is_true: ArrayLike, n_truth: int, n_cells: int) -> float:
    """Area under the receiver operating characteristic curve (AROC; thesis, section 4.4).

    There are ``n_cells - n_truth`` negatives: the cells of the network's output grid without a
    particle. False picks are negatives with their score. The other negatives rank below all picks, and
    the particles that were never found below these: the curve runs flat from the last pick on, so
    AROC <= recall. (The other choice, a straight line to (1, 1), would give a picker that finds
    nothing 0.5; the thesis reports conservative pickers well below that.) A particle and a negative of
    equal score count half. If false picks outnumber the negatives, there are as many as false picks.

    Parameters
    ----------
    score, is_true, n_truth
        As in `precision_recall`.
    n_cells : int
        Grid cells in all micrographs: (H // 16) * (W // 16) each, with H, W in working pixels.

    Returns
    -------
    float
        NaN without true particles or without negatives.
    """
    key, true = _checked(score, is_true, n_truth)
    n_true, n_false, _ = _cumulative(key, true)
    n_negative = max(n_cells - n_truth, int(np.sum(~true)))
    if n_truth == 0 or n_negative == 0:
        return float("nan")
    # The curve through (0, 0), the points at each distinct score, then level to the right end.
    false_rate = np.concatenate([[0.0], n_false / n_negative, [1.0]])
    recall = np.concatenate([[0.0], n_true / n_truth])
    recall = np.append(recall, recall[-1])
    return float(np.sum(np.diff(false_rate) * (recall[1:] + recall[:-1]) / 2))


def best_f1(score: ArrayLike, is_true: ArrayLike, n_truth: int) -> F1:
    """Best F1 over all thresholds; of equal ones that of the highest threshold.

    Without picks, or without a true one, F1, precision and recall are 0 and the threshold is NaN.
    Parameters and errors as in `precision_recall`.
    """
    key, true = _checked(score, is_true, n_truth)
    n_true, n_false, threshold = _cumulative(key, true)
    if not true.any():
        return F1(0.0, 0.0, 0.0, float("nan"))
    f1 = 2 * n_true / (n_true + n_false + n_truth)
    k = int(np.argmax(f1))
    precision = n_true[k] / (n_true[k] + n_false[k])
    return F1(float(f1[k]), float(precision), float(n_true[k] / n_truth), float(threshold[k]))


def calibration_table(score: ArrayLike, is_true: ArrayLike, bins: int = 10) -> Calibration:
    """Compare confidence with the fraction of true picks, in equal bins of score from 0 to 1.

    Picks without a score, or with one outside 0 to 1 (no probability), are left out; if none is left,
    the error is NaN. A score on a boundary belongs to the upper bin, 1 to the last.

    Raises
    ------
    ParameterError
        If the arrays differ in length, or `bins` is not positive.
    """
    if bins < 1:
        raise ParameterError(f"the number of bins must be positive, not {bins}")
    key, true = _checked(score, is_true, None)
    is_probability = (key >= 0) & (key <= 1)
    key, true = key[is_probability], true[is_probability]
    edges = np.linspace(0, 1, bins + 1)
    which = np.clip(np.searchsorted(edges, key, side="right") - 1, 0, bins - 1)
    count = np.bincount(which, minlength=bins)
    filled = np.where(count, count, 1)
    empty = np.where(count, 0.0, np.nan)
    mean_score = np.bincount(which, key, bins) / filled + empty
    fraction_true = np.bincount(which, true, bins) / filled + empty
    gap = np.abs(fraction_true - mean_score)[count > 0]
    error = float(np.average(gap, weights=count[count > 0])) if len(key) else float("nan")
    return Calibration(edges[:-1], edges[1:], count, mean_score, fraction_true, error)


def _checked(score: ArrayLike, is_true: ArrayLike, n_truth: int | None) -> tuple[Floats, NDArray[np.bool_]]:
    key, true = rank_key(score), np.asarray(is_true, bool).reshape(-1)
    if len(key) != len(true):
        raise ParameterError(f"{counted(len(key), 'score')}, but {counted(len(true), 'mark')} of being true")
    if n_truth is not None and not 0 <= int(true.sum()) <= n_truth:
        raise ParameterError(
            f"{counted(int(true.sum()), 'true pick')}, but {counted(n_truth, 'true particle')}"
        )
    return key, true


def _cumulative(key: Floats, true: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Count true and false picks at or above each distinct score, falling: three arrays (K,)."""
    order = np.argsort(-key, kind="stable")
    key, true = key[order], true[order]
    last = np.flatnonzero(np.append(key[1:] != key[:-1], True)) if len(key) else np.empty(0, np.intp)
    n_true = np.cumsum(true, dtype=np.int64)[last]
    return n_true, last + 1 - n_true, key[last]
