"""Micrographs named by other programs' lists."""

from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.io.lists import open_any
from napari_hydrapicker.io.micrograph import MicrographWarning


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A RELION project's folder with two micrographs."""
    movies = tmp_path / "MotionCorr" / "job002"
    movies.mkdir(parents=True)
    for name in ("a", "b"):
        with mrcfile.new(movies / f"{name}.mrc") as file:
            file.set_data(np.arange(12 * 20, dtype=np.float32).reshape(12, 20))
            file.voxel_size = 3.3
    return tmp_path


def _star(names: str) -> str:
    return (
        "data_optics\nloop_\n_rlnOpticsGroup #1\n_rlnMicrographPixelSize #2\n1 0.885\n2 1.25\n\n"
        f"data_micrographs\nloop_\n_rlnMicrographName #1\n_rlnOpticsGroup #2\n{names}\n"
    )


def test_relion_lists_give_files_and_pixel_sizes(project: Path) -> None:
    listing = project / "CtfFind" / "job003" / "micrographs_ctf.star"
    listing.parent.mkdir(parents=True)
    listing.write_text(_star("MotionCorr/job002/a.mrc 1\nMotionCorr/job002/b.mrc 2"))
    micrographs, problems = open_any([listing])
    assert problems == []
    assert [(m.name, m.pixel_size_angstrom, m.shape) for m in micrographs] == [
        ("a", 0.885, (12, 20)),
        ("b", 1.25, (12, 20)),
    ]


def test_missing_ones_are_listed_and_the_others_opened(project: Path) -> None:
    listing = project / "m.star"
    listing.write_text(_star("MotionCorr/job002/a.mrc 1\nMotionCorr/job002/gone.mrc 2"))
    micrographs, problems = open_any(
        [project / "MotionCorr" / "job002" / "b.mrc", listing, project / "no*.mrc"]
    )
    assert [m.name for m in micrographs] == ["b", "a"], "one missing file hides no other of its list"
    assert len(problems) == 2
    assert "gone.mrc" in problems[0]
    assert "no file matches" in problems[1]


def test_cryosparc_exposures(project: Path) -> None:
    columns = [("uid", "<u8"), ("micrograph_blob/path", "S60"), ("micrograph_blob/psize_A", "<f4")]
    records = np.array([(1, b"MotionCorr/job002/b.mrc", 0.75)], dtype=columns)
    with (project / "exposures.cs").open("wb") as file:
        np.save(file, records)
    micrographs, problems = open_any([project / "exposures.cs"])
    assert (problems, micrographs[0].name, micrographs[0].pixel_size_angstrom) == ([], "b", 0.75)


@pytest.mark.parametrize(
    ("columns", "record", "reason"),
    [
        ([("micrograph_blob/path", "<U20")], ("a.mrc",), "path has the wrong type"),
        ([("micrograph_blob/path", "S9", (2,))], (["a", "b"],), "path has the wrong type"),
        (
            [("micrograph_blob/path", "S9"), ("micrograph_blob/psize_A", "<f4", (2,))],
            ("a", [1, 2]),
            "psize_A",
        ),
        ([("micrograph_blob/path", "S9"), ("micrograph_blob/psize_A", "S3")], ("a", b"one"), "psize_A"),
        ([("micrograph_blob/path", "S9"), ("micrograph_blob/psize_A", "<f4")], ("a", np.nan), "positive"),
        ([("other", "S9")], ("a",), "lists no micrographs"),
        ([("micrograph_blob/path", "S400")], ("a" * 400,), "neither beside it"),
    ],
)
def test_damaged_exposures_are_refused_in_words(
    columns: list[tuple[str, ...]], record: tuple[object, ...], reason: str, tmp_path: Path
) -> None:
    with (tmp_path / "exposures.cs").open("wb") as file:
        np.save(file, np.array([record], dtype=columns))
    micrographs, [problem] = open_any([tmp_path / "exposures.cs"])
    assert micrographs == []
    assert problem.startswith(str(tmp_path / "exposures.cs"))
    assert reason in problem


def test_names_that_no_file_can_have(project: Path) -> None:
    (project / "m.star").write_text(_star("a" * 400 + ".mrc 1\n/" + "b" * 400 + ".mrc 2"))
    micrographs, problems = open_any([project / "m.star", "~nobody-of-this-name/a.mrc", "c" * 400])
    assert micrographs == []
    assert len(problems) == 4


@pytest.mark.parametrize(
    ("text", "reason"),
    [("data_x\nloop_\n_rlnCoordinateX\n1\n", "lists no micrographs"), ("hello", "."),
     (_star("a 1").replace("0.885", "wide"), "not a positive number")],
)  # fmt: skip
def test_other_files_are_refused_in_words(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "x.star").write_text(text)
    micrographs, problems = open_any([tmp_path / "x.star"])
    assert micrographs == []
    assert len(problems) == 1
    assert reason in problems[0]


def test_folders_and_the_pixel_size_of_the_header(project: Path) -> None:
    micrographs, problems = open_any([str(project / "MotionCorr" / "job002")])
    assert problems == []
    assert [m.pixel_size_angstrom for m in micrographs] == pytest.approx([3.3, 3.3])


@pytest.mark.parametrize(
    ("columns", "row", "expected"),
    [
        (("rlnMicrographPixelSize",), "1.5", 1.5),
        (("rlnImagePixelSize",), "1.5", 1.5),
        (("rlnMagnification", "rlnDetectorPixelSize"), "33333.333 5.0", 1.5),
        (("rlnMagnification",), "33333.333", 3.3),  # half of it says nothing: the header's
        (("rlnMagnification", "rlnDetectorPixelSize"), "10000 1e6", 3.3),  # 1 metre: not to be believed
    ],
)
def test_the_micrographs_own_table_states_the_pixel_size(
    columns: tuple[str, ...], row: str, expected: float, project: Path
) -> None:
    labels = "\n".join(f"_{label}" for label in ("rlnMicrographName", *columns))
    (project / "m.star").write_text(f"data_\nloop_\n{labels}\nMotionCorr/job002/a.mrc {row}\n")
    [micrograph], problems = open_any([project / "m.star"])
    assert problems == []
    assert micrograph.pixel_size_angstrom == pytest.approx(expected)


def test_names_that_begin_like_a_block_are_names(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        with mrcfile.new(tmp_path / f"data_000{number}.mrc") as file:
            file.set_data(np.zeros((12, 20), np.int8))
    (tmp_path / "m.star").write_text(
        "data_micrographs\n\nloop_\n_rlnMicrographName #1\ndata_0001.mrc\ndata_0002.mrc\n\n"
        "data_optics\nloop_\n_rlnOpticsGroup\n1\n"
    )
    micrographs, problems = open_any([tmp_path / "m.star"])
    assert problems == []
    assert [one.name for one in micrographs] == ["data_0001", "data_0002"]
    (tmp_path / "n.star").write_text("data_\nloop_\n_rlnMicrographName\ndata_0001.mrc\ndata_0003.mrc")
    assert [one.name for one in open_any([tmp_path / "n.star"])[0]] == ["data_0001", "data_0003"]


def test_one_name_in_two_folders_is_two_micrographs(project: Path) -> None:
    (project / "MotionCorr" / "job009").mkdir()
    copy = project / "MotionCorr" / "job009" / "a.mrc"
    copy.write_bytes((project / "MotionCorr" / "job002" / "a.mrc").read_bytes())
    (project / "m.star").write_text(_star("MotionCorr/job002/a.mrc 1\nMotionCorr/job009/a.mrc 2"))
    micrographs, problems = open_any([project / "m.star", project / "MotionCorr" / "job002" / "b.mrc"])
    assert problems == []
    assert [one.name for one in micrographs] == ["job002/a", "job009/a", "b"]
    assert [one.stem for one in micrographs] == ["a", "a", "b"]


def test_marks_before_exported_paths_and_particles_micrographs(project: Path) -> None:
    columns = [("uid", "<u8"), ("location/micrograph_path", "S60"), ("location/micrograph_psize_A", "<f4")]
    path = b">MotionCorr/job002/b.mrc"
    with (project / "particles.cs").open("wb") as file:
        np.save(file, np.array([(1, path, 0.75), (2, path, 0.75)], dtype=columns))
    micrographs, problems = open_any([project / "particles.cs"])
    assert problems == []
    assert [(one.name, one.pixel_size_angstrom) for one in micrographs] == [("b", 0.75)]


def test_a_list_of_movies_is_called_so(project: Path) -> None:
    (project / "m.star").write_text("data_\nloop_\n_rlnMicrographMovieName\nMovies/a.tiff\n")
    assert "lists no micrographs but movies" in open_any([project / "m.star"])[1][0]


def test_a_flaw_of_many_headers_is_told_once(project: Path) -> None:
    for name in ("a", "b"):
        with mrcfile.open(project / "MotionCorr" / "job002" / f"{name}.mrc", "r+") as file:
            file.voxel_size = (1.5, 1.8, 1)
    with pytest.warns(
        MicrographWarning, match=r"a\.mrc and 1 more: the file states 1\.5 A a pixel"
    ) as caught:
        micrographs, _ = open_any([project / "MotionCorr" / "job002"])
    assert len(caught) == 1
    assert [one.pixel_size_angstrom for one in micrographs] == [None, None]
