"""Which coordinate files a folder holds, and of which micrographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.coordinates.folder import (
    Key,
    LeftOutWarning,
    ShapeIndex,
    read_folder,
    read_matched,
    scan_folder,
)
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picks import Picks

ONE = Picks.from_xy([10.25, 20.5], [110.75, 120.5], [0.9, 0.4])
TWO = Picks.from_xy([30.0], [130.0], [0.5])


def test_files_and_sub_folders(tmp_path: Path) -> None:
    formats.write({"a": ONE}, tmp_path, "star")
    formats.write({"a": TWO}, tmp_path / "left" / "deep", "star")
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    (tmp_path / ".hidden.star").write_text("rubbish")
    found = read_folder(tmp_path)
    assert list(found) == [Key("", "a"), Key("left/deep", "a")]
    np.testing.assert_allclose(found[Key("", "a")].yx, [[110.75, 10.25], [120.5, 20.5]])
    np.testing.assert_allclose(found[Key("left/deep", "a")].yx, [[130, 30]])


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
    with pytest.warns(LeftOutWarning, match=r"left out: .*notes\.csv") as caught:
        assert list(read_folder(tmp_path)) == [Key("", "a")]
    assert len(caught) == 1


def test_missing_and_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(CoordinateFileError, match="no such file or folder"):
        read_folder(tmp_path / "nothing")
    with pytest.raises(CoordinateFileError, match="no coordinate files"):
        read_folder(tmp_path)


def test_a_job_folder_of_relion(tmp_path: Path) -> None:
    """Its own STAR files say nothing, and its list tells the micrographs' paths."""
    job = tmp_path / "AutoPick" / "job010"
    formats.write({"a": ONE, "b": TWO}, job / "Movies", "star")
    (job / "autopick.star").write_text(
        "data_coordinate_files\nloop_\n_rlnMicrographName #1\n_rlnMicrographCoordinates #2\n"
        "MotionCorr/job002/Movies/a.mrc AutoPick/job010/Movies/a_autopick.star\n"
        "MotionCorr/job002/Movies/b.mrc AutoPick/job010/Movies/b_autopick.star\n"
    )
    (job / "job.star").write_text("data_job\n_rlnJobTypeLabel relion.autopick.log\n")
    (job / "summary.star").write_text(
        "data_\nloop_\n_rlnMicrographName\n_rlnGroupNrParticles\nMotionCorr/job002/Movies/a.mrc 1\n"
    )
    (job / "note.txt").write_text("command\n")
    found = read_folder(job)
    assert [key.label for key in found] == ["Movies/a", "Movies/b"]
    assert [key.path for key in found] == [
        "Movies/MotionCorr/job002/Movies/a",
        "Movies/MotionCorr/job002/Movies/b",
    ]
    assert [len(one) for one in found.values()] == [2, 1]


def test_the_layout_of_older_relions(tmp_path: Path) -> None:
    formats.write({"a": ONE}, tmp_path / "job010" / "Movies", "star")
    (tmp_path / "job010" / "coords_suffix_autopick.star").write_text("CtfFind/job003/micrographs_ctf.star\n")
    assert list(read_folder(tmp_path / "job010")) == [Key("Movies", "a")]


def test_a_table_may_name_what_lies_in_sub_folders(tmp_path: Path) -> None:
    """As picking leaves them of micrographs of one name in two folders."""
    two = {"g1/a": ONE, "g2/a": TWO}
    formats.write(two, tmp_path, "star")
    formats.write(two, tmp_path, "csv")
    assert list(read_folder(tmp_path)) == [Key("g1", "a"), Key("g2", "a")]
    assert list(read_folder(tmp_path / "picks.csv")) == [Key("g1", "a"), Key("g2", "a")]


def test_cryolos_three_folders_are_one_set(tmp_path: Path) -> None:
    formats.write({"a": ONE}, tmp_path / "CBOX", "cbox", box_px=40)
    formats.write({"a": ONE}, tmp_path / "EMAN", "box", box_px=40)
    assert list(read_folder(tmp_path)) == [Key("", "a")]
    np.testing.assert_allclose(read_folder(tmp_path)[Key("", "a")].yx, ONE.yx)


def test_positions_that_are_not_read_are_a_problem_and_other_files_are_left_out(tmp_path: Path) -> None:
    formats.write({"a": ONE}, tmp_path, "star")
    (tmp_path / "b.txt").write_text("words\n")
    (tmp_path / "c.txt").write_text(" ;spi/dat   Generated by SPIDER\n 1 2 10 20\n")
    content = scan_folder(tmp_path)
    assert list(content.picks) == [Key("", "a")]
    assert len(content.left_out) == len(content.problems) == 1
    assert "b.txt: not a coordinate file" in content.left_out[0]
    assert "c.txt: a document file of SPIDER" in content.problems[0]


def test_shapes_are_found_by_name() -> None:
    shapes = ShapeIndex({"x/a_DW.mrc": (10, 20), "y/a_DW.mrc": (30, 40), "y/b.mrc": (50, 60)})
    assert shapes("b_picks") == (50, 60)
    assert shapes("y/a") == (30, 40)
    assert shapes("a") is None, "two of unlike sizes"
    assert shapes("c") is None
    assert ShapeIndex({"x/a.mrc": (10, 20), "y/a.mrc": (10, 20)})("a") == (10, 20)


def test_picks_for_micrographs_are_matched_by_name(tmp_path: Path) -> None:
    micrograph = Micrograph(Path("m.mrc"), (100, 300), 1.0)
    written = Picks(np.array([[1.0, 2.0]]))
    formats.write({"m_DW": written, "n": written}, tmp_path, "star")
    (tmp_path / "summary.csv").write_text("micrograph,picks\n")
    spare = Micrograph(Path("spare.mrc"), (100, 300), 1.0)
    labels, match = read_matched(tmp_path, [spare, micrograph])
    assert labels[0] is None
    assert labels[1] is not None
    np.testing.assert_array_equal(labels[1].yx, written.yx)
    assert (match.left_only, [key.name for key in match.right_only]) == ([0], ["n"])
    formats.write({"m_DW": written}, tmp_path / "old", "star")
    with pytest.raises(
        ParameterError, match=r"which micrographs \(m\) belong to which picks in .* \(.*old/m_DW\)"
    ):
        read_matched(tmp_path, [micrograph])


def test_a_micrographs_height_turns_cryoppps_tables(tmp_path: Path) -> None:
    micrograph = Micrograph(Path("m.mrc"), (100, 300), 1.0)
    (tmp_path / "m.csv").write_text("X-Coordinate,Y-Coordinate\n10,20\n")
    labels, _ = read_matched(tmp_path / "m.csv", [micrograph])
    assert labels[0] is not None
    assert labels[0].yx.tolist() == [[80, 10]]
