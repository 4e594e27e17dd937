"""Saving what the worker process has trained."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.hydra.head_record import HeadRecord
from napari_hydrapicker.hydra.layers import ThesisHead
from napari_hydrapicker.picking import library as room
from napari_hydrapicker.picking.library import HeadLibrary
from napari_hydrapicker.worker.messages import Trained, TrainRequest
from napari_hydrapicker.worker.training import save, train

RECORD = HeadRecord(
    name="mine", diameter_angstrom=100, created="now", parent="a" * 64, channels=4, groups=4, dropout=0.3
)


@pytest.fixture
def result() -> Any:
    """What `save` needs of a training's result."""
    scores = SimpleNamespace(ap=0.7), SimpleNamespace(ap=0.8)
    return SimpleNamespace(
        head=ThesisHead(4, 4, 0.3),
        before=scores[0],
        after=scores[1],
        held_out=True,
        steps=9,
        seconds=6.0,
        marks_only=False,
        error=0.02,
    )


def request_to(folders: list[Path], replace: bool) -> TrainRequest:
    return TrainRequest(1, "mine", (), 100.0, None, "cpu", tuple(map(str, folders)), replace, "note")


def test_a_head_is_saved_in_every_library(tmp_path: Path, result: Any) -> None:
    folders = [tmp_path / "project", tmp_path / "user"]
    assert save(request_to(folders, False), result, RECORD) == Trained(
        1, "mine", 0.7, 0.8, True, 9, 6.0, ap_error=0.02
    )
    assert [HeadLibrary(folder).names() for folder in folders] == [["mine"], ["mine"]]
    result.marks_only = True
    saved = save(request_to(folders, True), result, RECORD)
    assert (saved.name, saved.marks_only) == ("mine", True)


def test_a_name_that_was_taken_meanwhile_gets_a_number(tmp_path: Path, result: Any) -> None:
    folders = [tmp_path / "project", tmp_path / "user"]
    for name in ("mine", "mine-2"):
        HeadLibrary(folders[1]).add(ThesisHead(4, 4, 0.3), RECORD.model_copy(update={"name": name}))
    before = (folders[1] / "mine.safetensors").read_bytes()
    assert save(request_to(folders, False), result, RECORD).name == "mine-3"
    assert HeadLibrary(folders[0]).names() == ["mine-3"]
    assert HeadLibrary(folders[0]).record("mine-3").name == "mine-3"
    assert (folders[1] / "mine.safetensors").read_bytes() == before


def test_a_library_that_cannot_be_written_keeps_the_head_out_of_no_other(tmp_path: Path, result: Any) -> None:
    (tmp_path / "file").write_text("in the way")
    trained = save(request_to([tmp_path / "file", tmp_path / "user"], False), result, RECORD)
    assert HeadLibrary(tmp_path / "user").names() == ["mine"]
    assert trained.remark.startswith(f"It is not kept in a second place: {tmp_path / 'file'}: cannot be")
    with pytest.raises(WeightsError, match=r"file: cannot be.*; .*file: cannot be"):
        save(request_to([tmp_path / "file"] * 2, False), result, RECORD)


def test_a_head_that_could_be_kept_nowhere_is_refused_before_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room.os, "access", lambda path, mode: False)
    with pytest.raises(WeightsError, match="nowhere"):
        train(request_to([tmp_path], False), lambda progress: pytest.fail("it must not begin"))


def test_a_name_that_is_taken_is_refused_before_the_training(tmp_path: Path) -> None:
    HeadLibrary(tmp_path).add(ThesisHead(4, 4, 0.3), RECORD)
    with pytest.raises(ParameterError, match="already"):
        train(request_to([tmp_path], False), lambda progress: pytest.fail("it must not begin"))
