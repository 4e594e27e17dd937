"""What a training by command was given."""

from __future__ import annotations

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


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.safetensors").touch()
    (tmp_path / FILE).write_text("[{")
    with pytest.raises(ParameterError, match=f"{FILE}: cannot be read"):
        remember(tmp_path, FIRST)
