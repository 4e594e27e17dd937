"""Which files are meant where micrographs are named."""

import warnings

import pytest

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.io.find import find_micrographs
from napari_hydrapicker.io.image_info import MicrographWarning


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


@pytest.mark.parametrize(
    ("files", "kept"),
    [
        (["a.mrc", "a_PS.mrc", "a_noDW.mrc"], ["a.mrc"]),  # RELION
        (["a.mrc", "a_DW.mrc", "a_DWS.mrc"], ["a_DW.mrc"]),  # MotionCor: a.mrc is the sum without weighting
        (["a_DW.mrc", "a_noDW.mrc", "b_noDW.mrc"], ["a_DW.mrc", "b_noDW.mrc"]),
        (["a_patch_aligned_doseweighted.mrc", "a_patch_aligned.mrc", "a_thumb.png"], None),
        (["a.mrc", "a_mask.mrc", "b_DW.mrc", "b_DW_predicted_mask.mrc"], ["a.mrc", "b_DW.mrc"]),
        (["a_PS.mrc", "b_PS.mrc"], None),  # alone they may be anything
        (["a.mrc", "b_mask.mrc", "unmask.mrc"], None),
    ],
)
def test_what_lies_beside_a_micrograph_is_left_out_with_a_word(tmp_path, files, kept):
    for name in files:
        (tmp_path / name).touch()
    expected = kept or sorted(name for name in files if name.endswith(".mrc"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert names(find_micrographs([tmp_path])) == expected
        assert names(find_micrographs([tmp_path / "*.mrc"])) == expected
        assert names(
            find_micrographs([tmp_path / name for name in files if name.endswith(".mrc")])
        ) == sorted(name for name in files if name.endswith(".mrc")), "files that are named are taken"
    assert [one.category for one in caught] == [MicrographWarning] * (2 if kept else 0)
    if kept:
        assert "left out, since a micrograph of the same exposure lies beside it" in str(caught[0].message)
