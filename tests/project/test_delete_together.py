"""Picks of several micrographs deleted as one step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.project.session import Session


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Two micrographs with three picks each, and one without."""
    made = Session()
    made.use(Project.create(tmp_path / "p.hydrapicker"))
    made.add_micrographs([Micrograph(tmp_path / f"{n}.mrc", (100, 200), 1.5) for n in "abc"])
    for number in (1, 2):
        made.put_picks(number, Picks([[10.0, 20.0], [50.0, 150.0], [80.0, 60.0]], [0.9, 0.8, 0.7]))
    yield made
    made.close()


def deleted(session: Session) -> list[int]:
    return [int(session.labels(number).deleted.sum()) for number in (1, 2, 3)]


def test_one_undo_takes_all_back_from_wherever(session: Session) -> None:
    ids = {number: session.labels(number).id for number in (1, 2)}
    assert session.delete_together({1: ids[1][:2], 2: ids[2][2:]}) == 3
    assert deleted(session) == [2, 1, 0]
    assert session.record(1).status is Status.CORRECTED
    assert session.undo(3)
    assert deleted(session) == [0, 0, 0]
    assert session.record(1).status is Status.PICKED
    assert session.redo(3)
    assert deleted(session) == [2, 1, 0]
    assert session.undo(2)
    assert deleted(session) == [0, 0, 0]


def test_it_is_in_the_file(session: Session, tmp_path: Path) -> None:
    session.delete_together({number: session.labels(number).id for number in (1, 2)})
    session.close()
    session.use(Project.open(tmp_path / "p.hydrapicker"))
    assert deleted(session) == [3, 3, 0]
    assert session.undo(1)  # after opening it is the micrograph that says what is undone
    assert deleted(session) == [0, 0, 0]


def test_what_was_changed_since_stays(session: Session) -> None:
    ids = {number: session.labels(number).id[:1] for number in (1, 2)}
    session.delete_together(ids)
    session.add(1, [[30.0, 100.0]])
    done = session.undo(2)
    assert done.left == (1,)
    assert deleted(session) == [1, 0, 0]


def test_nothing_to_delete_is_no_step(session: Session) -> None:
    ids = session.labels(1).id
    session.delete(1, ids[:1])
    assert session.delete_together({1: ids[:1], 3: ids}) == 0
    assert session.undo(1)
    assert deleted(session) == [0, 0, 0]
