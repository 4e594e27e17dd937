"""Images in memory as micrographs: arrays, and napari's image layers."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.errors import HydraPickerError, MicrographError, ParameterError
from napari_hydrapicker.io.micrograph import Micrograph, as_micrograph, open_micrograph


def test_an_array_is_a_micrograph() -> None:
    image = np.arange(12, dtype=np.int16).reshape(3, 4)
    made = Micrograph.from_array(image, 1.5, "grid1_0001.mrc")
    assert (made.name, made.shape, made.pixel_size_angstrom) == ("grid1_0001", (3, 4), 1.5)
    np.testing.assert_array_equal(made.pixels(), image)
    assert made.pixels().dtype == np.int16
    assert not made.pixels().flags.writeable
    assert image.flags.writeable, "the user's own array stays as it was"
    assert made.with_pixel_size(2).pixels() is made.pixels()


@pytest.mark.parametrize(
    ("image", "named", "complaint"),
    [
        (np.zeros((2, 30, 40)), "a", r"a: an array of shape \(2, 30, 40\) is not one micrograph"),
        (np.zeros((30, 40), complex), "a", "holds complex128, not grey levels"),
        (np.zeros((0, 40)), "a", "0 x 40 pixels"),
        (np.zeros((1, 70_000), np.int8), "a", "1 x 70000 pixels"),
        ("text", "a", "shape"),
        (np.zeros((30, 40)), "", "`name`: ''"),
        (np.zeros((30, 40)), "a/b", "`name`: 'a/b'"),
    ],
)
def test_what_no_micrograph_can_be_made_of(image: object, named: str, complaint: str) -> None:
    with pytest.raises(HydraPickerError, match=complaint):
        Micrograph.from_array(image, name=named)  # type: ignore[arg-type]


def test_the_checksum_is_that_of_the_content(tmp_path: Path) -> None:
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    sums = {
        Micrograph.from_array(one, name=name).checksum() for one, name in ((image, "a"), (image + 0, "b"))
    }
    assert len(sums) == 1
    assert Micrograph.from_array(image + 1).checksum() not in sums
    for name in ("a.mrc", "b.mrc"):
        with mrcfile.new(tmp_path / name) as file:
            file.set_data(image)
    first = open_micrograph(tmp_path / "a.mrc")
    assert first.checksum() == hashlib.sha256((tmp_path / "a.mrc").read_bytes()).hexdigest()
    (tmp_path / "a.mrc").unlink()
    with pytest.raises(MicrographError, match=r"a\.mrc: cannot be read"):
        first.checksum()


class Layer(SimpleNamespace):
    """As much of a napari image layer as is asked of it."""

    def __init__(self, data: object, **fields: object) -> None:
        given = {"name": "ice", "scale": (1.0, 1.0), "metadata": {}, "rgb": False, "multiscale": False}
        super().__init__(data=data, **{**given, **fields})


NANOMETRES = {"scale": (0.2, 0.2), "units": ("nanometer", "nanometer")}


@pytest.mark.parametrize(
    ("fields", "angstrom"),
    [
        ({}, None),
        ({"metadata": {"pixel_size_angstrom": 1.25}}, 1.25),
        (NANOMETRES, 2.0),
        (NANOMETRES | {"metadata": {"pixel_size_angstrom": 1.25}}, 1.25),
        ({"scale": (0.2, 0.2), "units": ("pixel", "pixel")}, None),
        ({"scale": (0.2, 0.4), "units": ("nanometer", "nanometer")}, None),
    ],
)
def test_a_layer_states_its_pixel_size(fields: dict[str, object], angstrom: float | None) -> None:
    image = np.arange(12.0).reshape(3, 4)
    made = as_micrograph(Layer(image, **fields))
    assert (made.name, made.pixel_size_angstrom) == ("ice", angstrom)
    np.testing.assert_array_equal(made.pixels(), image)
    assert as_micrograph(Layer(image, **fields), 3).pixel_size_angstrom == 3
    half = as_micrograph(Layer([image, image[::2, ::2]], multiscale=True, name="a/b"))
    assert (half.shape, half.name) == ((3, 4), "a-b")


@pytest.mark.parametrize(
    ("layer", "complaint"),
    [
        (Layer(np.zeros((3, 4, 3)), rgb=True), "in colours"),
        (Layer(np.zeros((7, 3, 4))), r"shape \(7, 3, 4\)"),
        (SimpleNamespace(data=np.zeros((3, 2)), name="dots", scale=(1, 1), metadata={}), "no image layer"),
    ],
)
def test_other_layers_are_refused(layer: object, complaint: str) -> None:
    with pytest.raises(MicrographError, match=complaint):
        as_micrograph(layer)  # type: ignore[arg-type]


def test_what_is_taken_for_a_micrograph(tmp_path: Path) -> None:
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(image)
        file.voxel_size = 1.5
    opened = open_micrograph(tmp_path / "a.mrc")
    assert as_micrograph(opened) is opened
    assert as_micrograph(tmp_path / "a.mrc") == as_micrograph(str(tmp_path / "a.mrc")) == opened
    assert as_micrograph(opened, 2.5).pixel_size_angstrom == 2.5
    np.testing.assert_array_equal(as_micrograph(image.tolist()).pixels(), image)
    for wrong in (0, -1.0, float("nan"), "big", True):
        with pytest.raises(ParameterError, match=r"^`pixel_size_angstrom`: .* is not a positive number"):
            as_micrograph(image, wrong)  # type: ignore[arg-type]
