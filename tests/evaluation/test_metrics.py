"""AP, AROC, F1 and calibration, against hand-made cases and their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.evaluation.metrics import (
    auroc,
    average_precision,
    best_f1,
    calibration_table,
    precision_recall,
)

SCORE = [0.9, 0.8, 0.7, 0.6]
TRUE = [True, False, True, False]


@st.composite
def ranked(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    """Scores with ties and gaps, marks, and a number of particles that is large enough."""
    n = draw(st.integers(0, 12))
    score = draw(
        st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0, math.nan]), min_size=n, max_size=n)
    )
    true = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    return np.array(score), np.array(true, bool), sum(true) + draw(st.integers(0, 4))


def at_threshold(score, true, threshold):
    """Count true and false picks at or above a threshold; None stands for all picks."""
    kept = np.full(len(score), True) if threshold is None else score >= threshold
    return int(np.sum(kept & true)), int(np.sum(kept & ~true))


def thresholds(score):
    falling = sorted({s for s in score.tolist() if not math.isnan(s)}, reverse=True)
    return [*falling, None] if np.isnan(score).any() else falling


def test_by_hand() -> None:
    curve = precision_recall(SCORE, TRUE, 4)
    np.testing.assert_allclose(curve.precision, [1, 1 / 2, 2 / 3, 2 / 4])
    np.testing.assert_allclose(curve.recall, [1 / 4, 1 / 4, 2 / 4, 2 / 4])
    np.testing.assert_allclose(curve.threshold, SCORE)
    # A quarter of recall at precision 1, another at 2/3, then the end.
    assert average_precision(SCORE, TRUE, 4) == pytest.approx(1 / 4 + 2 / 3 / 4)
    # 10 cells, 6 negatives: recall is 1/4 up to the first of them, 2/4 over the other five.
    assert auroc(SCORE, TRUE, 4, 10) == pytest.approx((1 / 4 + 5 * 2 / 4) / 6)
    best = best_f1(SCORE, TRUE, 4)
    assert best.f1 == pytest.approx(2 * 2 / (3 + 4))
    assert (best.precision, best.recall) == pytest.approx((2 / 3, 2 / 4))
    assert best.threshold == 0.7


def test_perfect_and_blind_pickers() -> None:
    assert average_precision([0.3, 0.2], [True, True], 2) == 1
    assert auroc([0.3, 0.2], [True, True], 2, 50) == 1
    assert best_f1([0.3, 0.2], [True, True], 2).f1 == 1
    assert average_precision([0.3, 0.2], [False, False], 2) == 0
    assert auroc([0.3, 0.2], [False, False], 2, 50) == 0
    assert math.isnan(best_f1([0.3, 0.2], [False, False], 2).threshold)


def test_without_picks() -> None:
    assert average_precision([], [], 3) == 0
    assert auroc([], [], 3, 100) == 0
    assert best_f1([], [], 3).f1 == 0
    assert len(precision_recall([], [], 3).recall) == 0


def test_without_truth() -> None:
    assert math.isnan(average_precision([0.5], [False], 0))
    assert math.isnan(auroc([0.5], [False], 0, 100))
    assert np.isnan(precision_recall([0.5], [False], 0).recall).all()
    assert best_f1([0.5], [False], 0).f1 == 0


def test_picks_without_score_rank_last_and_together() -> None:
    curve = precision_recall([math.nan, 0.1, math.nan], [True, True, False], 2)
    np.testing.assert_allclose(curve.precision, [1, 2 / 3])
    assert curve.threshold.tolist() == [0.1, -math.inf]
    # No scores at all: one point, whose area is P * R.
    assert average_precision([math.nan] * 4, [True, True, True, False], 6) == pytest.approx(3 / 4 * 3 / 6)


def test_wrong_counts_are_refused() -> None:
    with pytest.raises(ParameterError, match="3 true picks, but 2 true particles"):
        average_precision([0.1, 0.2, 0.3], [True] * 3, 2)
    with pytest.raises(ParameterError, match="1 score, but 2"):
        best_f1([0.1], [True, True], 2)


@settings(deadline=None, max_examples=200)
@given(ranked())
def test_average_precision_is_the_area_under_the_envelope(case) -> None:
    score, true, n_truth = case
    if n_truth == 0:
        return
    points = []
    for threshold in thresholds(score):
        n_true, n_false = at_threshold(score, true, threshold)
        points.append((n_true, n_true / (n_true + n_false)))
    # One strip of width 1 / n_truth for each particle: the best precision at which it is found.
    area = 0.0
    for k in range(1, n_truth + 1):
        area += max((precision for n_true, precision in points if n_true >= k), default=0.0) / n_truth
    assert average_precision(score, true, n_truth) == pytest.approx(area)


@settings(deadline=None, max_examples=200)
@given(ranked(), st.integers(0, 40))
def test_auroc_is_the_rank_statistic(case, more_cells) -> None:
    score, true, n_truth = case
    n_false = int(np.sum(~true))
    n_cells = n_truth + more_cells
    n_negative = max(more_cells, n_false)
    if n_truth == 0 or n_negative == 0:
        return
    # Ranks: scored picks, then picks without score, negatives without a pick, particles never found.
    rank = np.where(np.isnan(score), -1.0, score)
    positives = [*rank[true], *[-3.0] * (n_truth - int(true.sum()))]
    negatives = [*rank[~true], *[-2.0] * (n_negative - n_false)]
    wins = sum((p > n) + (p == n) / 2 for p in positives for n in negatives)
    assert auroc(score, true, n_truth, n_cells) == pytest.approx(wins / (n_truth * n_negative))


@settings(deadline=None, max_examples=200)
@given(ranked())
def test_best_f1_is_the_best_of_all_thresholds(case) -> None:
    score, true, n_truth = case
    best = best_f1(score, true, n_truth)
    tried = [0.0]
    for threshold in thresholds(score):
        n_true, n_false = at_threshold(score, true, threshold)
        tried.append(2 * n_true / (n_true + n_false + n_truth))
    assert best.f1 == pytest.approx(max(tried))
    if best.f1 > 0:
        p, r = best.precision, best.recall
        assert best.f1 == pytest.approx(2 * p * r / (p + r))
        n_true, n_false = at_threshold(score, true, None if best.threshold == -math.inf else best.threshold)
        assert (p, r) == pytest.approx((n_true / (n_true + n_false), n_true / n_truth))


@settings(deadline=None, max_examples=100)
@given(ranked(), st.randoms(use_true_random=False))
def test_order_of_picks_does_not_matter(case, random) -> None:
    score, true, n_truth = case
    order = list(range(len(score)))
    random.shuffle(order)
    shuffled = score[order], true[order]
    for number in (
        average_precision,
        lambda s, t, n: auroc(s, t, n, 50),
        lambda s, t, n: best_f1(s, t, n).f1,
    ):
        assert number(*shuffled, n_truth) == pytest.approx(number(score, true, n_truth), nan_ok=True)


def test_calibration_by_hand() -> None:
    score = [0.05, 0.1, 0.15, 0.95, 1.0, math.nan, 7.0]
    table = calibration_table(score, [False, True, False, True, True, True, True])
    assert table.count.tolist() == [1, 2, 0, 0, 0, 0, 0, 0, 0, 2]
    np.testing.assert_allclose(table.mean_score[[0, 1, 9]], [0.05, 0.125, 0.975])
    np.testing.assert_allclose(table.fraction_true[[0, 1, 9]], [0, 0.5, 1])
    assert np.isnan(table.mean_score[2:9]).all()
    assert table.error == pytest.approx((1 * 0.05 + 2 * 0.375 + 2 * 0.025) / 5)
    assert (table.low[3], table.high[3]) == pytest.approx((0.3, 0.4))


def test_calibration_of_honest_scores() -> None:
    rng = np.random.default_rng(5)
    score = rng.random(20000)
    assert calibration_table(score, rng.random(20000) < score).error < 0.02
    assert calibration_table(score, rng.random(20000) < score**3).error > 0.15


def test_calibration_without_probabilities() -> None:
    assert math.isnan(calibration_table([3.0, -2.0, math.nan], [True, False, True]).error)
    with pytest.raises(ParameterError, match="bins"):
        calibration_table([0.5], [True], bins=0)
