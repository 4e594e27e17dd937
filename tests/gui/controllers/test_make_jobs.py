"""Making a picker as the window sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_hydrapicker.errors import ParameterError, ProjectError
from napari_hydrapicker.gui.controllers.making import MakeJobs
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.worker.job_directory import CHECKPOINT, JobDirectory
from napari_hydrapicker.worker.messages import Broken, Finished, JobStatus, Made, MakeRequest, Training

Wait = Callable[..., None]


@pytest.fixture
def jobs(
    tmp_path: Path, qapp_exists: None, double: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeJobs]:
    monkeypatch.setenv("HYDRAPICKER_HOME", str(tmp_path / "home"))
    session = Session()
    session.use(Project.create(tmp_path / "p.hydrapicker"))
    session.add_micrographs([Micrograph(tmp_path / "a.mrc", (100, 200), 1.5)])
    session.update(diameter_angstrom=99.0, device="cpu")
    made = MakeJobs(session)
    made._child = double
    yield made
    made.close()
    session.close()


def directory(jobs: MakeJobs, name: str) -> JobDirectory:
    return JobDirectory.of(jobs._session.project.path, "making", name)


def checkpoint(jobs: MakeJobs, name: str) -> Path:
    """What the process leaves after its first steps."""
    work = directory(jobs, name).work
    work.mkdir(parents=True)
    path = work / CHECKPOINT
    path.touch()
    return path


def end(jobs: MakeJobs, wait: Wait, *messages: object) -> tuple[bool, str]:
    told: list[tuple[bool, str]] = []
    jobs.finished.connect(lambda cancelled, problem: told.append((cancelled, problem)))
    jobs._child.says = list(messages)  # type: ignore[attr-defined]
    wait(lambda: bool(told))
    return told[0]


def test_what_is_asked_for_goes_out_and_the_picker_comes_back(
    jobs: MakeJobs, tmp_path: Path, wait: Wait
) -> None:
    heard: list[object] = []
    jobs.progressed.connect(heard.append)
    jobs.trained.connect(heard.append)
    jobs.make("mine", 80, 400)
    with pytest.raises(ProjectError, match="under way"):
        jobs.make("other", None, 400)
    with pytest.raises(ProjectError, match="under way"):
        jobs.discard("mine")
    (request,) = jobs._child.sent  # type: ignore[attr-defined]
    assert isinstance(request, MakeRequest)
    assert (request.name, request.number, request.steps, request.diameter_angstrom) == ("mine", 80, 400, 99.0)
    assert [Path(one.path).name for one in request.micrographs] == ["a.mrc"]
    folders = (str(tmp_path / "p.hydrapicker-generators"), str(tmp_path / "home" / "generators"))
    assert request.libraries == folders
    assert request.folder == directory(jobs, "mine").folder
    assert directory(jobs, "mine").read() == JobStatus()
    progress = Training(1, "training", 20, 400, 9.0, 0.5, None)
    made = Made(1, "mine", 0.9, 0.8, 1, 400, 99.0)
    assert end(jobs, wait, progress, made, Finished(1, False)) == (False, "")
    assert heard == [progress, made]


def test_a_cancelled_one_is_gone_on_with_as_it_was_begun(jobs: MakeJobs, wait: Wait) -> None:
    jobs.make("mine", 80, 400)
    checkpoint(jobs, "mine")
    assert end(jobs, wait, Finished(1, True)) == (True, "")
    assert jobs.unfinished("mine") is not None
    assert jobs.unfinished("other") is jobs.unfinished("not a name!") is None
    jobs._session.update(diameter_angstrom=50.0)
    jobs.make("mine", None, 4000)
    again = jobs._child.sent[-1]  # type: ignore[attr-defined]
    assert (again.job, again.number, again.steps, again.diameter_angstrom) == (2, 80, 400, 99.0)


def test_one_that_is_discarded_begins_anew(jobs: MakeJobs, wait: Wait) -> None:
    jobs.make("mine", 80, 400)
    left = checkpoint(jobs, "mine")
    end(jobs, wait, Finished(1, True))
    jobs.discard("mine")
    assert not left.exists()
    jobs.make("mine", None, 1200)
    again = jobs._child.sent[-1]  # type: ignore[attr-defined]
    assert (again.number, again.steps) == (None, 1200)


def test_a_checkpoint_of_nobody_knows_what_is_not_gone_on_with(jobs: MakeJobs) -> None:
    left = checkpoint(jobs, "mine")
    jobs.make("mine", 80, 400)
    assert not left.exists()


def test_a_failure_says_whether_anything_is_left(jobs: MakeJobs, wait: Wait) -> None:
    jobs.make("mine", 80, 400)
    _, problem = end(jobs, wait, Broken("killed"))
    assert problem == "Picker 'mine' was not made: killed"
    jobs.make("mine", 80, 400)
    checkpoint(jobs, "mine")
    _, problem = end(jobs, wait, Broken("killed"))
    assert problem.startswith("Picker 'mine' was not made: killed. The last checkpoint is kept")


def test_one_that_was_left_to_itself_is_found(jobs: MakeJobs, tmp_path: Path, wait: Wait) -> None:
    found: list[Made] = []
    jobs.found.connect(found.append)
    jobs.make("mine", 80, 400)
    job = directory(jobs, "mine")
    jobs._session.close()
    assert jobs._child.ended[:1] == ["left"]  # type: ignore[attr-defined]
    made = Made(1, "mine", 0.9, 0.8, 1, 400, 99.0)
    job.write(JobStatus(outcome=made))
    jobs._session.use(Project.open(tmp_path / "p.hydrapicker"))
    wait(lambda: bool(found))
    assert (found[0].name, found[0].recall) == ("mine", 0.8)
    wait(lambda: job.read() is None)


@pytest.mark.parametrize("name", ["", "../../x", "bundled"])
def test_names_that_are_none_touch_no_file(jobs: MakeJobs, name: str) -> None:
    with pytest.raises(ParameterError):
        jobs.make(name, None, 400)
    with pytest.raises(ParameterError):
        jobs.discard(name)
    assert jobs._child.sent == []  # type: ignore[attr-defined]
