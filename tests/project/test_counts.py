"""Counts that follow a threshold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_hydrapicker.project import edits as corrections
from napari_hydrapicker.project.labels import Labels, ScoreTable, is_shown

from .conftest import any_labels, make_labels


@given(any_labels(), st.floats(0, 1))
def test_the_table_counts_what_is_shown(labels: Labels, threshold: float) -> None:
    table = ScoreTable()
    table.set(7, labels)
    assert table.count(7, threshold) == is_shown(labels, threshold).sum()


def test_a_threshold_hides_scores_below_it_and_deleted_picks() -> None:
    labels = make_labels([20, 50, 80]).with_rows(make_labels([90], deleted=True))
    assert is_shown(labels, 0.5).tolist() == [False, True, True, False]


def test_what_the_user_put_there_is_always_shown() -> None:
    moved = corrections.moved(1, make_labels([20]), [[1.0, 2.0]]).after
    manual = corrections.added(1, np.array([30]), [[5.0, 6.0]]).after
    assert is_shown(moved.with_rows(manual), 1.0).all()


def test_means_and_scores_leave_out_what_has_no_score() -> None:
    table = ScoreTable()
    table.set(1, make_labels([20, 80]).with_rows(corrections.added(1, np.array([300]), [[5.0, 6.0]]).after))
    table.set(2, make_labels([60]))
    assert table.mean(1, 0.0) == pytest.approx(0.5)
    assert table.mean(1, 0.5) == pytest.approx(0.8)
    assert np.isnan(table.mean(3, 0.0))
    np.testing.assert_allclose(sorted(table.scores()), [0.2, 0.6, 0.8])
    np.testing.assert_allclose(table.scores(2), [0.6])
    table.forget(2)
    assert table.count(2, 0.0) == 0
