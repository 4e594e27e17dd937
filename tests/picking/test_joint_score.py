"""Votes and silences as one probability."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from napari_hydrapicker.picking.consensus import DOUBT, joint_score

SILENT = np.nan
EVEN = np.ones(2)


def test_by_hand() -> None:
    score = joint_score(np.array([[0.9, 0.6], [0.4, SILENT]]), EVEN)
    # The second has 0.9 of the 0.9 + 0.4 that the first has; one more pick in the denominator.
    odds = 0.4 / 0.6 * (1 - 0.9 / (1 + 1.3))
    assert score == pytest.approx([expit((logit(0.9) + logit(0.6)) / 2), odds / (1 + odds)])


def test_silence_of_a_list_that_finds_everything_weighs_more() -> None:
    thorough = np.array([[0.8, 0.8]] * 12 + [[0.8, SILENT]])
    sparse = np.array([[0.8, 0.8]] * 3 + [[0.8, SILENT]] * 10)
    assert joint_score(thorough, EVEN)[-1] < joint_score(sparse, EVEN)[-1] < 0.8


def test_nothing_is_certain() -> None:
    score = joint_score(np.array([[1.0, 1.0], [0.0, 0.0]]), EVEN)
    assert score == pytest.approx([1 - DOUBT, DOUBT])


def test_a_weight_is_a_share_of_the_average() -> None:
    both = np.array([[0.8, 0.2]])
    assert joint_score(both, EVEN) == pytest.approx([0.5])
    assert joint_score(both, np.array([1.0, 3.0])) == pytest.approx(
        [expit((logit(0.8) + 3 * logit(0.2)) / 4)]
    )


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1) | st.just(SILENT)), min_size=1, max_size=20))
def test_silence_never_raises_a_score(rows: list[tuple[float, float]]) -> None:
    probability = np.array(rows)
    score = joint_score(probability, EVEN)
    alone = np.isnan(probability[:, 1])
    assert ((score >= 0) & (score <= 1)).all()
    assert (score[alone] <= np.clip(probability[alone, 0], DOUBT, 1 - DOUBT) + 1e-12).all()
