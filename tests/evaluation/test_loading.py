"""Which coordinate files a folder holds, and which of two folders belong together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker import formats
from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.evaluation.loading import EvaluationWarning, Key, pair, read_folder
from napari_hydrapicker.picks import Picks

ONE = Picks.from_xy([10.25, 20.5], [110.75, 120.5], [0.9, 0.4])
TWO = Picks.from_xy([30.0], [130.0], [0.5])


def test_files_and_sub_folders(tmp_path: Path) -> None:
    formats.write({"a": ONE}, tmp_path, "star")
    formats.write({"a": TWO}, tmp_path / "left" / "deep", "star")
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    (tmp_path / ".hidden.star").write_text("rubbish")
    found = read_folder(tmp_path)
    assert list(found) == [Key("", "a"), Key("left", "a")]
    np.testing.assert_allclose(found[Key("", "a")].yx, [[110.75, 10.25], [120.5, 20.5]])
    np.testing.assert_allclose(found[Key("left", "a")].yx, [[130, 30]])


def test_a_single_file(tmp_path: Path) -> None:
    [file] = formats.write({"a": ONE}, tmp_path, "star")
    assert list(read_folder(file)) == [Key("", "a")]
    assert list(read_folder(file.rename(tmp_path / "a.dat"))) == [Key("", "a")]


def test_of_several_formats_the_most_exact_is_taken(tmp_path: Path) -> None:
    formats.write({"a": ONE}, tmp_path, "box", box_px=40)
    formats.write({"a": ONE}, tmp_path, "topaz")
    formats.write({"a": ONE, "b": TWO}, tmp_path, "star-combined")
    found = read_folder(tmp_path)
    assert list(found) == [Key("", "a"), Key("", "b")]
    np.testing.assert_allclose(found[Key("", "a")].yx, ONE.yx)


def test_a_list_of_files_that_has_lost_its_files_is_ignored(tmp_path: Path) -> None:
    formats.write({"a": ONE, "b": TWO}, tmp_path, "star-combined")
    (tmp_path / "b_autopick.star").unlink()
    assert list(read_folder(tmp_path)) == [Key("", "a")]


def test_contradictory_files_are_refused(tmp_path: Path) -> None:
    formats.write({"a": ONE}, tmp_path, "star")
    formats.write({"a": ONE}, tmp_path / "old", "star")
    (tmp_path / "old" / "a_autopick.star").rename(tmp_path / "a_picks.star")
    assert len(read_folder(tmp_path)[Key("", "a")]) == 2  # the same twice does no harm
    formats.write({"a": TWO}, tmp_path / "old", "star")
    (tmp_path / "old" / "a_autopick.star").replace(tmp_path / "a_picks.star")
    with pytest.raises(
        CoordinateFileError, match=r"a_autopick\.star and .*a_picks\.star hold different picks of a"
    ):
        read_folder(tmp_path)


def test_other_files_are_left_out_with_a_warning(tmp_path: Path) -> None:
    formats.write({"a": ONE}, tmp_path, "star")
    (tmp_path / formats.PICKING_SUMMARY).write_text("micrograph,picks\na,1\n")
    (tmp_path / "notes.csv").write_text("micrograph,seconds\na,1.5\n")
    with pytest.warns(EvaluationWarning, match=r"left out: .*notes\.csv") as caught:
        assert list(read_folder(tmp_path)) == [Key("", "a")]
    assert len(caught) == 1


def test_missing_and_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(CoordinateFileError, match="no such folder"):
        read_folder(tmp_path / "nothing")
    with pytest.raises(CoordinateFileError, match="no coordinate files"):
        read_folder(tmp_path)


def keys(*pairs: tuple[str, str]) -> dict[Key, Picks]:
    return {Key(*one): ONE for one in pairs}


def test_pairs_by_folder_and_name() -> None:
    picks = keys(("x", "a"), ("y", "a"), ("y", "c"))
    truth = keys(("x", "a"), ("y", "a"), ("y", "b"))
    pairing = pair(picks, truth)
    assert pairing.pairs == [(Key("x", "a"), Key("x", "a")), (Key("y", "a"), Key("y", "a"))]
    assert pairing.without_picks == [Key("y", "b")]
    assert pairing.without_truth == [Key("y", "c")]


def test_a_flat_folder_pairs_with_sub_folders() -> None:
    flat, deep = keys(("", "a"), ("", "b")), keys(("x", "a"), ("y", "b"))
    assert pair(flat, deep).pairs == [(Key("", "a"), Key("x", "a")), (Key("", "b"), Key("y", "b"))]
    assert pair(deep, flat).pairs == [(Key("x", "a"), Key("", "a")), (Key("y", "b"), Key("", "b"))]


def test_ambiguous_names_do_not_pair() -> None:
    flat, deep = keys(("", "a")), keys(("x", "a"), ("y", "a"))
    assert pair(flat, deep).pairs == []
    assert pair(deep, flat).pairs == []
    assert pair(flat, deep).without_picks == list(deep)
