"""Transactions of a project file."""

import numpy as np
import pytest

from napari_hydrapicker.errors import ProjectError
from napari_hydrapicker.project import edits as corrections
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import Status


def _make_full(project: Project) -> None:
    (pages,) = project._db.execute("PRAGMA page_count").fetchone()
    project._db.execute(f"PRAGMA max_page_count = {pages}")


def _status(project: Project, number: int) -> Status:
    return next(record.status for record in project.micrographs() if record.id == number)


def test_what_belongs_together_is_written_together(project: Project) -> None:
    number = project.micrographs()[0].id
    with pytest.raises(KeyError), project.transaction():
        project.set_status(number, Status.COMPLETE)
        project.set_setting("threshold", 0.5)
        raise KeyError
    assert (_status(project, number), project.setting("threshold", None)) == (Status.NEW, None)
    with project.transaction():
        project.set_status(number, Status.COMPLETE)
        project.set_setting("threshold", 0.5)
    assert (_status(project, number), project.setting("threshold", None)) == (Status.COMPLETE, 0.5)


def test_a_full_disk_is_told_and_spoils_nothing(project: Project) -> None:
    number = project.micrographs()[0].id
    _make_full(project)
    many = np.zeros((20_000, 2)) + np.arange(20_000)[:, None]
    with pytest.raises(ProjectError, match=r"work.hydrapicker: cannot be written .*full"):
        project.commit(corrections.added(number, np.arange(20_000) + 5, many))
    assert not project._db.in_transaction
    assert len(project.labels(number)) == 0
    project._db.execute("PRAGMA max_page_count = 1000000")
    project.set_setting("after", 1)
    assert project.setting("after", 0) == 1


def test_together_is_refused_where_nothing_may_be_written(project: Project) -> None:
    second = Project.open(project.path)
    with pytest.raises(ProjectError, match="read-only"), second.transaction():
        pytest.fail("not reached")
    second.close()
    second.close()
