"""A picker's answer and the user's edits."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project import edits as corrections
from napari_hydrapicker.project.edits import far_from, is_edited, new_picks

from .conftest import make_labels


def test_edits_stay_and_new_picks_keep_away_from_them() -> None:
    untouched, rejected = make_labels([1, 2]), make_labels([40], deleted=True)
    manual = corrections.added(1, np.array([50]), [[200.0, 10.0]]).after
    labels = untouched.with_rows(rejected).with_rows(manual)
    yx = np.array([[41.0, 101.0], [200.0, 14.0], [200.0, 30.0], [5.0, 5.0]])
    edit = new_picks(1, labels, Picks(yx, np.array([0.9, 0.8, 0.7, 0.6])), np.arange(60, 64), 10.0)
    after = edit.apply(labels)
    assert after.id.tolist() == [40, 50, 62, 63]
    assert after.yx[-2:].tolist() == [[200, 30], [5, 5]]
    np.testing.assert_allclose(after.score[-2:], [0.7, 0.6])
    assert is_edited(after).tolist() == [True, True, False, False]


@given(
    st.lists(st.tuples(st.floats(0, 99), st.floats(0, 99)), max_size=8),
    st.lists(st.tuples(st.floats(0, 99), st.floats(0, 99)), max_size=8),
    st.floats(0.1, 50),
)
def test_far_means_farther_than_the_distance(
    some: list[tuple[float, float]], others: list[tuple[float, float]], distance: float
) -> None:
    a, b = np.array(some).reshape(-1, 2), np.array(others).reshape(-1, 2)
    far = far_from(a, b, distance)
    for centre, is_far in zip(a, far, strict=True):
        gap = min((np.hypot(*(centre - other)) for other in b), default=np.inf)
        assert is_far == (gap >= distance) or abs(gap - distance) < 1e-9
