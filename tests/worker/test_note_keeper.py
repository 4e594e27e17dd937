"""The training process' hand on its note."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_hydrapicker.errors import ProjectError
from napari_hydrapicker.worker import status_file as note_keeper
from napari_hydrapicker.worker.messages import Made, Trained, Training, TrainingNote, TrainRequest
from napari_hydrapicker.worker.status_file import NoteFile, NoteKeeper


@pytest.fixture
def note(tmp_path: Path) -> NoteFile:
    """The note as the window reads it."""
    return NoteFile(tmp_path / "note")


def keeper(note: NoteFile) -> NoteKeeper:
    return NoteKeeper(TrainRequest(3, "mine", (), 100.0, None, "cpu", (), False, str(note.path)))


def progress(done: int) -> Training:
    return Training(3, "training", done, 100, float(done), 0.5, None)


def test_it_notes_how_far_the_training_is(note: NoteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    with keeper(note) as kept:
        assert note.is_held()
        begun = note.read()
        assert begun is not None
        assert begun.progress is not None
        kept.progress(progress(5))
        kept.progress(progress(10))  # at once: nobody looks as often
        assert note.read() == TrainingNote("mine", progress=progress(5))
        monkeypatch.setattr(note_keeper, "_PROGRESS_SECONDS", 0.0)
        kept.progress(progress(15))
        assert note.read() == TrainingNote("mine", progress=progress(15))
        assert not kept.is_cancel_wished()
        note.wish_cancelled()
        assert kept.is_cancel_wished()
    assert not note.is_held()


def test_it_notes_the_end(note: NoteFile) -> None:
    trained = Trained(3, "mine", 0.7, 0.8, True, 100, 60.0)
    with keeper(note) as kept:
        kept.trained(trained)
        assert note.read() == TrainingNote("mine", trained=trained)
        made = Made(3, "mine", None, 0.5, 2, 100, 60.0)
        kept.trained(made)
        assert note.read() == TrainingNote("mine", made=made)
        kept.failed("memory ran out")
        assert note.read() == TrainingNote("mine", problem="memory ran out")
        kept.cancelled()
        assert note.read() is None


def test_a_disk_that_is_full_ends_no_training(note: NoteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    with keeper(note) as kept:
        before = note.read()

        def full(*_: object) -> None:
            raise ProjectError("no space left")

        monkeypatch.setattr(NoteFile, "write", full)
        kept.progress(progress(5))
        assert note.read() == before


def test_no_training_is_begun_over_another(note: NoteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_hydrapicker.worker.status_file._HANDOVER_SECONDS", 0.05)
    with keeper(note) as first:
        first.progress(progress(5))
        with pytest.raises(ProjectError, match="another training of this project"), keeper(note):
            pytest.fail("it must not begin")
        assert note.read() == TrainingNote("mine", progress=progress(5))
