"""Which micrographs are there in whole."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from PIL import Image

from napari_hydrapicker.cluster.arrivals import Arrivals, open_whole
from napari_hydrapicker.errors import MicrographError


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    """The bytes of a micrograph that is not square."""
    with mrcfile.new(tmp_path / "whole.mrc") as file:
        file.set_data(np.random.default_rng(1).normal(0, 9, (30, 48)).astype(np.float32))
        file.voxel_size = 2.0
    return (tmp_path / "whole.mrc").read_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "session"
    made.mkdir()
    return made


def names(found: list) -> list[str]:  # type: ignore[type-arg]
    return [one.name for one in found]


def test_a_file_is_found_once_it_is_whole_and_at_rest(folder: Path, whole: bytes) -> None:
    arrivals, path = Arrivals([folder]), folder / "a.mrc"
    assert arrivals.look() == []
    path.write_bytes(whole[:500])
    assert arrivals.look() == []
    assert arrivals.look() == []  # at rest, but shorter than its header
    assert "shorter than an MRC header" in arrivals.unfinished[path]
    path.write_bytes(whole[:4000])
    assert arrivals.look() == []
    assert "still growing" in arrivals.unfinished[path]
    assert arrivals.look() == []
    assert "truncated, 2,784 of 5,760 bytes" in arrivals.unfinished[path]
    path.write_bytes(whole)
    assert arrivals.look() == []  # it may still grow
    [found] = arrivals.look()
    assert (found.name, found.shape, found.pixel_size_angstrom) == ("a", (30, 48), 2.0)
    assert arrivals.unfinished == {}
    os.utime(path, (1, 1))
    assert arrivals.look() == arrivals.look() == []  # once is enough


def test_a_file_that_is_written_over_in_place_is_waited_for(folder: Path, whole: bytes) -> None:
    """Some copy programs make the file as long as it will be, and fill it."""
    arrivals, path = Arrivals([folder]), folder / "a.mrc"
    for i, filled in enumerate((1024, 3000, 5000)):
        path.write_bytes(whole[:filled] + bytes(len(whole) - filled))
        os.utime(path, (i, i))
        assert arrivals.look() == []
    path.write_bytes(whole)
    assert arrivals.look() == []
    assert names(arrivals.look()) == ["a"]


def test_missing_bytes_behind_an_extended_header_are_noticed(tmp_path: Path) -> None:
    """So few may be missing that all pixels would fit between the header and the end."""
    path = tmp_path / "a.mrc"
    with mrcfile.new(path) as file:
        file.set_data(np.ones((30, 48), np.float32))
        file.set_extended_header(np.zeros(800, "V1"))
    content = path.read_bytes()
    open_whole(path)
    path.write_bytes(content[:-100])
    with pytest.raises(MicrographError, match="extended header"):
        open_whole(path)


def test_formats_whose_header_promises_no_size_are_read(tmp_path: Path, whole: bytes) -> None:
    packed, picture = tmp_path / "a.mrc.gz", tmp_path / "b.png"
    packed.write_bytes(gzip.compress(whole))
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (30, 48), np.uint8)).save(picture)
    for path in (packed, picture):
        content = path.read_bytes()
        assert names(open_whole(path)) == [path.name[0]]
        path.write_bytes(content[: len(content) * 2 // 3])
        with pytest.raises(MicrographError):
            open_whole(path)


def test_only_micrographs_are_taken_from_a_folder(folder: Path, whole: bytes) -> None:
    for name in ("a.mrc", "a_PS.mrc", ".hidden.mrc", "notes.txt", "a.jpg"):
        (folder / name).write_bytes(whole)
    arrivals = Arrivals([folder])
    arrivals.look()
    assert names(arrivals.look()) == ["a"]
    assert arrivals.unfinished == {}


def test_patterns_and_folders_that_come_later_are_followed(folder: Path, whole: bytes) -> None:
    arrivals = Arrivals([folder / "*" / "*_DW.mrc", folder / "later"])
    assert arrivals.look() == []
    for name in ("x/a_DW.mrc", "x/a.mrc", "later/b.mrc"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(whole)
    arrivals.look()
    assert names(arrivals.look()) == ["a_DW", "b"]


def star(rows: list[str]) -> str:
    head = "data_optics\n\nloop_\n_rlnOpticsGroup #1\n_rlnMicrographPixelSize #2\n1 1.25\n\n"
    return f"{head}data_micrographs\n\nloop_\n_rlnMicrographName #1\n_rlnOpticsGroup #2\n" + "".join(rows)


def test_relions_list_is_followed_as_it_grows(folder: Path, whole: bytes) -> None:
    listing = folder / "micrographs.star"
    (folder / "a.mrc").write_bytes(whole)
    listing.write_text(star(["a.mrc 1\n"]))
    arrivals = Arrivals([listing])
    arrivals.look()
    [first] = arrivals.look()
    assert (first.name, first.pixel_size_angstrom) == ("a", 1.25)
    listing.write_text(star(["a.mrc 1\n", "b.mrc 1\n", "c.m"]))  # it is being written
    assert arrivals.look() == []
    assert "1 value in a table of 2 columns" in arrivals.unfinished[listing]
    listing.write_text(star(["a.mrc 1\n", "b.mrc 1\n", "c.mrc 1\n"]))
    arrivals.look()
    assert "it is not there" in arrivals.unfinished[Path("c.mrc")]
    (folder / "b.mrc").write_bytes(whole)
    arrivals.look()
    assert names(arrivals.look()) == ["b"]
    assert list(arrivals.unfinished) == [Path("c.mrc")]


def test_what_a_list_states_of_a_micrograph_comes_with_it(folder: Path, whole: bytes) -> None:
    listing = folder / "micrographs_ctf.star"
    columns = "_rlnMicrographName #1\n_rlnDefocusU #2\n_rlnDefocusV #3\n_rlnCtfMaxResolution #4\n"
    arrivals = Arrivals([listing])
    for rows in (["a.mrc 21000 19000 4.5\n"], ["a.mrc 21000 19000 4.5\n", "b.mrc 8000 8000 3.5\n"]):
        listing.write_text("data_micrographs\n\nloop_\n" + columns + "".join(rows))
        (folder / rows[-1][:5]).write_bytes(whole)
        arrivals.look()
        [found] = arrivals.look()
        assert found.figures is not None
        defocus, resolution = (2.0, 4.5) if found.name == "a" else (0.8, 3.5)
        assert found.figures.defocus_um == pytest.approx(defocus)
        assert found.figures.ctf_resolution_angstrom == pytest.approx(resolution)


def test_cryosparcs_list_is_followed_as_it_grows(folder: Path, whole: bytes) -> None:
    listing, dtype = (
        folder / "exposures.cs",
        [("micrograph_blob/path", "S20"), ("micrograph_blob/psize_A", "f4")],
    )
    arrivals = Arrivals([listing])
    for name in ("a.mrc", "b.mrc"):
        (folder / name).write_bytes(whole)
    for rows in ([(b"a.mrc", 1.5)], [(b"a.mrc", 1.5), (b"b.mrc", 1.5)]):
        with listing.open("wb") as file:
            np.save(file, np.array(rows, dtype))
        arrivals.look()
        [found] = arrivals.look()
        assert (found.path.name, found.pixel_size_angstrom) == (rows[-1][0].decode(), 1.5)


def test_what_is_known_is_not_found_again(folder: Path, whole: bytes) -> None:
    for name in ("a.mrc", "b.mrc"):
        (folder / name).write_bytes(whole)
    arrivals = Arrivals([folder], known=[folder / "a.mrc"])
    arrivals.look()
    assert names(arrivals.look()) == ["b"]


def test_a_file_that_goes_is_not_waited_for(folder: Path, whole: bytes) -> None:
    arrivals, path = Arrivals([folder]), folder / ("a.mrc")
    path.write_bytes(whole[:2000])
    arrivals.look()
    path.rename(folder / "b.mrc")
    arrivals.look()
    assert list(arrivals.unfinished) == [folder / "b.mrc"]
