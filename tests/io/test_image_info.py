"""Limits that hold for all micrograph readers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.io.image_info import (
    MAX_FRAME_PIXELS,
    MAX_SIDE_PX,
    check_shape,
    movie_error,
    pixel_size_of,
    plausible_pixel_size,
)


@pytest.mark.parametrize("angstrom", [0.0, -1.0, math.nan, math.inf, 0.099, 50.1, 1e6])
def test_pixel_sizes_that_cannot_be_true(angstrom: float) -> None:
    assert plausible_pixel_size(angstrom) is None


def test_a_pixel_size_loses_the_noise_of_four_bytes() -> None:
    assert float(np.float32(1.77)) != 1.77
    assert plausible_pixel_size(float(np.float32(1.77))) == 1.77
    assert plausible_pixel_size(0.1) == 0.1
    assert plausible_pixel_size(50) == 50


@pytest.mark.parametrize(
    ("x", "y", "size", "refused"),
    [
        (1.5, 1.505, 1.5, ""),
        (0.0, 0.0, None, ""),
        (math.nan, -1.0, None, ""),
        (1.5, 1.8, None, "the file states 1.5 A a pixel along x, but 1.8 A along y"),
        (1.5, math.nan, None, "the file states a pixel size along one axis alone"),
        (1e6, 1e6, None, "the file states 1e+06 A a pixel, which no micrograph has"),
        (1.5, 1e6, None, "the file states 1e+06 A a pixel, which no micrograph has"),
    ],
)
def test_what_is_stated_of_a_pixel_size(x: float, y: float, size: float | None, refused: str) -> None:
    assert pixel_size_of(x, y) == (size, refused)


@pytest.mark.parametrize(("rows", "cols"), [(0, 5), (5, -1), (MAX_SIDE_PX + 1, 5), (2**14, 2**14 + 1)])
def test_sizes_that_no_micrograph_has(rows: int, cols: int) -> None:
    with pytest.raises(MicrographError, match=rf"a\.mrc: the header declares {rows} x {cols} pixels"):
        check_shape(Path("a.mrc"), rows, cols)


def test_the_largest_sizes_pass() -> None:
    check_shape(Path("a.mrc"), 1, MAX_SIDE_PX)
    check_shape(Path("a.mrc"), 2**14, MAX_FRAME_PIXELS // 2**14)


def test_a_movie_is_told_what_to_do() -> None:
    text = str(movie_error(Path("folder/m.tif"), 40))
    assert text.startswith("folder/m.tif: holds 40 images")
    assert "MotionCor" in text
    assert ".mrcs" in text
