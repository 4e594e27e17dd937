"""Whether a head could be kept."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from napari_hydrapicker.errors import WeightsError
from napari_hydrapicker.picking import library as room
from napari_hydrapicker.picking.library import check_room

Usage = namedtuple("Usage", "total used free")


def test_a_folder_that_is_not_there_yet_can_be_made(tmp_path: Path) -> None:
    check_room([tmp_path / "home" / "heads"])
    assert list(tmp_path.iterdir()) == []


def test_one_folder_of_several_is_enough(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    check_room([tmp_path / "file", tmp_path / "heads"])
    with pytest.raises(WeightsError, match=r"nowhere to keep the head: .*file cannot be written"):
        check_room([tmp_path / "file"])


def test_a_folder_without_the_right_to_write_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room.os, "access", lambda path, mode: False)  # root has all rights
    with pytest.raises(WeightsError, match="heads cannot be written"):
        check_room([tmp_path / "heads"])


def test_a_full_disk_is_told_with_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100 << 20, 97 << 20, 3 << 20))
    with pytest.raises(WeightsError, match="heads 3 MB are left, not 16"):
        check_room([tmp_path / "heads"])
