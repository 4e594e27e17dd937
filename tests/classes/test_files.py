"""Classes on disk."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from types import SimpleNamespace

import mrcfile
import numpy as np
import pytest
from PIL import Image

from napari_hydrapicker.classes.classify import Classes, Members, PickClass
from napari_hydrapicker.classes.files import kept_numbers, read_classified, write_classes
from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picks import Picks

RELION = """# version 30001

data_optics

loop_
_rlnOpticsGroup #1
1

data_particles

loop_
_rlnCoordinateX #1
_rlnCoordinateY #2
_rlnImageName #3
_rlnMicrographName #4
_rlnClassNumber #5
10.5 20.0 1@a.mrcs MotionCorr/job002/a.mrc 2
30.0 40.0 2@a.mrcs MotionCorr/job002/a.mrc 7
50.0 60.0 1@b.mrcs MotionCorr/job002/b.mrc 2
"""


@pytest.fixture
def made(shapes: SimpleNamespace) -> Classes:
    members = []
    for name, label in (("a", [2, 1, 0]), ("b", [1, 1])):
        n = len(label)
        micrograph = Micrograph.from_array(np.zeros((200, 300), np.float32), 2.0, name)
        picks = Picks(np.arange(2 * n).reshape(n, 2) * 10.0 + 5, score=[0.5, math.nan, 0.7][:n])
        offset = np.array([[1.0, -2.0], [0.0, 0.5], [0.0, 0.0]])[:n]
        members.append(
            Members(
                micrograph, picks, np.array(label), np.ones(n, np.float32), np.full(n, 30, np.float32), offset
            )
        )
    classes = [
        PickClass(1, 3, shapes.hook(), 12.5, 0.9, 0.6, ()),
        PickClass(2, 1, shapes.triangle(), math.inf, 0.8, math.nan, ("no common detail",)),
    ]
    return Classes(classes, members, 2.5)


def test_what_is_written_is_read(made: Classes, tmp_path: Path) -> None:
    write_classes(made, tmp_path / "out")
    for path in (tmp_path / "out", tmp_path / "out" / "particles.star"):
        found = read_classified(path)
        assert found.sizes == {1: 3, 2: 1}
        assert found.doubtful == [2]
        assert found.label["a"].tolist() == [2, 1, 0]
        assert np.allclose(found.picks["b"].yx, made.members[1].picks.yx)
        assert np.allclose(found.picks["a"].score, [0.5, math.nan, 0.7], equal_nan=True)


def test_members_are_a_particles_table_of_relion(made: Classes, tmp_path: Path) -> None:
    write_classes(made, tmp_path)
    text = (tmp_path / "particles.star").read_text()
    row = next(line.split() for line in text.splitlines() if line.startswith("a "))
    assert row[:5] == ["a", "15.0000", "5.0000", "2", "30.000"]
    # The particle lies 2 pixels to the left and 1 down: its image has to move right and up, in Angstrom.
    assert [float(value) for value in row[6:]] == [4.0, -2.0]
    assert len(formats.read(tmp_path / "particles.star")["a"]) == 3


def test_averages_and_table(made: Classes, tmp_path: Path) -> None:
    write_classes(made, tmp_path)
    with mrcfile.open(tmp_path / "classes.mrcs") as stack:
        assert stack.data.shape == (2, 64, 64)
        assert np.array_equal(stack.data[1], made.classes[1].average)
        assert float(stack.voxel_size.x) == 2.5
        assert stack.is_image_stack()
    with (tmp_path / "classes.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert first == {
        "class": "1", "picks": "3", "resolution_angstrom": "12.50", "mean_confidence": "0.9000",
        "mean_score": "0.6000", "doubts": "",
    }  # fmt: skip
    assert (second["resolution_angstrom"], second["mean_score"]) == ("", "")
    assert second["doubts"] == "no common detail"


def test_the_sheet_frames_what_is_doubtful(made: Classes, tmp_path: Path) -> None:
    write_classes(made, tmp_path)
    sheet = np.asarray(Image.open(tmp_path / "classes.png").convert("RGB")).astype(int)
    assert sheet.shape[1] > 2 * 128
    orange = (sheet[..., 0] > 200) & (sheet[..., 2] < 80)
    middle = sheet.shape[1] // 2
    assert orange[:, middle:].sum() > 500
    assert orange[:, : middle - 4].sum() == 0


def test_nothing_is_overwritten_unasked(made: Classes, tmp_path: Path) -> None:
    write_classes(made, tmp_path)
    with pytest.raises(CoordinateFileError, match="exists already"):
        write_classes(made, tmp_path)
    write_classes(made, tmp_path, overwrite=True)


def test_classes_of_relion(tmp_path: Path) -> None:
    (tmp_path / "run_it025_data.star").write_text(RELION)
    found = read_classified(tmp_path / "run_it025_data.star")
    assert found.sizes == {2: 2, 7: 1}
    named = found.named([2])
    assert {name: one.yx.tolist() for name, one in named.picks.items()} == {
        "a": [[20.0, 10.5]],
        "b": [[60.0, 50.0]],
    }
    assert named.names["a"] == "MotionCorr/job002/a.mrc"
    with pytest.raises(ParameterError, match=r"class 3 is not in .*; it has classes 2, 7"):
        found.named([2, 3])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (RELION.replace("_rlnClassNumber", "_rlnGroupNumber"), "states no classes of picks"),
        (RELION.replace("b.mrc 2", "b.mrc two"), "'two' is no number of a class"),
        (RELION.replace("50.0", "x"), "line 19"),
    ],
)
def test_what_states_no_classes_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.star").write_text(text)
    with pytest.raises(CoordinateFileError, match=message):
        read_classified(tmp_path / "a.star")


def test_missing_and_damaged(made: Classes, tmp_path: Path) -> None:
    with pytest.raises(CoordinateFileError, match="no such file"):
        read_classified(tmp_path)
    write_classes(made, tmp_path)
    (tmp_path / "classes.csv").write_text("class,doubts\nfirst,few\n")
    with pytest.raises(CoordinateFileError, match=r"classes\.csv: is not the table"):
        read_classified(tmp_path)


def test_what_is_kept() -> None:
    sizes = {1: 10, 2: 5, 4: 1}
    assert kept_numbers(sizes, [4, 1], None) == [4, 1]
    assert kept_numbers(sizes, None, [2]) == [1, 4]
