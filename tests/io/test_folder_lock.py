"""Locking a folder against other programs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from napari_hydrapicker.errors import WeightsError
from napari_hydrapicker.io.files import locked

OTHER = """
import sys
from pathlib import Path
from napari_hydrapicker.io.files import locked
with locked(Path(sys.argv[1]), 0, ValueError, "busy", ""):
    print("begun", flush=True)
    sys.stdin.read()
"""


def test_another_program_is_waited_for_and_its_death_frees_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == b"begun\n"
        with pytest.raises(WeightsError, match=r"^busy$"), locked(folder, 0.1, WeightsError, "busy", ""):
            pass
        other.kill()
    for _ in range(2):
        with locked(folder, 5, WeightsError, "busy", ""):
            assert (folder / ".lock").exists()


def test_what_fails_inside_lets_go(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locked(tmp_path, 0, WeightsError, "busy", ""):
        raise KeyError
    with locked(tmp_path, 0, WeightsError, "busy", ""):
        pass


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(WeightsError, match=r"^cannot be written \(.+\); go elsewhere$"),
        locked(tmp_path / "file" / "folder", 0, WeightsError, "busy", "go elsewhere"),
    ):
        pass
