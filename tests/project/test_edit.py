"""Edits: applied and taken back."""

from hypothesis import given

from napari_hydrapicker.project.edits import Edit, EditKind, Scoring
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


def test_all_but_picking_can_be_undone() -> None:
    assert {kind for kind in EditKind if not kind.undoable} == {EditKind.PICK}


def test_whose_scores_there_were_returns_too() -> None:
    scoring = (Scoring("hydra/generic", 0.4), Scoring("imported/a.csv", 0.0))
    edit = Edit(1, EditKind.IMPORT, make_labels([1]), make_labels([2]), scoring)
    assert edit.inverse().scoring == scoring[::-1]
