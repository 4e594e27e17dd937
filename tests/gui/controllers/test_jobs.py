"""What picking and training jobs have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_hydrapicker.gui.controllers.jobs import Jobs
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.worker.messages import Broken, Finished, Message, Ready, TrainRequest

Wait = Callable[..., None]


class Listening(Jobs):
    """Jobs that only listen."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, 5)
        self.heard: list[Message] = []
        self.projects = 0

    def begin(self, job: int) -> None:
        self._job = job
        self._send(TrainRequest(job, "mine", (), 100.0, None, "cpu", (), False, "note"))

    def _poll(self) -> None:
        self.heard += self._messages()

    def _on_project(self) -> None:
        self.projects += 1


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A session with an open project."""
    made = Session()
    made.use(Project.create(tmp_path / "p.hydrapicker"))
    yield made
    made.close()


@pytest.fixture
def jobs(qapp_exists: None, session: Session, double: Any) -> Iterator[Listening]:
    """Jobs with a double for the child."""
    made = Listening(session)
    made._child = double
    yield made
    made.close()


def test_what_belongs_to_another_job_is_not_heard(jobs: Listening, double: Any, wait: Wait) -> None:
    assert not jobs.running
    jobs.begin(4)
    assert jobs.running
    double.says = [Finished(3, True), Ready("CPU", 0.5), Broken("it is gone"), Finished(4, False)]
    wait(lambda: len(jobs.heard) == 3)
    assert jobs.heard == [Ready("CPU", 0.5), Broken("it is gone"), Finished(4, False)]


def test_cancelling_and_closing_are_passed_on(jobs: Listening, double: Any) -> None:
    jobs.cancel()
    assert double.cancelled == []
    jobs.begin(4)
    jobs.cancel()
    assert double.cancelled == [4]
    jobs.close()
    assert double.ended == ["closed"]
    assert not jobs.running


def test_another_project_is_noticed_once(jobs: Listening, session: Session, tmp_path: Path) -> None:
    session.add_micrographs([Micrograph(tmp_path / "a.mrc", (100, 200), 1.5)])
    assert jobs.projects == 0
    session.use(Project.create(tmp_path / "q.hydrapicker"))
    assert jobs.projects == 2  # the one is closed, the other opened
