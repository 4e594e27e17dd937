import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_hydrapicker.imaging.tiles import closed, connected, eroded, grow, opened, robust, tile_statistics

AREAS = arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 17)))


def test_tiles_have_the_mean_and_deviation_of_their_pixels():
    image = np.random.default_rng(0).normal(100, 3, (23, 38)).astype(np.float32)
    mean, deviation = tile_statistics(image, 4)
    tiles = image[:20, :36].reshape(5, 4, 9, 4)
    np.testing.assert_allclose(mean, tiles.mean((1, 3)) - image.mean(), atol=1e-4)
    np.testing.assert_allclose(deviation, tiles.std((1, 3)), atol=1e-4)


def test_a_few_outliers_do_not_change_the_spread():
    values = np.random.default_rng(0).normal(5, 2, 30_000)
    values[:900] = 1e6
    centre, spread = robust(values)
    assert centre == pytest.approx(5, abs=0.15)
    assert spread == pytest.approx(2, rel=0.1)


@given(AREAS, st.integers(0, 3))
@settings(deadline=None)
def test_growing_reaches_as_far_as_it_says(area, tiles):
    rows, cols = np.nonzero(area)
    expected = np.zeros(area.shape, np.bool_)
    for y, x in zip(rows, cols, strict=True):
        expected[max(0, y - tiles) : y + tiles + 1, max(0, x - tiles) : x + tiles + 1] = True
    np.testing.assert_array_equal(grow(area, tiles), expected)


@given(AREAS, st.sampled_from([1, 3, 5]))
@settings(deadline=None)
def test_opening_keeps_what_whole_squares_cover_and_closing_fills_what_they_cannot_reach(area, side):
    rows, cols = area.shape
    expected = np.zeros(area.shape, np.bool_)
    for y in range(rows - side + 1):
        for x in range(cols - side + 1):
            square = (slice(y, y + side), slice(x, x + side))
            expected[square] |= area[square].all()
    np.testing.assert_array_equal(opened(area, side), expected)
    filled = closed(area, side)
    assert filled[area].all()
    assert not opened(filled & ~area, side).any()


def test_a_square_must_fit_into_the_image():
    assert not eroded(np.ones((6, 20), np.bool_), 7).any()
    np.testing.assert_array_equal(np.argwhere(eroded(np.ones((5, 7), np.bool_), 5)), [[2, 2], [2, 3], [2, 4]])


def test_only_parts_with_a_core_are_connected_with_it():
    area = np.zeros((8, 20), np.bool_)
    area[1:3, 1:5], area[4:7, 8:12], area[0:2, 15:19] = True, True, True
    core = np.zeros_like(area)
    core[1, 1], core[5, 9], core[7, 0] = True, True, True
    np.testing.assert_array_equal(connected(area, core), area & (np.arange(20) < 14))
