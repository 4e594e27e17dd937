"""Opening many micrographs."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np

from napari_hydrapicker.picking.opening import open_all


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with mrcfile.new(path) as file:
        file.set_data(np.zeros((60, 100), np.float32))
        file.voxel_size = 2.0
    return path


def test_what_cannot_be_opened_has_a_row(tmp_path: Path) -> None:
    (tmp_path / "text.mrc").write_text("text")
    micrographs, bad = open_all([tmp_path / "text.mrc", write(tmp_path / "a.mrc"), tmp_path / "lost.mrc"])
    assert [(one.name, one.shape) for one in micrographs] == [("a", (60, 100))]
    assert [row.name for row in bad] == ["text.mrc", "lost.mrc"]
    assert all(str(tmp_path / row.name) in row.error for row in bad)


def test_the_same_name_in_two_folders_is_two_micrographs(tmp_path: Path) -> None:
    first, second = write(tmp_path / "one" / "a.mrc"), write(tmp_path / "two" / "a.mrc")
    micrographs, bad = open_all([first, write(tmp_path / "two" / "b.mrc")], open_all([second])[0])
    assert [one.name for one in micrographs] == ["one/a", "b", "two/a"]
    assert [one.path.parent.name for one in micrographs] == ["one", "two", "two"]
    assert bad == []


def test_of_one_name_in_one_folder_the_second_is_refused(tmp_path: Path) -> None:
    first, second = write(tmp_path / "one" / "a.mrc"), write(tmp_path / "one" / "a.mrcs")
    micrographs, bad = open_all([first, second])
    assert [one.path for one in micrographs] == [first]
    assert micrographs[0].name == "a"
    assert str(second) in bad[0].error
    assert str(first) in bad[0].error


def test_one_file_named_twice_is_one_micrograph(tmp_path: Path) -> None:
    path = write(tmp_path / "one" / "a.mrc")
    link = tmp_path / "two" / "a.mrc"
    link.parent.mkdir()
    link.symlink_to(path)
    relative = tmp_path / "two" / ".." / "one" / "a.mrc"
    micrographs, bad = open_all([path, link, relative], open_all([link])[0])
    assert [one.path for one in micrographs] == [path]
    assert bad == []
