"""What writing needs to know beyond the picks."""

from __future__ import annotations

import pytest

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.coordinates.base import MAX_BOX_PX, WriteOptions
from napari_hydrapicker.picks import Picks


def picks(diameter_px: float | None) -> Picks:
    return Picks.from_xy([1], [2], diameter_px=diameter_px)


@pytest.mark.parametrize("box_px", [0, -1, MAX_BOX_PX + 1])
def test_boxes_out_of_range(box_px: int) -> None:
    with pytest.raises(ParameterError, match="must be between 1 and"):
        WriteOptions(box_px)


def test_a_given_box_goes_before_the_diameter() -> None:
    assert WriteOptions(200).box_of("a", picks(56.4)) == 200
    assert WriteOptions().box_of("a", picks(56.4)) == 56
    assert WriteOptions().box_of("a", picks(0.5)) == 1


@pytest.mark.parametrize("diameter_px", [None, 0.2, MAX_BOX_PX + 1.0])
def test_without_either_the_micrograph_is_named(diameter_px: float | None) -> None:
    with pytest.raises(ParameterError, match="needs a box size in pixels, and a_1 has none"):
        WriteOptions().box_of("a_1", picks(diameter_px))


def test_names_with_extension() -> None:
    options = WriteOptions(micrograph_names={"a": "MotionCorr/a.mrcs"})
    assert options.name_of("a") == "MotionCorr/a.mrcs"
    assert options.name_of("b") == "b.mrc"
