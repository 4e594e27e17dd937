"""Labels: rows by number, and their bytes on disk."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picks import Source
from napari_hydrapicker.project.labels import ROW, Labels

from .conftest import any_labels, make_labels


@given(any_labels())
def test_bytes_hold_every_row(labels: Labels) -> None:
    back = Labels.from_bytes(labels.to_bytes())
    assert back.equals(labels)
    np.testing.assert_array_equal(back.yx, labels.yx)
    np.testing.assert_array_equal(back.score, labels.score)


@given(any_labels(), st.integers(1, ROW.itemsize - 1))
def test_half_a_row_is_refused(labels: Labels, extra: int) -> None:
    with pytest.raises(ParameterError, match="no whole number"):
        Labels.from_bytes(labels.to_bytes() + b"\0" * extra)


@given(any_labels(), any_labels())
def test_rows_replace_those_of_the_same_number(old: Labels, new: Labels) -> None:
    both = old.with_rows(new)
    assert set(both.id) == set(old.id) | set(new.id)
    assert both.rows(new.id).equals(new)
    assert both.without(new.id).equals(old.without(new.id))
    assert (np.diff(both.id) > 0).all()


def test_rows_are_ordered_by_number() -> None:
    labels = make_labels([30, 4, 17])
    assert labels.id.tolist() == [4, 17, 30]
    assert labels.yx.tolist() == [[4, 10], [17, 42.5], [30, 75]]


def test_a_number_cannot_occur_twice() -> None:
    with pytest.raises(ParameterError, match="same number"):
        make_labels([3, 3])


def test_columns_must_agree() -> None:
    with pytest.raises(ParameterError, match="score has 1 row"):
        Labels(np.array([1, 2]), np.zeros((2, 2)), np.zeros(1), np.zeros(2), np.zeros(2))


def test_picks_come_by_falling_score_and_keep_their_source() -> None:
    labels = make_labels([10, 90, 50])
    picks = labels.to_picks(np.array([True, False, True]))
    assert picks.yx.tolist() == [[90, 225], [10, 25]]
    assert picks.source.tolist() == [Source.PICKER, Source.PICKER]


def test_columns_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        make_labels([1]).yx[0, 0] = 5
