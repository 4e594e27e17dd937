"""Edits: applied and taken back."""

from hypothesis import given

from napari_hydrapicker.project.edits import Edit, EditKind
from napari_hydrapicker.project.labels import Labels

from .conftest import any_labels, make_labels


@given(any_labels(), any_labels())
def test_the_inverse_takes_an_edit_back(labels: Labels, new: Labels) -> None:
    # An edit that adds and changes rows, and removes every second old one.
    before = labels.rows(new.id).with_rows(labels.rows(labels.id[::2]))
    edit = Edit(1, EditKind.MOVE, before, new)
    assert edit.inverse().apply(edit.apply(labels)).equals(labels)


def test_an_edit_replaces_rows() -> None:
    edit = Edit(1, EditKind.MOVE, make_labels([2]), make_labels([2], offset=0.5))
    after = edit.apply(make_labels([1, 2, 3]))
    assert after.yx.tolist() == [[1, 2.5], [2.5, 5.5], [3, 7.5]]


def test_only_edits_by_hand_can_be_undone() -> None:
    by_hand = {kind for kind in EditKind if kind.by_hand}
    assert by_hand == {EditKind.ADD, EditKind.MOVE, EditKind.DELETE, EditKind.RESTORE}
