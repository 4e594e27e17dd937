"""The folder of a training that is not done."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from napari_hydrapicker.errors import ProjectError
from napari_hydrapicker.project.records import MicrographRef
from napari_hydrapicker.worker import status_file as unfinished
from napari_hydrapicker.worker.messages import Cancel, MakeRequest, to_line


@pytest.fixture
def request_made(tmp_path: Path) -> MakeRequest:
    micrographs = (MicrographRef(1, "/data/é.mrc", 0, 1.5),)
    work, note = tmp_path / "lib" / "mine.unfinished", tmp_path / "note"
    return MakeRequest(1, "mine", micrographs, 180.0, None, 400, "auto", ("a", "b"), str(work), str(note))


def test_what_was_asked_for_is_known_once_there_is_a_checkpoint(request_made: MakeRequest) -> None:
    folder = Path(request_made.work)
    assert unfinished.begun(folder) is None
    unfinished.begin(request_made)
    assert unfinished.begun(folder) is None, "there is nothing to go on with yet"
    (folder / unfinished.CHECKPOINT).touch()
    assert unfinished.begun(folder) == request_made
    unfinished.discard(folder)
    assert not folder.exists()
    unfinished.discard(folder)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\x00", to_line(Cancel(1))])
def test_a_request_that_is_none_counts_for_nothing(request_made: MakeRequest, content: bytes) -> None:
    folder = Path(request_made.work)
    unfinished.begin(request_made)
    (folder / unfinished.CHECKPOINT).touch()
    (folder / "request").write_bytes(content)
    assert unfinished.begun(folder) is None


def test_a_full_disk_leaves_the_request_that_was_there(
    request_made: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(request_made.work)
    unfinished.begin(request_made)
    (folder / unfinished.CHECKPOINT).touch()

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ProjectError, match="No space left"):
        unfinished.begin(replace(request_made, name="other"))
    assert unfinished.begun(folder) == request_made


def test_a_folder_that_cannot_be_made_is_named(request_made: MakeRequest, tmp_path: Path) -> None:
    (tmp_path / "lib").write_text("a file is in the way")
    with pytest.raises(ProjectError, match=r"mine\.unfinished/request: cannot be written"):
        unfinished.begin(request_made)
