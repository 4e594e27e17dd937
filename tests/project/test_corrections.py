"""What edits by hand do to scores, sources and marks."""

import numpy as np

from napari_hydrapicker.picks import Source
from napari_hydrapicker.project import edits as corrections
from napari_hydrapicker.project.labels import Labels

from .conftest import make_labels


def test_an_added_pick_is_certain() -> None:
    after = corrections.added(1, np.array([8, 9]), [[3.0, 70.0], [4.5, 80.0]]).after
    assert after.yx.tolist() == [[3.0, 70.0], [4.5, 80.0]]
    assert after.score.tolist() == [1, 1]
    assert after.source.tolist() == [Source.MANUAL, Source.MANUAL]


def test_a_moved_pick_loses_its_score_but_a_manual_one_does_not() -> None:
    manual = corrections.added(1, np.array([8]), [[3.0, 70.0]]).after
    both = make_labels([5]).with_rows(manual)
    after = corrections.moved(1, both, [[10.0, 20.0], [11.0, 21.0]]).after
    assert after.yx.tolist() == [[10, 20], [11, 21]]
    assert np.isnan(after.score[0])
    assert after.score[1] == 1
    assert after.source.tolist() == [Source.MOVED, Source.MANUAL]


def test_a_deleted_pick_stays_as_a_negative_and_a_manual_one_vanishes() -> None:
    manual = corrections.added(1, np.array([8]), [[3.0, 70.0]]).after
    both = make_labels([5]).with_rows(manual)
    edit = corrections.deleted(1, both)
    left = edit.apply(both)
    assert left.id.tolist() == [5]
    assert left.deleted.tolist() == [True]
    assert edit.inverse().apply(left).equals(both)


def test_restoring_takes_the_mark_away() -> None:
    rejected = make_labels([5, 6], deleted=True)
    assert corrections.restored(1, rejected).apply(rejected).equals(make_labels([5, 6]))


def test_nothing_to_delete_changes_nothing() -> None:
    assert len(corrections.deleted(1, Labels.empty()).apply(Labels.empty())) == 0
