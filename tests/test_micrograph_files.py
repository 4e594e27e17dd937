"""Which files are meant where micrographs are named."""

import pytest

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.micrograph_files import find_micrographs


@pytest.fixture
def folder(tmp_path):
    for name in ("b.mrc", "a.mrc.gz", "c.tif", "._b.mrc", "b.png", "b_autopick.star", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "d.JPG").touch()
    (tmp_path / "empty").mkdir()
    return tmp_path


def names(paths):
    return [path.name for path in paths]


def test_a_folder_stands_for_its_micrographs(folder):
    assert names(find_micrographs([folder])) == ["a.mrc.gz", "b.mrc", "c.tif"]
    assert names(find_micrographs([folder / "pictures"])) == ["d.JPG"]


def test_patterns_and_files_are_found_once(folder):
    found = find_micrographs([str(folder / "*.mrc"), folder / "b.mrc", str(folder / "**" / "*.JPG")])
    assert names(found) == ["b.mrc", "d.JPG"]
    assert names(find_micrographs([folder / "*"])) == ["a.mrc.gz", "b.mrc", "c.tif"]
    assert names(find_micrographs([folder / "notes.txt"])) == ["notes.txt"]


def test_links_that_lead_nowhere_are_not_passed_over(folder):
    (folder / "z.mrc").symlink_to(folder / "moved.mrc")
    assert folder / "z.mrc" in find_micrographs([folder])
    assert find_micrographs([folder / "z*.mrc"]) == [folder / "z.mrc"]


def test_brackets_in_a_name_are_not_a_pattern(tmp_path):
    (tmp_path / "a[1].mrc").touch()
    assert names(find_micrographs([tmp_path / "a[1].mrc"])) == ["a[1].mrc"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("empty", "no micrographs"),
        ("*.tiff", "no file matches"),
        ("x.mrc", "no such file or folder"),
        ("x" * 300 + ".mrc", "no such file or folder"),
    ],
)
def test_nothing_found_is_an_error(folder, name, message):
    with pytest.raises(MicrographError, match=message):
        find_micrographs([folder, folder / name])


def test_an_unknown_user_has_no_files():
    with pytest.raises(MicrographError, match="no such file or folder"):
        find_micrographs(["~nobody-of-this-name/a.mrc"])


def test_no_names_are_an_error():
    with pytest.raises(MicrographError, match="no micrographs were named"):
        find_micrographs([])
