"""Shapes and pixel sizes of the micrographs that are evaluated."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.errors import MicrographError, ParameterError
from napari_hydrapicker.evaluation.micrograph_sizes import Scales
from napari_hydrapicker.io.coordinates.folder import Key
from napari_hydrapicker.picks import Picks

PICKS = Picks(np.array([[10.0, 90.4], [20.0, 5.0]]))
TRUTH = Picks(np.array([[33.7, 60.0]]))


def write_micrograph(path: Path, shape: tuple[int, int], pixel_size: float) -> None:
    path.parent.mkdir(exist_ok=True)
    with mrcfile.new(path) as file:
        file.set_data(np.zeros(shape, np.int8))
        file.voxel_size = pixel_size


def test_from_the_micrographs_own_headers(tmp_path: Path) -> None:
    write_micrograph(tmp_path / "x" / "a.mrc", (40, 96), 1.5)
    write_micrograph(tmp_path / "y" / "a.mrc", (64, 32), 3.0)
    write_micrograph(tmp_path / "y" / "b.mrc", (64, 33), 3.0)
    scales = Scales([str(tmp_path)], None)  # a folder of nothing but folders
    assert scales.knows_shapes
    assert scales.of([Key("x", "a"), Key("", "a")], PICKS, TRUTH) == ((40, 96), pytest.approx(1.5))
    assert scales.of([Key("", "a"), Key("y", "a")], PICKS, TRUTH) == ((64, 32), pytest.approx(3.0))
    assert scales.of([Key("z", "b")], PICKS, TRUTH)[0] == (64, 33)
    with pytest.raises(ParameterError, match="a is the name of 2 of the micrographs"):
        scales.of([Key("", "a")], PICKS, TRUTH)
    with pytest.raises(ParameterError, match="c is not among the micrographs"):
        scales.of([Key("", "c")], PICKS, TRUTH)


def test_given_pixel_size_overrides_the_header(tmp_path: Path) -> None:
    write_micrograph(tmp_path / "a.mrc", (40, 96), 1.5)
    assert Scales([str(tmp_path / "*.mrc")], 2.0).of([Key("", "a")], PICKS, TRUTH) == ((40, 96), 2.0)


def test_from_the_outermost_coordinates() -> None:
    scales = Scales([], 2.0)
    assert not scales.knows_shapes
    assert scales.of([Key("", "a")], PICKS, TRUTH) == ((34, 91), 2.0)
    empty = Picks(np.empty((0, 2)))
    assert scales.of([Key("", "a")], empty, empty) == ((1, 1), 2.0)


def test_unknown_or_impossible_pixel_sizes(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="`pixel_size`"):
        Scales([], None)
    with pytest.raises(ParameterError, match="positive"):
        Scales([], -1.0).of([Key("", "a")], PICKS, TRUTH)
    write_micrograph(tmp_path / "a.mrc", (40, 96), 0.0)
    with pytest.raises(ParameterError, match=r"a\.mrc: the file states no pixel size"):
        Scales([str(tmp_path)], None).of([Key("", "a")], PICKS, TRUTH)
    write_micrograph(tmp_path / "b.mrc", (40, 96), 536.0)
    with pytest.raises(ParameterError, match=r"b\.mrc: the file states 536 A a pixel, which no micrograph"):
        Scales([str(tmp_path)], None).of([Key("", "b")], PICKS, TRUTH)
    with pytest.raises(MicrographError, match="no such file"):
        Scales([str(tmp_path / "nothing")], None)
