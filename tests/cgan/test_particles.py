"""Single shapes: their place, their centre, their borders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hydrapicker.cgan.preprocess import FLOOR
from napari_hydrapicker.cgan.synthesis import Particle, draw_particle, draw_square, square_box, take_off
from napari_hydrapicker.cgan.synthesis_parameters import SynthesisParameters

RANGES = SynthesisParameters(contrast=(0.3, 0.3), variation=(0.7, 1.2))
SHAPE = (40, 70)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 14), st.integers(0, 10**6))
def test_markers_lie_with_their_middle_on_the_background(side: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    corners = np.array([draw_square(rng, side, SHAPE) for _ in range(30)])
    middles = corners + (side - 1) / 2
    assert (middles >= 0).all()
    assert (middles <= np.array(SHAPE) - 1).all()


def test_markers_are_everywhere() -> None:
    rng = np.random.default_rng(0)
    corners = np.array([draw_square(rng, 5, SHAPE) for _ in range(2000)])
    assert corners.min(0).tolist() == [-2, -2]
    assert corners.max(0).tolist() == [37, 67]


@pytest.mark.parametrize("smoothing", [0.0, 1.5])
def test_a_shape_has_its_centre_of_mass_in_the_marker_and_is_as_deep_as_its_fade(smoothing: float) -> None:
    for seed in range(10):
        square = np.array([20, 33])
        one = draw_particle(np.random.default_rng(seed), RANGES, square, 15.0, smoothing)
        rows, cols = np.indices(one.patch.shape)
        centre = [(grid * one.patch).sum() / one.patch.sum() for grid in (rows, cols)] + one.low
        assert centre == pytest.approx(square + (RANGES.marker_wpx - 1) / 2, abs=1e-3)
        assert one.patch.max() == pytest.approx(0.3)
        assert 0.7 * 15 - 0.5 <= one.side <= 1.2 * 15 + 0.5


def test_shapes_are_never_smaller_than_three_pixels() -> None:
    assert draw_particle(np.random.default_rng(1), RANGES, np.zeros(2, np.intp), 0.4, 0.0).side == 3


def test_boxes_end_at_the_first_row_and_column() -> None:
    assert square_box(np.array([4, 60]), 5) == (slice(4, 9), slice(60, 65))
    assert square_box(np.array([-3, -9]), 5) == (slice(0, 2), slice(0, 0))


def particle(low: tuple[int, int], depth: float = 0.3) -> Particle:
    patch = np.full((6, 6), depth, np.float32)
    return Particle(patch, np.array(low), np.array(low), square_box(np.array(low), 6), 6, depth)


@pytest.mark.parametrize(
    ("low", "rows", "cols"),
    [
        ((10, 50), slice(10, 16), slice(50, 56)),
        ((-2, 67), slice(0, 4), slice(67, 70)),
        ((38, -4), slice(38, 40), slice(0, 2)),
    ],
)
def test_a_shape_is_taken_off_where_it_lies(low: tuple[int, int], rows: slice, cols: slice) -> None:
    image = np.full(SHAPE, 0.9, np.float32)
    assert take_off(image, particle(low))
    expected = np.full(SHAPE, 0.9, np.float32)
    expected[rows, cols] -= 0.3
    assert image == pytest.approx(expected)


def test_what_could_not_be_seen_is_not_taken_off() -> None:
    dark = np.full(SHAPE, FLOOR + 0.1, np.float32)
    before = dark.copy()
    assert not take_off(dark, particle((10, 50)))
    np.testing.assert_array_equal(dark, before)
    assert take_off(dark, replace(particle((10, 50), 0.2)))
    assert dark.min() == pytest.approx(FLOOR)
    assert not take_off(before, particle((50, 20))), "beyond the image"
