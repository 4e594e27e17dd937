"""Undo and redo, across closing and reopening."""

import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.project import edits as corrections
from napari_hydrapicker.project.edits import Edit, EditKind, Scoring
from napari_hydrapicker.project.labels import Labels
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import Status

from .conftest import make_labels


def _random_edit(project: Project, micrograph: int, choice: int) -> Edit:
    """Add two, move the first, or delete the last; what there is decides."""
    labels = project.labels(micrograph)
    if choice == 0 or not len(labels):
        return Edit(
            micrograph, EditKind.ADD, Labels.empty(), make_labels(project.new_ids(2).tolist(), offset=choice)
        )
    if choice == 1:
        first = labels.rows(labels.id[:1])
        return Edit(micrograph, EditKind.MOVE, first, make_labels(first.id.tolist(), offset=3.25))
    return Edit(micrograph, EditKind.DELETE, labels.rows(labels.id[-1:]), Labels.empty())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(choices=st.lists(st.integers(0, 2), min_size=1, max_size=8))
def test_undoing_all_leads_back_and_redoing_all_leads_forth(project: Project, choices: list[int]) -> None:
    number = project.micrographs()[0].id
    project.commit(
        Edit(number, EditKind.PICK, project.labels(number), make_labels(project.new_ids(3).tolist()))
    )
    states = [project.labels(number)]
    for choice in choices:
        project.commit(_random_edit(project, number, choice))
        states.append(project.labels(number))
    for state in reversed(states[:-1]):
        assert project.undo(number)
        assert project.labels(number).equals(state)
    assert not project.undo(number), "picking is no edit by hand"
    for state in states[1:]:
        assert project.redo(number)
        assert project.labels(number).equals(state)
    assert not project.redo(number)


def _correct(project: Project, number: int, kind: str, place: int) -> None:
    labels = project.labels(number)
    alive, dead = labels.id[~labels.deleted], labels.id[labels.deleted]
    some = (dead if kind == "restore" else alive)[place % 3 :: 2]
    if kind == "add":
        project.commit(corrections.added(number, project.new_ids(2), [[place, 2.5 * place], [7, place]]))
    elif kind == "move":
        yx = labels.rows(some).yx + np.array([0.25, place])
        project.commit(corrections.moved(number, labels.rows(some), yx))
    elif kind == "delete":
        project.commit(corrections.deleted(number, labels.rows(some)))
    else:
        project.commit(corrections.restored(number, labels.rows(some)))


@settings(max_examples=20, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["add", "move", "delete", "restore"]), st.integers(0, 400)),
        min_size=1,
        max_size=8,
    ),
    undone=st.integers(0, 8),
)
def test_corrections_are_undone_and_redone_across_reopening(
    steps: list[tuple[str, int]], undone: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.hydrapicker"
        with closing(Project.create(path)) as project:
            project.add_micrographs([Micrograph(Path(folder) / "m1.mrc", (300, 470), 1.5)])
            number = project.micrographs()[0].id
            first = make_labels(project.new_ids(5).tolist())
            project.commit(Edit(number, EditKind.PICK, Labels.empty(), first))
            states = [project.labels(number)]
            for kind, place in steps:
                _correct(project, number, kind, place)
                states.append(project.labels(number))
            for _ in range(undone):  # some before closing, the rest after
                project.undo(number)
        left = max(0, len(steps) - undone)
        with closing(Project.open(path)) as project:
            assert project.labels(number).equals(states[left])
            for state in reversed(states[:left]):
                project.undo(number)
                assert project.labels(number).equals(state)
            assert not project.undo(number)
        with closing(Project.open(path)) as project:
            assert project.labels(number).equals(first)
            for state in states[1:]:
                project.redo(number)
                assert project.labels(number).equals(state)
            assert not project.redo(number)


def test_undo_survives_reopening(project: Project, reopened: Callable[[], Project]) -> None:
    number = project.micrographs()[0].id
    for n in (1, 2):
        project.commit(Edit(number, EditKind.ADD, Labels.empty(), make_labels([n])))
    project.undo(number)
    again = reopened()
    assert again.labels(number).id.tolist() == [1]
    assert again.redo(number)
    assert again.labels(number).id.tolist() == [1, 2]


def test_a_new_edit_ends_redoing_but_nothing_is_forgotten(project: Project) -> None:
    number = project.micrographs()[0].id
    for n in (1, 2):
        project.commit(Edit(number, EditKind.ADD, Labels.empty(), make_labels([n])))
    project.undo(number)
    project.commit(Edit(number, EditKind.ADD, Labels.empty(), make_labels([7])))
    assert not project.redo(number)
    assert project.labels(number).id.tolist() == [1, 7]
    assert [edit.after.id.tolist() for edit in project.edits(number)] == [[1], [2], [7]]


def test_micrographs_have_histories_of_their_own(project: Project) -> None:
    first, second = (record.id for record in project.micrographs()[:2])
    project.commit(Edit(first, EditKind.ADD, Labels.empty(), make_labels([1])))
    project.commit(Edit(second, EditKind.ADD, Labels.empty(), make_labels([2])))
    project.undo(first)
    assert len(project.labels(first)) == 0
    assert project.labels(second).id.tolist() == [2]


AS_IT_WAS = """
DROP INDEX edit_of_batch;
ALTER TABLE edit DROP COLUMN batch;
ALTER TABLE edit DROP COLUMN scoring;
"""


def _imported(project: Project, *first_ids: int) -> list[int]:
    """Import two picks on each of as many micrographs, numbered from these on; returns the micrographs."""
    numbers = [record.id for record in project.micrographs()][: len(first_ids)]
    batch = project.new_batch()
    for number, first in zip(numbers, first_ids, strict=True):
        scoring = Scoring(), Scoring("imported/t.csv")
        new = make_labels([first, first + 1])
        project.commit(Edit(number, EditKind.IMPORT, project.labels(number), new, scoring), batch)
    return numbers


def test_an_import_is_undone_and_redone_on_all_its_micrographs(
    project: Project, reopened: Callable[[], Project]
) -> None:
    first, second, *_ = (record.id for record in project.micrographs())
    project.commit(Edit(first, EditKind.PICK, Labels.empty(), make_labels([1])))
    _imported(project, 10, 20)
    done = reopened().undo(second)
    assert (done.is_import, done.left) == (True, ())
    assert [edit.micrograph_id for edit in done.edits] == [first, second]
    again = reopened()
    assert again.labels(first).equals(make_labels([1]))
    assert len(again.labels(second)) == 0
    assert not again.undo(first), "a picking"
    assert not again.undo(second)
    done = again.redo(first)
    assert {edit.micrograph_id: edit.after.id.tolist() for edit in done.edits} == {
        first: [10, 11],
        second: [20, 21],
    }
    assert done.edits[0].scoring == (Scoring(), Scoring("imported/t.csv"))
    assert again.labels(second).id.tolist() == [20, 21]


def test_what_was_done_after_an_import_stays(project: Project) -> None:
    first, second = _imported(project, 10, 20)
    project.commit(corrections.deleted(second, make_labels([21])))
    done = project.undo(first)
    assert ([edit.micrograph_id for edit in done.edits], done.left) == ([first], (second,))
    assert len(project.labels(first)) == 0
    assert project.labels(second).id.tolist() == [20, 21]
    assert project.undo(second).edits[0].kind is EditKind.DELETE
    assert [edit.micrograph_id for edit in project.undo(second).edits] == [second], "now the rest of it"
    assert len(project.labels(second)) == 0
    assert [edit.micrograph_id for edit in project.redo(second).edits] == [first, second]
    assert project.labels(second).id.tolist() == [20, 21]


def test_an_import_is_not_redone_where_something_else_was_done_since(project: Project) -> None:
    first, second = _imported(project, 10, 20)
    project.undo(first)
    project.commit(Edit(second, EditKind.ADD, Labels.empty(), make_labels([30])))
    assert not project.redo(second)
    done = project.redo(first)
    assert ([edit.micrograph_id for edit in done.edits], done.left) == ([first], (second,))
    assert project.labels(second).id.tolist() == [30]


def test_two_imports_are_two_steps(project: Project) -> None:
    first, second = _imported(project, 10, 20)
    _imported(project, 30, 40)
    project.undo(second)
    assert [project.labels(number).id.tolist() for number in (first, second)] == [[10, 11], [20, 21]]
    project.undo(first)
    assert [len(project.labels(number)) for number in (first, second)] == [0, 0]


def test_an_import_stays_where_the_user_has_marked_complete_since(project: Project) -> None:
    first, second = _imported(project, 10, 20)
    project.set_status(second, Status.COMPLETE)
    done = project.undo(second)
    assert [edit.micrograph_id for edit in done.edits] == [first]
    assert done.left == (second,)
    assert project.labels(second).id.tolist() == [20, 21], "else the mark would make background of them"
    done = project.undo(second)
    assert (bool(done), done.left) == (False, (second,))


def test_an_import_by_an_older_version_is_not_undone(project: Project) -> None:
    """What it changed besides the picks is not known; the project gets what it lacks, and works on."""
    number = project.micrographs()[0].id
    project.commit(Edit(number, EditKind.IMPORT, Labels.empty(), make_labels([1])))
    project.commit(Edit(number, EditKind.ADD, Labels.empty(), make_labels([2])))
    project.close()
    with closing(sqlite3.connect(project.path)) as old:
        old.executescript(AS_IT_WAS)
    with closing(Project.open(project.path)) as again:
        assert again.undo(number)
        assert not again.undo(number)
        assert again.labels(number).id.tolist() == [1]
        first, _ = _imported(again, 10, 20)
        assert len(again.undo(first).edits) == 2
        assert again.labels(first).id.tolist() == [1]


def test_an_older_project_that_is_read_only_is_shown(project: Project) -> None:
    number = project.micrographs()[0].id
    project.commit(Edit(number, EditKind.IMPORT, Labels.empty(), make_labels([1])))
    project._db.executescript(AS_IT_WAS)
    with closing(Project.open(project.path)) as second:  # the first holds it
        assert second.read_only
        assert second.labels(number).id.tolist() == [1]
        assert len(second.edits(number)) == 1
