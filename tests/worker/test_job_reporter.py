"""What the process of a job writes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_hydrapicker.errors import ProjectError
from napari_hydrapicker.worker import job_directory
from napari_hydrapicker.worker.job_directory import JobDirectory, JobReporter
from napari_hydrapicker.worker.messages import JobStatus, Made, Trained, Training, TrainRequest


@pytest.fixture
def job(tmp_path: Path) -> JobDirectory:
    """The job as the window sees it."""
    return JobDirectory(tmp_path / "mine")


def reporting(job: JobDirectory) -> JobReporter:
    return JobReporter(TrainRequest(3, "mine", (), 100.0, None, "cpu", (), False, job.folder))


def progress(done: int) -> Training:
    return Training(3, "training", done, 100, float(done), 0.5, None)


def test_it_writes_how_far_the_training_is(job: JobDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    with reporting(job) as reporter:
        assert job.is_held()
        begun = job.read()
        assert begun is not None
        assert begun.progress is not None
        reporter.progress(progress(5))
        reporter.progress(progress(10))  # at once: nobody looks as often
        assert job.read() == JobStatus(progress=progress(5))
        monkeypatch.setattr(job_directory, "_PROGRESS_SECONDS", 0.0)
        reporter.progress(progress(15))
        assert job.read() == JobStatus(progress=progress(15))
        assert not reporter.is_cancelled()
        job.cancel()
        assert reporter.is_cancelled()
    assert not job.is_held()


def test_it_writes_the_end(job: JobDirectory) -> None:
    trained = Trained(3, "mine", 0.7, 0.8, True, 100, 60.0)
    with reporting(job) as reporter:
        reporter.done(trained)
        assert job.read() == JobStatus(outcome=trained)
        made = Made(3, "mine", None, 0.5, 2, 100, 60.0)
        reporter.done(made)
        assert job.read() == JobStatus(outcome=made)
        reporter.failed("memory ran out")
        assert job.read() == JobStatus(problem="memory ran out")
        reporter.cancelled()
        assert job.read() is None


def test_a_disk_that_is_full_ends_no_training(job: JobDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    with reporting(job) as reporter:
        before = job.read()

        def full(*_: object) -> None:
            raise ProjectError("no space left")

        monkeypatch.setattr(JobDirectory, "write", full)
        reporter.progress(progress(5))
        assert job.read() == before


def test_no_training_is_begun_over_another(job: JobDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_hydrapicker.worker.job_directory._HANDOVER_SECONDS", 0.05)
    with reporting(job) as first:
        first.progress(progress(5))
        with pytest.raises(ProjectError, match="another training of this project"), reporting(job):
            pytest.fail("it must not begin")
        assert job.read() == JobStatus(progress=progress(5))
