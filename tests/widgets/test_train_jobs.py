"""Training jobs as the window sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_hydrapicker.background.messages import Broken, Finished, Trained, Training, TrainRequest
from napari_hydrapicker.micrograph import Micrograph
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.session import Session
from napari_hydrapicker.widgets.train_jobs import TrainJobs

Wait = Callable[..., None]


@pytest.fixture
def jobs(tmp_path: Path, qapp_exists: None, double: Any) -> Iterator[TrainJobs]:
    """Jobs of a session with one corrected micrograph."""
    session = Session()
    session.use(Project.create(tmp_path / "p.hydrapicker"))
    session.add_micrographs([Micrograph(tmp_path / "a.mrc", (100, 200), 1.5)])
    session.add(session.records[0].id, [[20.0, 150.0]])
    session.update(diameter_angstrom=99.0, device="cpu")
    made = TrainJobs(session)
    made._child = double
    yield made
    made.close()
    session.close()


def ends(jobs: TrainJobs) -> list[tuple[bool, str]]:
    told: list[tuple[bool, str]] = []
    jobs.finished.connect(lambda cancelled, problem: told.append((cancelled, problem)))
    return told


def test_corrections_go_out_and_progress_comes_back(jobs: TrainJobs, tmp_path: Path, wait: Wait) -> None:
    told, heard = ends(jobs), []
    jobs.progressed.connect(heard.append)
    jobs.trained.connect(heard.append)
    jobs.train("mine", [tmp_path / "lib"])
    jobs.train("again", [])  # one at a time
    child: Any = jobs._child
    (request,) = child.sent
    assert isinstance(request, TrainRequest)
    assert (request.name, request.diameter_angstrom, request.device) == ("mine", 99.0, "cpu")
    assert request.libraries == (str(tmp_path / "lib"),)
    assert request.micrographs[0].yx == ((20.0, 150.0),)
    progress = Training(request.job, "training", 5, 100, 2.0, 0.5, None)
    trained = Trained(request.job, "mine", 0.7, 0.8, True, 100, 60.0)
    child.says = [Training(request.job - 1, "old", 1, 1, 1.0, None, None), progress, trained]
    wait(lambda: len(heard) == 2)
    assert heard == [progress, trained]
    assert jobs.running
    child.says = [Finished(request.job, False)]
    wait(lambda: bool(told))
    assert told == [(False, "")]
    assert not jobs.running


def test_cancelling_is_passed_on(jobs: TrainJobs, wait: Wait) -> None:
    told = ends(jobs)
    jobs.cancel()
    jobs.train("mine", [])
    jobs.cancel()
    child: Any = jobs._child
    assert child.cancelled == [1]
    child.says = [Finished(1, True)]
    wait(lambda: told == [(True, "")])


def test_a_broken_process_is_told_of_in_words(jobs: TrainJobs, wait: Wait) -> None:
    told = ends(jobs)
    jobs.train("mine", [])
    child: Any = jobs._child
    child.says = [Broken("the background process was killed")]
    wait(lambda: told == [(False, "the background process was killed")])
    assert not jobs.running
