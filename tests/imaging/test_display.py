"""Copies for the eye: where their pixels lie, and what filters leave."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hydrapicker.imaging.display import DisplayFilter, display_image


@settings(max_examples=30, deadline=None)
@given(
    st.integers(20, 90), st.integers(20, 130), st.integers(10, 140),
    st.integers(0, 10**6), st.integers(0, 10**6),
)  # fmt: skip
def test_a_spot_is_displayed_where_it_is(rows: int, cols: int, side: int, row: int, col: int) -> None:
    pixels = np.zeros((rows, cols), np.float32)
    row, col = row % rows, col % cols
    pixels[row, col] = 1.0
    copy = display_image(pixels, max_side=side)
    assert max(copy.image.shape) <= side
    assert copy.extent_px == (rows, cols)
    i, j = np.unravel_index(np.argmax(copy.image), copy.image.shape)
    if copy.image.max() == copy.image.min():
        return  # one bright pixel is beyond the percentiles of a large image
    place = np.array([i, j]) * np.array(copy.scale) + np.array(copy.translate)
    # The spot lies in the block whose centre this is.
    assert (np.abs(place - (row, col)) <= (copy.scale[0] - 1) / 2 + 1e-9).all()
    np.testing.assert_allclose(copy.to_display(place[None]), [[i, j]], atol=1e-9)


def test_a_centred_blob_keeps_its_centre() -> None:
    y, x = np.mgrid[:300, :500]
    pixels = np.exp(-((y - 100.0) ** 2 + (x - 320.0) ** 2) / 200).astype(np.float32)
    for filter in (None, DisplayFilter(30, 2000), DisplayFilter(denoise=True)):
        copy = display_image(pixels, 2.0, filter, max_side=100)
        weight = np.clip(copy.image.astype(float) - 128, 0, None)
        i, j = (np.indices(copy.image.shape) * weight).sum(axis=(1, 2)) / weight.sum()
        place = np.array([i, j]) * np.array(copy.scale) + np.array(copy.translate)
        np.testing.assert_allclose(place, [100, 320], atol=0.7)


@pytest.mark.parametrize("kind", [np.int8, np.uint16, np.float16, np.float32])
def test_all_number_types_are_shown(kind: type) -> None:
    ramp = np.arange(60 * 80).reshape(60, 80) % 100
    image = display_image(ramp.astype(kind)).image
    assert image.dtype == np.uint8
    assert image.min() == 0
    assert image.max() == 255


def test_broken_pixels_do_not_spoil_the_contrast() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.normal(size=(200, 300)).astype(np.float32)
    pixels[3, 4], pixels[5, 6], pixels[7, 8] = np.nan, np.inf, 1e9
    image = display_image(pixels).image
    assert 40 < image.std() < 90
    assert abs(int(np.median(image)) - 128) < 10


@pytest.mark.parametrize("pixels", [np.full((40, 60), 7.0), np.full((40, 60), np.nan)])
def test_an_image_without_contrast_is_grey(pixels: np.ndarray) -> None:
    assert (display_image(pixels).image == 128).all()


def test_low_pass_removes_noise_and_high_pass_gradients() -> None:
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:256, :256]
    wave = np.sin(x / 256 * 2 * np.pi * 16)  # 16 px, 32 A long
    noisy = (wave + rng.normal(size=x.shape) + 10 * np.sin(y / 256 * np.pi)).astype(np.float32)

    def likeness(filter: DisplayFilter | None) -> float:
        return float(np.corrcoef(display_image(noisy, 2.0, filter).image.ravel(), wave.ravel())[0, 1])

    assert likeness(DisplayFilter(20, 150)) > 0.8 > 0.3 > likeness(None)


def test_lengths_mean_nothing_without_a_pixel_size() -> None:
    pixels = np.random.default_rng(2).normal(size=(64, 80))
    filtered = display_image(pixels, None, DisplayFilter(low_pass_angstrom=50))
    np.testing.assert_array_equal(filtered.image, display_image(pixels).image)
