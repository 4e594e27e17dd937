"""Training jobs as the window sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_hydrapicker.errors import ProjectError
from napari_hydrapicker.gui.controllers.lasting_jobs import TrainJobs
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.worker.job_directory import JobDirectory
from napari_hydrapicker.worker.messages import Broken, Finished, JobStatus, Trained, Training, TrainRequest

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


def directory(project: Path) -> JobDirectory:
    """Of the project's training of a head, begun or not."""
    made = JobDirectory.of(project, "training", "mine")
    made.folder.mkdir(parents=True, exist_ok=True)
    return made


def ends(jobs: TrainJobs) -> list[tuple[bool, str]]:
    told: list[tuple[bool, str]] = []
    jobs.finished.connect(lambda cancelled, problem: told.append((cancelled, problem)))
    return told


def test_corrections_go_out_and_progress_comes_back(jobs: TrainJobs, tmp_path: Path, wait: Wait) -> None:
    told, heard = ends(jobs), []
    jobs.progressed.connect(heard.append)
    jobs.trained.connect(heard.append)
    jobs.train("mine", [tmp_path / "lib"])
    with pytest.raises(ProjectError, match="under way"):  # one at a time
        jobs.train("again", [])
    child: Any = jobs._child
    (request,) = child.sent
    assert isinstance(request, TrainRequest)
    assert (request.name, request.diameter_angstrom, request.device) == ("mine", 99.0, "cpu")
    assert request.libraries == (str(tmp_path / "lib"),)
    assert request.micrographs[0].yx.tolist() == [[20.0, 150.0]]
    progress = Training(request.job, "training", 5, 100, 2.0, 0.5, None)
    trained = Trained(request.job, "mine", 0.7, 0.8, True, 100, 60.0)
    assert request.folder == directory(jobs._session.project.path).folder
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
    child.says = [Broken("the worker process was killed")]
    wait(lambda: told == [(False, "Head 'mine' was not trained: the worker process was killed")])
    assert not jobs.running
    assert directory(jobs._session.project.path).read() is None, "it is told"
    jobs.train("again", [])
    assert jobs.running


def test_closing_leaves_the_training_to_itself(jobs: TrainJobs) -> None:
    jobs.train("mine", [])
    child: Any = jobs._child
    job = directory(jobs._session.project.path)
    jobs.close()
    jobs.close()
    assert child.ended == ["left", "closed", "closed"]
    assert job.read() == JobStatus(), "for whoever opens the project before its process is up"


def test_closing_ends_one_that_was_cancelled(jobs: TrainJobs) -> None:
    jobs.train("mine", [])
    child: Any = jobs._child
    child.cancelling = True
    job = directory(jobs._session.project.path)
    jobs.close()
    assert "left" not in child.ended
    assert job.read() is None


def test_another_project_has_nothing_to_do_with_it(jobs: TrainJobs, tmp_path: Path, wait: Wait) -> None:
    left: list[str] = []
    found: list[Trained] = []
    resumed: list[str] = []
    jobs.left.connect(left.append)
    jobs.found.connect(found.append)
    jobs.trained.connect(lambda _: pytest.fail("it is not to be taken for the open project's"))
    jobs.resumed.connect(resumed.append)
    told = ends(jobs)
    jobs.train("mine", [])
    job = directory(jobs._session.project.path)
    jobs._session.use(Project.create(tmp_path / "q.hydrapicker"))
    child: Any = jobs._child
    assert (left, child.ended, jobs.running) == (["mine"], ["left"], False)
    job.hold()  # as the process does
    job.write(JobStatus(progress=Training(1, "training", 5, 100, 2.0, 0.5, None)))
    jobs._session.use(Project.open(tmp_path / "p.hydrapicker"))
    wait(lambda: bool(resumed))
    with pytest.raises(ProjectError, match="under way"):
        jobs.train("other", [])
    trained = Trained(1, "mine", 0.7, 0.8, True, 100, 60.0)
    job.write(JobStatus(outcome=trained))
    job.release()
    wait(lambda: bool(told))
    assert [one.name for one in found] == resumed == ["mine"]
    assert told == [(False, "")]
    assert job.read() is None
    jobs.train("other", [])
    assert jobs.running


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (JobStatus(problem="memory ran out"), "Head 'mine' was not trained: memory ran out"),
        (JobStatus(progress=Training(1, "features", 0, 0, 0.0, None, None)), "was killed"),
    ],
)
def test_a_training_that_failed_meanwhile_is_told_on_opening(
    jobs: TrainJobs, tmp_path: Path, wait: Wait, status: JobStatus, words: str
) -> None:
    told = ends(jobs)
    jobs._session.close()
    job = directory(tmp_path / "p.hydrapicker")
    job.write(status)
    jobs._session.use(Project.open(tmp_path / "p.hydrapicker"))
    wait(lambda: bool(told))
    ((cancelled, problem),) = told
    assert not cancelled
    assert words in problem
    assert job.read() is None


def test_a_training_of_before_can_be_cancelled(jobs: TrainJobs, tmp_path: Path, wait: Wait) -> None:
    told = ends(jobs)
    jobs._session.close()
    job = directory(tmp_path / "p.hydrapicker")
    job.hold()
    job.write(JobStatus(progress=Training(1, "features", 1, 2, 3.0, None, None)))
    jobs._session.use(Project.open(tmp_path / "p.hydrapicker"))
    jobs.cancel()
    assert job.is_cancelled()
    job.forget()
    job.release()
    wait(lambda: told == [(True, "")])


def test_who_only_looks_at_a_project_leaves_its_status_alone(jobs: TrainJobs, tmp_path: Path) -> None:
    job = directory(jobs._session.project.path)
    job.write(JobStatus(problem="memory ran out"))
    second = Session()
    second.use(Project.open(tmp_path / "p.hydrapicker"))
    assert second.read_only
    looking = TrainJobs(second)
    looking._on_project()
    assert not looking.running
    looking.close()
    second.close()
