"""One program at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

from napari_hydrapicker.errors import WeightsError
from napari_hydrapicker.picking import library as locking


def test_a_folder_is_made_and_let_go_of(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    with locking.changing(folder):
        assert folder.is_dir()
    with locking.changing(folder):
        pass


def test_a_folder_is_let_go_of_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locking.changing(tmp_path):
        raise KeyError
    with FileLock(tmp_path / ".lock", timeout=0):
        pass


def test_waiting_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "WAIT_SECONDS", 0.1)
    with (
        FileLock(tmp_path / ".lock"),
        pytest.raises(WeightsError, match="another program"),
        locking.changing(tmp_path),
    ):
        raise AssertionError("it was locked")


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="HYDRAPICKER_HOME"), locking.changing(tmp_path / "file"):
        raise AssertionError("there is no folder")
