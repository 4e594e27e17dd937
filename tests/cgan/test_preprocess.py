"""The working image: its scale, its grey levels, and coordinates that come back without a shift."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hydrapicker.cgan.preprocess import (
    CGAN_DIAMETER_WPX,
    FLOOR,
    PAPER_SIDE_WPX,
    WorkingImage,
    equalise,
    to_working_image,
    working_shape,
)
from napari_hydrapicker.errors import MicrographError, ParameterError
from napari_hydrapicker.io.edited_mask import EditedMask

Shape = tuple[int, int]


def micrograph(shape: Shape, centres: np.ndarray, diameter: float, seed: int = 0) -> np.ndarray:
    """Noise with dark Gaussian particles."""
    image = np.random.default_rng(seed).normal(100, 5, shape)
    row, col = np.ogrid[: shape[0], : shape[1]]
    for y, x in centres:
        image -= 60 * np.exp(-((row - y) ** 2 + (col - x) ** 2) / (2 * (diameter / 5) ** 2))
    return image.astype(np.float32)


sides = st.integers(1, 9000)
working_sides = st.integers(16, 900)
points = st.lists(st.tuples(st.floats(-50, 9000), st.floats(-50, 9000)), min_size=1, max_size=20)


@settings(deadline=None, max_examples=60)
@given(st.tuples(sides, sides), st.tuples(working_sides, working_sides), points)
def test_coordinates_go_both_ways(shape_px: Shape, shape_wpx: Shape, yx: list[tuple[float, float]]) -> None:
    working = WorkingImage(np.zeros(shape_wpx, np.float32), np.ones(shape_wpx, bool), shape_px)
    np.testing.assert_allclose(working.to_px(working.to_wpx(yx)), yx, rtol=1e-12, atol=1e-9)
    np.testing.assert_array_equal(working.to_wpx([(0, 0)]), [(0, 0)])
    np.testing.assert_allclose(working.to_px([shape_wpx]), [shape_px])
    assert working.to_px(np.empty((0, 2))).shape == (0, 2)


@settings(deadline=None, max_examples=12)
@given(st.integers(150, 420), st.integers(150, 420), st.floats(14, 45), st.integers(0, 99), st.booleans())
def test_a_particle_comes_back_where_it_was(
    rows: int, cols: int, diameter: float, seed: int, known: bool
) -> None:
    rng = np.random.default_rng(seed)
    centre = rng.uniform(60, np.array([rows, cols]) - 60)
    working = to_working_image(
        micrograph((rows, cols), centre[None], diameter, seed), diameter if known else None
    )
    factor = np.array(working.shape_wpx) / (rows, cols)
    place = working.to_wpx(centre[None])[0]
    row, col = np.ogrid[: working.shape_wpx[0], : working.shape_wpx[1]]
    near = np.hypot((row - place[0]) / factor[0], (col - place[1]) / factor[1]) < 0.4 * diameter
    weight = np.where(near, 1 - working.image, 0) ** 2
    middle = np.array([(row * weight).sum(), (col * weight).sum()]) / weight.sum()
    found = working.to_px(middle[None])[0]
    assert np.abs(found - centre).max() < 0.05 * diameter


@settings(deadline=None, max_examples=40)
@given(st.integers(400, 9000), st.integers(400, 9000), st.floats(20, 300))
def test_a_known_diameter_has_the_same_size_on_every_working(rows: int, cols: int, diameter: float) -> None:
    shape = working_shape((rows, cols), diameter)
    for n, n_px in zip(shape, (rows, cols), strict=True):
        assert abs(n - n_px * CGAN_DIAMETER_WPX / diameter) <= 0.5


@pytest.mark.parametrize(
    ("shape", "expected"), [((4096, 4096), (512, 512)), ((3838, 3710), (512, 495)), ((200, 1000), (102, 512))]
)
def test_without_a_diameter_the_longer_side_is_the_paper_s(shape: Shape, expected: Shape) -> None:
    assert working_shape(shape, None) == expected
    assert max(expected) == PAPER_SIDE_WPX


def test_grey_levels_run_from_the_floor_to_one_and_particles_stay_dark() -> None:
    centres = np.array([(60.0, 80.0), (150.0, 300.0)])
    pixels = micrograph((240, 400), centres, 40)
    working = to_working_image(pixels, 40)
    assert working.image.dtype == np.float32
    assert working.image.shape == working.mask.shape == working.shape_wpx == (120, 200)
    assert working.shape_px == (240, 400)
    assert working.image.min() == pytest.approx(FLOOR, abs=0.01)
    assert working.image.max() == pytest.approx(1, abs=0.01)
    assert abs(np.median(working.image) - (1 + FLOOR) / 2) < 0.05
    for row, col in np.round(working.to_wpx(centres)).astype(int):
        assert working.image[row, col] < 0.4


def test_the_micrograph_s_grey_scale_and_number_type_do_not_matter() -> None:
    pixels = micrograph((200, 320), np.array([(90.0, 200.0)]), 40)
    working = to_working_image(pixels, 40)
    stretched = to_working_image(pixels * 7 - 1000, 40)
    np.testing.assert_allclose(stretched.image, working.image, atol=0.01)
    coarse = to_working_image(np.round(pixels * 8).astype(np.int16), 40)
    np.testing.assert_allclose(coarse.image, working.image, atol=0.02)


def test_slow_gradients_are_removed() -> None:
    pixels = micrograph((300, 500), np.empty((0, 2)), 30)
    tilted = pixels + np.linspace(0, 80, 500, dtype=np.float32)
    image = to_working_image(tilted, 30).image
    assert abs(image[:, 60:120].mean() - image[:, -120:-60].mean()) < 0.03


def test_blank_strips_are_masked_and_flat_unless_told_otherwise() -> None:
    pixels = micrograph((600, 800), np.empty((0, 2)), 30)
    pixels[:, 700:] = pixels[:, 699:700]
    working = to_working_image(pixels, 30)
    strip = working.image[:, 480:]
    assert not working.mask[:, 480:].any()
    assert working.mask[40:-40, 40:420].all()
    assert strip.std() < 0.02
    assert to_working_image(pixels, 30, use_mask=False).mask.all()


def test_broken_pixels_do_no_harm() -> None:
    pixels = micrograph((200, 320), np.empty((0, 2)), 40)
    whole = to_working_image(pixels, 40).image
    pixels[100, 50], pixels[30, 200], pixels[31, 200] = np.nan, np.inf, 1e9
    broken = to_working_image(pixels, 40).image
    assert np.isfinite(broken).all()
    assert np.abs(broken - whole).mean() < 0.02


def test_equalising_does_not_care_how_small_the_image_is() -> None:
    for shape in ((16, 16), (17, 300), (130, 129)):
        levels = equalise(np.random.default_rng(0).normal(0, 1, shape).astype(np.float32))
        assert levels.shape == shape
        assert FLOOR - 1e-6 <= levels.min() < levels.max() <= 1


@pytest.mark.parametrize("diameter", [0.0, -5.0, 2.0, 101.0, float("nan"), float("inf")])
def test_diameters_that_do_not_fit_are_refused(diameter: float) -> None:
    with pytest.raises(ParameterError, match="100 x 250"):
        working_shape((100, 250), diameter)


def test_working_images_that_would_be_too_large_or_too_narrow_are_refused() -> None:
    with pytest.raises(ParameterError, match="too large"):
        working_shape((8192, 11520), 3)
    with pytest.raises(ParameterError, match="too narrow"):
        working_shape((10, 2000), None)


def test_what_is_no_micrograph_is_refused() -> None:
    with pytest.raises(MicrographError, match="one micrograph"):
        to_working_image(np.zeros((3, 100, 100)), 20)
    with pytest.raises(MicrographError, match="contrast"):
        to_working_image(np.full((100, 150), 7, np.int8), 20)


def test_what_the_user_painted_takes_the_place_of_what_would_be_found() -> None:
    image = micrograph((300, 470), np.array([[100.0, 400.0]]), 30)
    image[:60] = image[60]
    left_out = np.zeros((300, 470), bool)
    left_out[200:260, 350:470] = True
    edited = EditedMask.from_left_out(left_out, (300, 470))
    working = to_working_image(image, 40.0, edited=edited)  # two micrograph pixels one of the working image
    assert working.mask.shape == (150, 235)
    expected = np.ones((150, 235), bool)
    expected[100:130, 175:] = False
    np.testing.assert_array_equal(working.mask, expected)
    assert not to_working_image(image, 40.0).mask[:25].any()
    assert to_working_image(image, 40.0, use_mask=False, edited=edited).mask.all()


def test_with_all_painted_over_there_is_still_a_working() -> None:
    edited = EditedMask.from_left_out(np.ones((300, 470), bool), (300, 470))
    working = to_working_image(micrograph((300, 470), np.array([[100.0, 400.0]]), 30), 40.0, edited=edited)
    assert not working.mask.any()
    assert np.isfinite(working.image).all()
