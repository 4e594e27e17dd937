"""The directory of a job, and the lock in it that says whether its process lives."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from napari_hydrapicker.errors import ProjectError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.worker.job_directory import CHECKPOINT, JobDirectory
from napari_hydrapicker.worker.messages import (
    Cancel,
    JobStatus,
    Made,
    MakeRequest,
    Trained,
    Training,
    to_line,
)

STATUSES = [
    JobStatus(),
    JobStatus(progress=Training(1, "training", 5, 100, 2.0, 0.5, None)),
    JobStatus(outcome=Trained(1, "mine", 0.7, 0.8, True, 100, 60.0)),
    JobStatus(outcome=Made(1, "mine", None, 0.5, 2, 100, 60.0)),
    JobStatus(problem="memory ran out"),
]


@pytest.fixture
def job(request_made: MakeRequest) -> JobDirectory:
    """The directory of a job that was begun."""
    made = JobDirectory(request_made.folder)
    made.begin(request_made)
    return made


@pytest.fixture
def request_made(tmp_path: Path) -> MakeRequest:
    micrographs = (Micrograph(Path("/data/é.mrc"), (30, 50), 1.5),)
    folder = JobDirectory.of(tmp_path / "p.hydrapicker", "making", "mine").folder
    return MakeRequest(1, "mine", micrographs, 180.0, None, 400, "auto", ("a", "b"), folder)


def checkpoint(job: JobDirectory) -> None:
    """What the process leaves after its first steps."""
    job.work.mkdir()
    (job.work / CHECKPOINT).touch()


def test_it_lies_beside_the_project_and_a_status_comes_back_the_same(
    request_made: MakeRequest, tmp_path: Path
) -> None:
    project = tmp_path / "p.hydrapicker"
    job = JobDirectory.of(project, "making", "mine")
    assert job.folder == tmp_path / "p.hydrapicker-jobs" / "making" / "mine"
    assert job.read() is None
    assert JobDirectory.all(project, "making") == []
    job.begin(request_made)
    assert job.read() == JobStatus(), "for whoever looks before the process is up"
    for one in STATUSES:
        job.write(one)
        assert job.read() == one
    assert [one.name for one in JobDirectory.all(project, "making")] == ["mine"]
    assert JobDirectory.all(project, "training") == []
    job.cancel()
    job.forget()
    job.forget()
    assert job.read() is None
    assert os.listdir(tmp_path) == []


def test_a_checkpoint_stays_when_the_end_of_a_job_is_known(
    job: JobDirectory, request_made: MakeRequest
) -> None:
    other = JobDirectory(job.folder.with_name("other"))
    other.begin(request_made)
    assert job.resumable() is None, "there is nothing to resume yet"
    checkpoint(job)
    assert job.resumable() == request_made
    job.cancel()
    job.forget()
    assert job.read() is None
    assert not job.is_cancelled()
    assert job.resumable() == request_made
    job.discard()
    assert not job.folder.exists()
    job.discard()
    assert other.read() == JobStatus(), "each has its own"


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\x00", to_line(Cancel(1))])
def test_a_request_that_is_none_cannot_be_resumed(job: JobDirectory, content: bytes) -> None:
    checkpoint(job)
    (job.folder / "request").write_bytes(content)
    assert job.resumable() is None


def test_a_full_disk_leaves_the_request_that_was_there(
    job: JobDirectory, request_made: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint(job)

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ProjectError, match="No space left"):
        job.begin(replace(request_made, name="other"))
    assert job.resumable() == request_made


def test_a_folder_that_cannot_be_made_is_named(request_made: MakeRequest, tmp_path: Path) -> None:
    (tmp_path / "p.hydrapicker-jobs").write_text("a file is in the way")
    with pytest.raises(ProjectError, match=r"making/mine/request: cannot be written"):
        JobDirectory(request_made.folder).begin(request_made)


def test_a_status_that_cannot_be_written_leaves_the_one_before(
    job: JobDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.write(STATUSES[0])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    before = sorted(os.listdir(job.folder))
    with pytest.raises(ProjectError, match=r"mine/status: cannot be written \(No space left"):
        job.write(STATUSES[1])
    assert job.read() == STATUSES[0]
    assert sorted(os.listdir(job.folder)) == before


def test_a_reader_that_is_in_the_way_is_waited_for(
    job: JobDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, tries = os.replace, []

    def busy(*paths: Path) -> None:
        tries.append(paths)
        if len(tries) < 3:
            raise PermissionError(13, "being read")
        replace(*paths)

    monkeypatch.setattr(os, "replace", busy)
    job.write(STATUSES[2])
    assert job.read() == STATUSES[2]


@pytest.mark.parametrize("content", [b"", b"nonsense", to_line(Cancel(1)), to_line(STATUSES[1])[:-9]])
def test_what_is_no_status_is_refused(job: JobDirectory, content: bytes) -> None:
    job.status.write_bytes(content)
    with pytest.raises(ProjectError, match=r"mine/status"):
        job.read()


def test_the_folder_of_a_project_that_is_gone_is_said(tmp_path: Path) -> None:
    job = JobDirectory(tmp_path / "gone" / "mine")
    assert job.read() is None
    assert not job.is_fresh()
    for attempt in (lambda: job.write(STATUSES[0]), job.cancel):
        with pytest.raises(ProjectError, match="gone"):
            attempt()


def test_the_lock_is_free_when_its_process_is_gone(job: JobDirectory) -> None:
    holder = f"""
from pathlib import Path
from napari_hydrapicker.worker.job_directory import JobDirectory
job = JobDirectory(Path({str(job.folder)!r}))
job.hold()
print("held", flush=True)
input()
"""
    process = subprocess.Popen([sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    assert not job.is_held()
    process.stdout.readline()
    assert job.is_held()
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    assert not job.is_held()
    job.hold()
    job.release()


def test_a_cancellation_does_not_outlive_the_job_it_was_for(job: JobDirectory) -> None:
    job.cancel()
    assert job.is_cancelled()
    job.hold()
    assert not job.is_cancelled()
    job.release()


def test_a_status_is_fresh_while_its_process_may_be_starting(job: JobDirectory) -> None:
    job.write(STATUSES[0])
    assert job.is_fresh()
    os.utime(job.status, (1.0, 1.0))
    assert not job.is_fresh()
