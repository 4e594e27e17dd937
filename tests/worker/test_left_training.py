"""A training whose window was closed, as the next one sees it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from napari_hydrapicker.worker import status_file as left_training
from napari_hydrapicker.worker.messages import Broken, Finished, Message, Trained, Training, TrainingNote
from napari_hydrapicker.worker.status_file import LeftTraining, NoteFile

PROGRESS = Training(1, "training", 5, 100, 2.0, 0.5, None)


@pytest.fixture
def note(tmp_path: Path) -> NoteFile:
    """The note of a project."""
    return NoteFile(tmp_path / "note")


@pytest.fixture
def process(note: NoteFile) -> Iterator[NoteFile]:
    """What the process at the training does; it holds the lock."""
    made = NoteFile(note.path)
    made.hold()
    yield made
    made.release()


@pytest.fixture
def poll(note: NoteFile, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Message]]:
    """What the window hears."""
    monkeypatch.setattr(left_training, "_LOOK_SECONDS", 0.0)
    return LeftTraining(note, 7).poll


def test_progress_and_the_head_are_told(process: NoteFile, poll: Callable[[], list[Message]]) -> None:
    assert poll() == []
    process.write(TrainingNote("mine", progress=PROGRESS))
    assert poll() == [Training(7, "training", 5, 100, 2.0, 0.5, None)]
    assert poll() == [], "only what is new"
    process.write(TrainingNote("mine", trained=Trained(1, "mine", 0.7, 0.8, True, 100, 60.0)))
    assert poll() == [Trained(7, "mine", 0.7, 0.8, True, 100, 60.0), Finished(7, False)]


def test_what_went_wrong_is_told(process: NoteFile, poll: Callable[[], list[Message]]) -> None:
    process.write(TrainingNote("mine", problem="memory ran out"))
    assert poll() == [Broken("memory ran out")]


def test_a_note_that_cannot_be_read_is_told_once_nobody_writes_it(
    process: NoteFile, poll: Callable[[], list[Message]]
) -> None:
    process.path.write_bytes(b"nonsense")
    assert poll() == []
    process.release()
    (broken,) = poll()
    assert isinstance(broken, Broken)
    assert "cannot be told" in broken.text


def test_a_process_that_was_killed_is_told_of(process: NoteFile, poll: Callable[[], list[Message]]) -> None:
    process.write(TrainingNote("mine", progress=PROGRESS))
    process.release()
    (broken,) = poll()
    assert isinstance(broken, Broken)
    assert "its process ended before it was done" in broken.text


def test_a_process_that_may_be_starting_is_waited_for(
    note: NoteFile, poll: Callable[[], list[Message]]
) -> None:
    note.write(TrainingNote("mine"))
    assert poll() == []
    os.utime(note.path, (1.0, 1.0))
    (broken,) = poll()
    assert isinstance(broken, Broken)


def test_a_cancelled_one_has_left_nothing(process: NoteFile, note: NoteFile) -> None:
    process.write(TrainingNote("mine", progress=PROGRESS))
    left = LeftTraining(note, 7)
    left.poll()
    left.cancel()
    assert process.is_cancel_wished()
    process.remove()
    process.release()
    assert left.poll() == [], "it looks a few times a second"
    left._next_look = 0.0
    assert left.poll() == [Finished(7, True)]
