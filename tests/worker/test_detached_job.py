"""A training whose window was closed, as the next one sees it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from napari_hydrapicker.worker import job_directory
from napari_hydrapicker.worker.job_directory import DetachedJob, JobDirectory
from napari_hydrapicker.worker.messages import Broken, Finished, JobStatus, Message, Trained, Training

PROGRESS = Training(1, "training", 5, 100, 2.0, 0.5, None)


@pytest.fixture
def job(tmp_path: Path) -> JobDirectory:
    """The job as the window sees it."""
    made = JobDirectory(tmp_path / "mine")
    made.folder.mkdir()
    return made


@pytest.fixture
def process(job: JobDirectory) -> Iterator[JobDirectory]:
    """What the process at the training does; it holds the lock."""
    made = JobDirectory(job.folder)
    made.hold()
    yield made
    made.release()


@pytest.fixture
def poll(job: JobDirectory, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Message]]:
    """What the window hears."""
    monkeypatch.setattr(job_directory, "_LOOK_SECONDS", 0.0)
    return DetachedJob(job, 7).poll


def test_progress_and_the_head_are_told(process: JobDirectory, poll: Callable[[], list[Message]]) -> None:
    assert poll() == []
    process.write(JobStatus(progress=PROGRESS))
    assert poll() == [Training(7, "training", 5, 100, 2.0, 0.5, None)]
    assert poll() == [], "only what is new"
    process.write(JobStatus(outcome=Trained(1, "mine", 0.7, 0.8, True, 100, 60.0)))
    assert poll() == [Trained(7, "mine", 0.7, 0.8, True, 100, 60.0), Finished(7, False)]


def test_what_went_wrong_is_told(process: JobDirectory, poll: Callable[[], list[Message]]) -> None:
    process.write(JobStatus(problem="memory ran out"))
    assert poll() == [Broken("memory ran out")]


def test_a_status_that_cannot_be_read_is_reported_once_nobody_writes_it(
    process: JobDirectory, poll: Callable[[], list[Message]]
) -> None:
    process.status.write_bytes(b"nonsense")
    assert poll() == []
    process.release()
    (broken,) = poll()
    assert isinstance(broken, Broken)
    assert "how the job ended is unknown" in broken.text


def test_a_process_that_was_killed_is_told_of(
    process: JobDirectory, poll: Callable[[], list[Message]]
) -> None:
    process.write(JobStatus(progress=PROGRESS))
    process.release()
    (broken,) = poll()
    assert isinstance(broken, Broken)
    assert "its process ended before it was done" in broken.text


def test_a_process_that_may_be_starting_is_waited_for(
    job: JobDirectory, poll: Callable[[], list[Message]]
) -> None:
    job.write(JobStatus())
    assert poll() == []
    os.utime(job.status, (1.0, 1.0))
    (broken,) = poll()
    assert isinstance(broken, Broken)


def test_a_cancelled_one_has_left_nothing(process: JobDirectory, job: JobDirectory) -> None:
    process.write(JobStatus(progress=PROGRESS))
    left = DetachedJob(job, 7)
    left.poll()
    left.cancel()
    assert process.is_cancelled()
    process.forget()
    process.release()
    assert left.poll() == [], "it looks a few times a second"
    left._next_look = 0.0
    assert left.poll() == [Finished(7, True)]
