"""What a training by command was given."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from napari_hydrapicker.cli.training_settings import FILE, changes, remember
from napari_hydrapicker.errors import ParameterError

FIRST = {"steps": 10, "rate": None, "real": ("a", "b")}


def test_what_a_checkpoint_was_made_with_is_known(tmp_path: Path) -> None:
    assert remember(tmp_path, FIRST) == []
    assert remember(tmp_path, FIRST | {"steps": 20}) == [], "there is no checkpoint: it begins"
    (tmp_path / "checkpoint.safetensors").touch()
    second = FIRST | {"steps": 20, "real": ["a", "b"]}
    assert remember(tmp_path, second) == []
    assert remember(tmp_path, FIRST | {"steps": 30}) == [second]
    assert remember(tmp_path, FIRST | {"steps": 40}) == [second, second | {"steps": 30}]


def test_changes_are_told() -> None:
    assert changes(FIRST, FIRST) == ""
    assert changes(FIRST, {"steps": 10, "rate": 0.1, "real": ("a", "b")}) == "rate the default then, 0.1 now"
    long = changes({"real": "x" * 200}, {"batch": 2})
    assert long == f"real {'x' * 40}... then, the default now; batch the default then, 2 now"


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(tmp_path, FIRST)
    before = (tmp_path / FILE).read_text()

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ParameterError, match="No space left"):
        remember(tmp_path, FIRST | {"steps": 20})
    assert (tmp_path / FILE).read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("content", ["[{", "{}", "[1]", "3"])
def test_a_damaged_file_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.safetensors").touch()
    (tmp_path / FILE).write_text(content)
    with pytest.raises(ParameterError, match=f"{FILE}: cannot be read"):
        remember(tmp_path, FIRST)
