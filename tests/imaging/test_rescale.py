import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.imaging.rescale import DIAMETER_WPX, rescale, to_px, to_wpx, working_shape

sides = st.integers(150, 260)
working_sides = st.integers(60, 300)


def blob(shape, centre, sigma):
    rows = np.exp(-((np.arange(shape[0]) - centre[0]) ** 2) / (2 * sigma[0] ** 2))
    cols = np.exp(-((np.arange(shape[1]) - centre[1]) ** 2) / (2 * sigma[1] ** 2))
    return np.outer(rows, cols).astype(np.float32)


def centre_of_mass(image):
    grids = np.meshgrid(*(np.arange(n) for n in image.shape), indexing="ij")
    return np.array([(grid * image).sum() for grid in grids]) / image.sum()


@settings(deadline=None, max_examples=40)
@given(sides, sides, working_sides, working_sides, st.floats(0.4, 0.6), st.floats(0.4, 0.6))
def test_a_particle_comes_back_where_it_was(rows, cols, rows_w, cols_w, row_part, col_part):
    shape, shape_w = (rows, cols), (rows_w, cols_w)
    factor = np.array(shape) / np.array(shape_w)
    centre = np.array([rows * row_part, cols * col_part])
    image = blob(shape, centre, np.maximum(2.5, 2.5 * factor))
    found = centre_of_mass(rescale(image, shape_w))
    assert np.abs(found - to_wpx([centre], shape, shape_w)[0]).max() < 0.01
    assert np.abs(to_px([found], shape, shape_w)[0] - centre).max() < 0.01 * max(1, factor.max())


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_the_mean_is_kept_on_any_shape(rows, cols, rows_w, cols_w, seed):
    image = np.random.default_rng(seed).normal(5, 1, (rows, cols)).astype(np.float32)
    result = rescale(image, (rows_w, cols_w))
    assert result.shape == (rows_w, cols_w)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result.mean(), image.mean(), rtol=1e-5)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 30), st.integers(2, 30), st.integers(0, 20), st.integers(0, 20), st.integers(0, 99))
def test_enlarging_and_shrinking_again_loses_nothing(rows, cols, more_rows, more_cols, seed):
    image = np.random.default_rng(seed).normal(0, 1, (rows, cols)).astype(np.float32)
    larger = rescale(image, (rows + more_rows, cols + more_cols))
    np.testing.assert_allclose(rescale(larger, (rows, cols)), image, atol=2e-5)


@pytest.mark.parametrize("shape", [(12, 18), (13, 17), (12, 17)])
def test_enlarging_by_whole_numbers_keeps_the_samples(shape):
    image = np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)
    larger = rescale(image, (shape[0] * 3, shape[1] * 2))
    np.testing.assert_allclose(larger[::3, ::2], image, atol=1e-5)


def test_the_same_shape_is_the_same_image():
    image = np.random.default_rng(0).normal(0, 1, (31, 46)).astype(np.float32)
    np.testing.assert_allclose(rescale(image, (31, 46)), image, atol=1e-5)


def test_frequencies_above_the_new_limit_vanish_and_those_below_stay():
    row, col = np.mgrid[:90, :120]
    low, high = np.cos(2 * np.pi * 4 * col / 120), np.cos(2 * np.pi * 40 * row / 90)
    result = rescale((low + high).astype(np.float32), (30, 40))
    np.testing.assert_allclose(result, np.broadcast_to(low[0, ::3], (30, 40)), atol=1e-5)


def test_blocks_do_not_change_the_result():
    image = np.random.default_rng(0).integers(-128, 128, (1100, 1030)).astype(np.int8)
    spectrum = np.fft.rfft2(image.astype(np.float64))
    kept = np.concatenate([spectrum[:51, :76], spectrum[-50:, :76]])
    expected = np.fft.irfft2(kept, s=(101, 151)) * (101 * 151) / image.size
    np.testing.assert_allclose(rescale(image, (101, 151)), expected, atol=1e-3)


def test_the_block_filter_sees_every_row_once():
    image = np.arange(2000 * 700, dtype=np.float32).reshape(2000, 700)
    seen = []

    def remember(block):
        seen.append(block[:, 0] // 700)
        return block

    rescale(image, (50, 40), remember)
    assert sorted(np.concatenate(seen)) == list(range(2000))


def test_a_diameter_becomes_21_working_pixels():
    shape = (3838, 3710)
    rows, cols = working_shape(shape, 1.06, 150.0)
    assert (rows, cols) == (570, 551)
    assert abs(150 / 1.06 * rows / shape[0] - DIAMETER_WPX) < 0.02
    assert working_shape((2, 3), 1.0, 1000.0) == (1, 1)


@pytest.mark.parametrize(
    ("pixel_size", "diameter"), [(0, 100), (1, 0), (-1, 100), (1, np.nan), (np.inf, 100)]
)
def test_lengths_must_be_positive(pixel_size, diameter):
    with pytest.raises(ParameterError, match="positive"):
        working_shape((100, 200), pixel_size, diameter)


def test_lengths_must_fit_each_other():
    with pytest.raises(ParameterError, match="pixels across"):
        working_shape((4096, 4096), 10.0, 18.0)
    with pytest.raises(ParameterError, match="working pixels"):
        working_shape((8192, 11520), 10.0, 40.0)


def test_an_empty_image_is_refused():
    with pytest.raises(ParameterError, match="rescale"):
        rescale(np.zeros((0, 5)), (3, 3))


@settings(deadline=None, max_examples=40)
@given(
    st.tuples(st.integers(1, 9000), st.integers(1, 9000)),
    st.tuples(st.integers(1, 900), st.integers(1, 900)),
    st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)), max_size=5),
)
def test_coordinates_make_the_round_trip(shape, shape_w, points):
    yx = np.array(points).reshape(-1, 2)
    np.testing.assert_allclose(to_px(to_wpx(yx, shape, shape_w), shape, shape_w), yx, rtol=1e-12, atol=1e-9)
