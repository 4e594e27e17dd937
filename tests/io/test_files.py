"""Reading lines of unknown files, and writing whole files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io import files as _files

Save = Callable[[str, str | bytes], Path]


def test_lines_are_numbered_and_stripped(save: Save) -> None:
    path = save("a.txt", "\ufeffone\r\n\n \ttwo ")
    assert list(_files.read_lines(path)) == [(1, "one"), (2, ""), (3, "two")]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"good\nbad\xff\n", "line 2: not UTF-8"),
        (b"good\n\nb\0d\n", "line 3: holds NUL"),
        (b"x" * (_files.MAX_LINE_BYTES + 1), "line 1: longer than"),
    ],
)
def test_what_is_not_text_is_refused(content: bytes, problem: str, save: Save) -> None:
    with pytest.raises(CoordinateFileError, match=problem):
        list(_files.read_lines(save("a.star", content)))


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.star"
    with path.open("wb") as file:
        file.truncate(_files.MAX_FILE_BYTES + 1)
    with pytest.raises(CoordinateFileError, match="too large"):
        next(_files.read_lines(path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    path = tmp_path / "pipe.star"
    os.mkfifo(path)
    with pytest.raises(CoordinateFileError, match="not a regular file"):
        _files.read_head(path)


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    with pytest.raises(CoordinateFileError, match="target: cannot be written"):
        _files.write_files({tmp_path / "target": b"text"}, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_a_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    with pytest.raises(CoordinateFileError, match="cannot be written"):
        _files.write_files({tmp_path / "file" / "a.star": b"text"}, overwrite=False)


def test_written_files_have_the_usual_permissions(tmp_path: Path) -> None:
    _files.write_files({tmp_path / "ours": b"text"}, overwrite=False)
    (tmp_path / "plain").write_bytes(b"text")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode
