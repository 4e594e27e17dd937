"""The public interface: recognising, reading and writing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picks import Picks

Save = Callable[[str, str | bytes], Path]

PICKS_OF = {
    "cassper_star/TcdA1-0018_frames.star": ("star", 144),
    "manual_star/Falcon_2012_06_12-17_23_32_0.star": ("star", 515),
    "manual_star/Falcon_2012_06_12-19_21_25_0.star": ("star", 249),
    "cryolo_box/Falcon_2012_06_12-15_17_31_0.box": ("box", 627),
    "cryolo_box/Falcon_2012_06_12-15_30_21_0.box": ("box", 662),
    "cryolo_box/Falcon_2012_06_12-15_33_42_0.box": ("box", 711),
    "topaz_box/Falcon_2012_06_12-15_17_31_0.box": ("box", 732),
    "topaz_box/Falcon_2012_06_12-15_30_21_0.box": ("box", 738),
    "topaz_box/Falcon_2012_06_12-15_33_42_0.box": ("box", 793),
    "cryolo_cbox/TcdA1-0018_frames_sum.cbox": ("cbox", 120),
    "cryolo_cbox/TcdA1-0019_frames_sum.cbox": ("cbox", 129),
    "cryoppp_csv/Falcon_2012_06_12-15_17_31_0.csv": ("cryoppp", 621),
}


@pytest.mark.parametrize("file", PICKS_OF)
def test_other_programs_files_are_read(file: str, shared_data: Path) -> None:
    path = shared_data / "formats" / file
    format, count = PICKS_OF[file]
    assert formats.detect(path) == format
    picks = formats.read(path, shape_of=lambda _: (4096, 4096))
    assert list(picks) == [path.stem]
    assert len(picks[path.stem]) == count


def test_all_of_the_real_files_are_in_the_list(shared_data: Path) -> None:
    files = (path for path in (shared_data / "formats").rglob("*.*") if path.is_file())
    assert {path.relative_to(shared_data / "formats").as_posix() for path in files} == set(PICKS_OF)


def test_the_content_counts_not_the_extension(save: Save) -> None:
    assert formats.detect(save("a.csv", "1 2 30 30\n")) == "box"
    assert formats.detect(save("a.box", "image_name\tx_coord\ty_coord\n")) == "topaz"
    assert formats.detect(save("a.txt", "\ufeffmicrograph,y_px,x_px\r\n")) == "csv"
    assert formats.detect(save("b.box", "data_\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n")) == "star"


def test_an_empty_file_is_an_empty_box_list_or_damage(save: Save) -> None:
    assert len(formats.read(save("a.box", "\n"))["a"]) == 0
    with pytest.raises(CoordinateFileError, match=r"a\.star: is empty"):
        formats.read(save("a.star", ""))


@pytest.mark.parametrize("content", [b"hello\n", b"\x00\x01\x02", b"a,b,c\n1,2,3\n", b"\xff\xfe1\x00"])
def test_other_content_is_refused(content: bytes, save: Save) -> None:
    with pytest.raises(CoordinateFileError, match=r"x\.star: not a coordinate file"):
        formats.read(save("x.star", content))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CoordinateFileError, match="no such file"):
        formats.read(tmp_path / "none.star")
    with pytest.raises(CoordinateFileError, match="not a regular file"):
        formats.read(tmp_path)


def test_a_named_format_is_insisted_on(save: Save) -> None:
    path = save("a.star", "1 2 30 30\n")
    assert len(formats.read(path, "box")["a"]) == 1
    for format in formats.FORMATS.keys() - {"box"}:
        with pytest.raises(CoordinateFileError, match=r"a\.star"):
            formats.read(path, format)
    with pytest.raises(ParameterError, match="unknown coordinate format 'ply'"):
        formats.read(path, "ply")


def test_one_micrograph_may_be_written_to_a_named_file(tmp_path: Path, three_picks: Picks) -> None:
    path = tmp_path / "mine.star"
    assert formats.write({"a": three_picks}, path, "star") == [path]
    assert list(formats.read(path)) == ["mine"]


def test_two_micrographs_do_not_fit_into_one_box_file(tmp_path: Path, three_picks: Picks) -> None:
    with pytest.raises(ParameterError, match="holds one micrograph, and there are 2"):
        formats.write({"a": three_picks, "b": three_picks}, tmp_path / "all.box", "box")
    assert list(tmp_path.iterdir()) == []


def test_files_are_named_after_micrographs(tmp_path: Path, three_picks: Picks) -> None:
    two = {"a": three_picks, "b.x": three_picks}
    written = formats.write(two, tmp_path / "new" / "folder", "star")
    assert [path.name for path in written] == ["a_autopick.star", "b.x_autopick.star"]
    assert {name for path in written for name in formats.read(path)} == set(two)


def test_nothing_is_overwritten_unless_asked(tmp_path: Path, three_picks: Picks) -> None:
    formats.write({"b": three_picks}, tmp_path, "box")
    before = (tmp_path / "b.box").read_bytes()
    fewer = three_picks.select([0])
    with pytest.raises(CoordinateFileError, match="exists already"):
        formats.write({"a": fewer, "b": fewer}, tmp_path, "box")
    assert [path.name for path in tmp_path.iterdir()] == ["b.box"]
    assert (tmp_path / "b.box").read_bytes() == before
    formats.write({"a": fewer, "b": fewer}, tmp_path, "box", overwrite=True)
    assert len(formats.read(tmp_path / "b.box")["b"]) == 1


@pytest.mark.parametrize("format", [known.name for known in formats.FORMATS.values() if known.needs_box])
def test_a_box_size_is_asked_for(format: str, tmp_path: Path) -> None:
    picks = {"a": Picks(np.array([[50.0, 60.0]]))}
    with pytest.raises(ParameterError, match="needs a box size in pixels, and a has none"):
        formats.write(picks, tmp_path, format)
    (path,) = formats.write(picks, tmp_path, format, box_px=40, shapes={"a": (90, 100)})
    assert formats.read(path, shape_of=lambda _: (90, 100))["a"].diameter_px == 40
    with pytest.raises(ParameterError, match="box size 0 px"):
        formats.write(picks, tmp_path, format, box_px=0)


@pytest.mark.parametrize("format", formats.FORMATS)
def test_one_name_in_two_folders_is_two_micrographs(format: str, tmp_path: Path, three_picks: Picks) -> None:
    two = {"grid1/a": three_picks, "grid2/a": three_picks.select([0])}
    shapes = dict.fromkeys(two, (400, 700))
    written = formats.write(two, tmp_path, format, shapes=shapes)
    main = formats.FORMATS[format].main
    if main is None:
        assert [path.parent.name for path in written] == ["grid1", "grid2"]
        back = {
            f"{path.parent.name}/{name}": one
            for path in written
            for name, one in formats.read(path, shape_of=lambda _: (400, 700)).items()
        }
    else:
        back = formats.read(tmp_path / main)
    assert {name: len(one) for name, one in back.items()} == {"grid1/a": 3, "grid2/a": 1}


@pytest.mark.parametrize("name", ["", "../b", "/b", "..", "a\nb", "a\\b", " a", "a\udc80"])
@pytest.mark.parametrize("format", formats.FORMATS)
def test_names_that_no_file_can_have_are_refused(name: str, format: str, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="cannot name a micrograph"):
        formats.write({name: Picks(np.ones((1, 2)))}, tmp_path, format, box_px=4, shapes={name: (9, 9)})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "ending", ["_autopick.star", "_manualpick.star", "_picks.star", ".star", ".mrc.star"]
)
def test_the_micrograph_is_guessed_from_the_file(ending: str, save: Save) -> None:
    path = save(f"m.01{ending}", "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n1 2\n")
    assert list(formats.read(path)) == ["m.01"]
