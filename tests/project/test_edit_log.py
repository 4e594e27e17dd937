"""Undo and redo, across closing and reopening."""

import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.project import edits as corrections
from napari_hydrapicker.project.edits import Edit, EditKind
from napari_hydrapicker.project.labels import Labels
from napari_hydrapicker.project.project import Project

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
        assert project.undo(number) is not None
        assert project.labels(number).equals(state)
    assert project.undo(number) is None, "picking is no edit by hand"
    for state in states[1:]:
        assert project.redo(number) is not None
        assert project.labels(number).equals(state)
    assert project.redo(number) is None


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
            assert project.undo(number) is None
        with closing(Project.open(path)) as project:
            assert project.labels(number).equals(first)
            for state in states[1:]:
                project.redo(number)
                assert project.labels(number).equals(state)
            assert project.redo(number) is None


def test_undo_survives_reopening(project: Project, reopened: Callable[[], Project]) -> None:
    number = project.micrographs()[0].id
    for n in (1, 2):
        project.commit(Edit(number, EditKind.ADD, Labels.empty(), make_labels([n])))
    project.undo(number)
    again = reopened()
    assert again.labels(number).id.tolist() == [1]
    assert again.redo(number) is not None
    assert again.labels(number).id.tolist() == [1, 2]


def test_a_new_edit_ends_redoing_but_nothing_is_forgotten(project: Project) -> None:
    number = project.micrographs()[0].id
    for n in (1, 2):
        project.commit(Edit(number, EditKind.ADD, Labels.empty(), make_labels([n])))
    project.undo(number)
    project.commit(Edit(number, EditKind.ADD, Labels.empty(), make_labels([7])))
    assert project.redo(number) is None
    assert project.labels(number).id.tolist() == [1, 7]
    assert [edit.after.id.tolist() for edit in project.edits(number)] == [[1], [2], [7]]


def test_micrographs_have_histories_of_their_own(project: Project) -> None:
    first, second = (record.id for record in project.micrographs()[:2])
    project.commit(Edit(first, EditKind.ADD, Labels.empty(), make_labels([1])))
    project.commit(Edit(second, EditKind.ADD, Labels.empty(), make_labels([2])))
    project.undo(first)
    assert len(project.labels(first)) == 0
    assert project.labels(second).id.tolist() == [2]
