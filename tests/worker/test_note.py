"""The note of a training, and the lock that says whether its process lives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from napari_hydrapicker.errors import ProjectError
from napari_hydrapicker.worker.messages import Cancel, Trained, Training, TrainingNote, to_line
from napari_hydrapicker.worker.status_file import NoteFile

NOTES = [
    TrainingNote("mine"),
    TrainingNote("mine", progress=Training(1, "training", 5, 100, 2.0, 0.5, None)),
    TrainingNote("mine", trained=Trained(1, "mine", 0.7, 0.8, True, 100, 60.0)),
    TrainingNote("mine", problem="memory ran out"),
]


@pytest.fixture
def note(tmp_path: Path) -> NoteFile:
    """The note of a project in a folder of its own."""
    return NoteFile.beside(tmp_path / "p.hydrapicker")


def test_a_note_lies_beside_the_project_and_comes_back_the_same(note: NoteFile, tmp_path: Path) -> None:
    assert note.path == tmp_path / "p.hydrapicker-training"
    assert note.read() is None
    for one in NOTES:
        note.write(one)
        assert note.read() == one
    note.wish_cancelled()
    note.remove()
    note.remove()
    assert note.read() is None
    assert os.listdir(tmp_path) == []


def test_a_note_that_cannot_be_written_leaves_the_one_before(
    note: NoteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note.write(NOTES[0])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ProjectError, match=r"p\.hydrapicker-training: cannot be written \(No space left"):
        note.write(NOTES[1])
    assert note.read() == NOTES[0]
    assert os.listdir(tmp_path) == [note.path.name]


def test_a_reader_that_is_in_the_way_is_waited_for(note: NoteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    replace, tries = os.replace, []

    def busy(*paths: Path) -> None:
        tries.append(paths)
        if len(tries) < 3:
            raise PermissionError(13, "being read")
        replace(*paths)

    monkeypatch.setattr(os, "replace", busy)
    note.write(NOTES[2])
    assert note.read() == NOTES[2]


@pytest.mark.parametrize("content", [b"", b"nonsense", to_line(Cancel(1)), to_line(NOTES[1])[:-9]])
def test_what_is_no_note_is_refused(note: NoteFile, content: bytes) -> None:
    note.path.write_bytes(content)
    with pytest.raises(ProjectError, match=r"p\.hydrapicker-training"):
        note.read()


def test_the_folder_of_a_project_that_is_gone_is_said(tmp_path: Path) -> None:
    note = NoteFile(tmp_path / "gone" / "note")
    assert note.read() is None
    assert not note.is_fresh()
    for attempt in (lambda: note.write(NOTES[0]), note.wish_cancelled):
        with pytest.raises(ProjectError, match="gone"):
            attempt()


def test_the_lock_is_free_when_its_process_is_gone(note: NoteFile) -> None:
    holder = f"""
from pathlib import Path
from napari_hydrapicker.worker.status_file import NoteFile
note = NoteFile(Path({str(note.path)!r}))
note.hold()
print("held", flush=True)
input()
"""
    process = subprocess.Popen([sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    assert not note.is_held()
    process.stdout.readline()
    assert note.is_held()
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    assert not note.is_held()
    note.hold()
    note.release()


def test_a_wish_does_not_outlive_the_training_it_was_for(note: NoteFile) -> None:
    note.wish_cancelled()
    assert note.is_cancel_wished()
    note.hold()
    assert not note.is_cancel_wished()
    note.release()


def test_a_note_is_fresh_while_its_process_may_be_starting(note: NoteFile) -> None:
    note.write(NOTES[0])
    assert note.is_fresh()
    os.utime(note.path, (1.0, 1.0))
    assert not note.is_fresh()
