"""Edits of an open project: what is logged, and what is written at one stroke."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_hydrapicker.errors import ProjectError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project.edits import EditKind
from napari_hydrapicker.project.labels import Labels
from napari_hydrapicker.project.open_project import OpenProject, plain_status
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import Status


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenProject]:
    """One micrograph, with three picks of a picker."""
    made = OpenProject()
    made._project = Project.create(tmp_path / "p.hydrapicker")
    made.add_micrographs([Micrograph(tmp_path / "a.mrc", (120, 250), 2.0)])
    picks = Picks(np.array([[10.0, 200.0], [30.0, 90.0], [70.0, 50.0]]), np.array([0.9, 0.6, 0.2]))
    for _ in made._taking_picks({made.records[0].id: (picks, 20.0)}):
        pass
    yield made
    made.project.close()


def test_what_changes_nothing_is_no_step_to_undo(opened: OpenProject) -> None:
    number = opened.records[0].id
    ids = opened.labels(number).id
    heard: list[int] = []
    opened.labels_changed.connect(heard.append)
    opened.delete(number, [])
    opened.delete(number, [999])
    opened.move(number, [], np.empty((0, 2)))
    opened.restore(number, ids)
    opened.add(number, np.empty((0, 2)))
    assert [edit.kind for edit in opened.project.edits(number)] == [EditKind.PICK]
    assert heard == []
    assert not opened.undo(number)
    opened.delete(number, ids[:1])
    opened.delete(number, ids[:1])
    assert opened.undo(number)
    assert not opened.labels(number).deleted.any(), "one step"


def test_an_edit_and_its_status_are_written_together(
    opened: OpenProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = opened.records[0].id
    before = opened.labels(number)

    def refuse(*_: Any) -> None:
        raise ProjectError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(opened.project, "set_status", refuse)
        with pytest.raises(ProjectError, match="full"):
            opened.delete(number, before.id[:1])
    assert opened.labels(number).equals(before)
    assert opened.project.labels(number).equals(before), "nor is it in the file"
    assert opened.record(number).status is Status.PICKED
    opened.delete(number, before.id[:1])
    assert opened.record(number).status is opened.project.micrographs()[0].status is Status.CORRECTED
    assert opened.undo(number)
    assert opened.record(number).status is opened.project.micrographs()[0].status is Status.PICKED
    assert opened.redo(number)
    assert opened.project.micrographs()[0].status is Status.CORRECTED


def test_the_word_of_the_user_outlasts_edits(opened: OpenProject) -> None:
    number = opened.records[0].id
    opened.project.set_status(number, Status.COMPLETE)
    opened._read_records()
    opened.add(number, [[50.0, 60.0]])
    assert opened.record(number).status is opened.project.micrographs()[0].status is Status.COMPLETE


def test_picks_speak_for_a_status(opened: OpenProject) -> None:
    labels = opened.labels(opened.records[0].id)
    assert plain_status(Labels.empty()) is Status.NEW
    assert plain_status(labels) is Status.PICKED
    assert (
        plain_status(Labels(labels.id, labels.yx, labels.score, labels.source, labels.id < 0))
        is Status.PICKED
    )
    gone = labels.id == labels.id[0]
    assert plain_status(Labels(labels.id, labels.yx, labels.score, labels.source, gone)) is Status.CORRECTED
