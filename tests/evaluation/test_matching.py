"""Greedy matching, against cases worked out by hand and a brute-force search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.evaluation.matching import Criterion, box_iou, match

DIAMETER = 20.0


def brute_force(picks, score, truth, diameter, criterion):
    """The definition, word by word: one pick after the other, all particles looked at each time."""
    order = sorted(range(len(picks)), key=lambda i: (np.isnan(score[i]), -np.nan_to_num(score[i]), i))
    taken, result = set(), np.full(len(picks), -1)
    for i in order:
        best = None
        for j in range(len(truth)):
            dy, dx = np.abs(picks[i] - truth[j])
            overlap = max(diameter - dy, 0) * max(diameter - dx, 0)
            iou = overlap / (2 * diameter**2 - overlap)
            distance = np.hypot(dy, dx)
            good = iou > 0.6 + 1e-9 if criterion is Criterion.IOU else distance <= diameter / 4 * (1 + 1e-9)
            cost = 1 - iou if criterion is Criterion.IOU else distance
            if good and j not in taken and (best is None or cost < best[0]):
                best = (cost, j)
        if best is not None:
            taken.add(best[1])
            result[i] = best[1]
    return result


def test_box_iou_by_hand() -> None:
    # 20 x 20 squares, 5 down and 2 to the left: 15 * 18 = 270 of 2 * 400 - 270.
    assert box_iou(np.array([5.0, -2.0]), 20.0) == pytest.approx(270 / 530)
    assert box_iou(np.array([0.0, 20.0]), 20.0) == 0
    assert box_iou(np.array([25.0, 30.0]), 20.0) == 0


def test_rows_and_columns_are_not_exchanged() -> None:
    picks, truth = [[30.0, 200.0], [200.0, 30.0]], [[31.0, 201.0]]
    for criterion in Criterion:
        matched = match(picks, [0.2, 0.9], truth, DIAMETER, criterion)
        assert matched.truth_index.tolist() == [0, -1]
        assert matched.is_true.tolist() == [True, False]


def test_the_two_criteria_differ_on_the_diagonal() -> None:
    # 3 px on each axis: IoU 289 / 511 = 0.57, but a distance of 4.2 px < 5.
    truth, pick = [[50.0, 80.0]], [[53.0, 83.0]]
    assert not match(pick, [1.0], truth, DIAMETER, Criterion.IOU).is_true[0]
    assert match(pick, [1.0], truth, DIAMETER, Criterion.QUARTER).is_true[0]


@pytest.mark.parametrize(
    ("offset", "iou", "quarter"), [(4.9, True, True), (5.0, False, True), (5.1, False, False)]
)
def test_limits_on_one_axis(offset: float, iou: bool, quarter: bool) -> None:
    for diameter in (DIAMETER, 50.8475):  # IoU 0.6 is a shift of exactly d/4, which is not more than 0.6
        pick = [[50.0 + offset * diameter / DIAMETER, 80.0]]
        assert match(pick, [1.0], [[50.0, 80.0]], diameter, Criterion.IOU).is_true[0] == iou
        assert match(pick, [1.0], [[50.0, 80.0]], diameter, Criterion.QUARTER).is_true[0] == quarter


def test_the_most_confident_of_several_picks_takes_the_particle() -> None:
    picks = [[50.0, 80.0], [50.0, 82.0], [51.0, 80.0]]  # the first is the nearest
    for criterion in Criterion:
        matched = match(picks, [0.3, 0.8, np.nan], [[50.0, 80.0]], DIAMETER, criterion)
        assert matched.is_true.tolist() == [False, True, False]


def test_a_pick_takes_the_nearest_free_particle() -> None:
    truth = [[50.0, 80.0], [50.0, 83.0]]
    for criterion in Criterion:
        # Both picks are nearest to the second particle; the less confident one gets the first.
        matched = match([[50.0, 82.0], [50.0, 82.5]], [0.4, 0.9], truth, DIAMETER, criterion)
        assert matched.truth_index.tolist() == [0, 1]


def test_equal_scores_are_served_in_order() -> None:
    picks = [[50.0, 82.0], [50.0, 80.0]]
    assert match(picks, [0.5, 0.5], [[50.0, 80.0]], DIAMETER, Criterion.IOU).truth_index.tolist() == [0, -1]
    assert match(picks, [np.nan] * 2, [[50.0, 80.0]], DIAMETER, Criterion.IOU).truth_index.tolist() == [0, -1]


@pytest.mark.parametrize("criterion", Criterion)
def test_nothing_to_match(criterion: Criterion) -> None:
    assert match([], [], [[1.0, 2.0]], DIAMETER, criterion).is_true.shape == (0,)
    lonely = match([[1.0, 2.0], [3.0, 4.0]], [0.5, 0.6], [], DIAMETER, criterion)
    assert lonely.is_true.tolist() == [False, False]
    assert lonely.truth_index.tolist() == [-1, -1]


@pytest.mark.parametrize("diameter", [0.0, -1.0, np.nan, np.inf])
def test_diameter_must_be_positive(diameter: float) -> None:
    with pytest.raises(ParameterError, match="diameter"):
        match([[1.0, 2.0]], [1.0], [[1.0, 2.0]], diameter, Criterion.IOU)


@pytest.mark.parametrize("diameter", [1e-298, 0.05, 2e6, 1e300])
@pytest.mark.parametrize("criterion", Criterion)
def test_no_micrograph_has_such_a_particle(diameter: float, criterion: Criterion) -> None:
    with pytest.raises(ParameterError, match="check the diameter and the pixel size"):
        match([[1.0, 2.0]], [1.0], [[1.0, 2.0]], diameter, criterion)


def test_wrong_arrays_are_refused() -> None:
    with pytest.raises(ParameterError, match="2 picks, but 1 score"):
        match([[1.0, 2.0], [3.0, 4.0]], [1.0], [[1.0, 2.0]], DIAMETER, Criterion.IOU)
    with pytest.raises(ParameterError, match="shape"):
        match([[1.0, 2.0, 3.0]], [1.0], [[1.0, 2.0]], DIAMETER, Criterion.IOU)
    with pytest.raises(ParameterError, match="true particles must be finite"):
        match([[1.0, 2.0]], [1.0], [[1.0, np.nan]], DIAMETER, Criterion.IOU)


# A coarse grid, so that ties, duplicates and limits happen often.
_centres = st.integers(0, 9).flatmap(lambda n: arrays(np.float64, (n, 2), elements=st.integers(0, 24)))


@settings(deadline=None, max_examples=150)
@given(picks=_centres, truth=_centres, criterion=st.sampled_from(Criterion), data=st.data())
def test_same_as_brute_force(picks, truth, criterion, data) -> None:
    scores = st.sampled_from([0.1, 0.5, 0.9, np.nan])
    score = data.draw(arrays(np.float64, len(picks), elements=scores))
    matched = match(picks, score, truth, 20.0, criterion)
    np.testing.assert_array_equal(matched.truth_index, brute_force(picks, score, truth, 20.0, criterion))
    np.testing.assert_array_equal(matched.is_true, matched.truth_index >= 0)
