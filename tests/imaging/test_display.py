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


@pytest.mark.parametrize("denoise", [False, True])
@pytest.mark.parametrize("side", [40, 5000])
def test_a_copy_is_as_small_as_asked(denoise: bool, side: int) -> None:
    pixels = np.random.default_rng(3).normal(size=(90, 130)).astype(np.float32)
    copy = display_image(pixels, 1.5, DisplayFilter(denoise=denoise), max_side=side)
    assert copy.image.shape == ((23, 33) if side == 40 else (90, 130))
    assert copy.translate == ((1.5, 1.5) if side == 40 else (0, 0))


@settings(max_examples=30, deadline=None)
@given(st.integers(30, 80), st.integers(85, 130), st.integers(33, 130), st.data())
def test_a_bright_patch_is_found_again(rows: int, cols: int, side: int, data: st.DataObject) -> None:
    row, col = data.draw(st.integers(6, rows - 7)), data.draw(st.integers(6, cols - 7))
    pixels = np.zeros((rows, cols), np.float32)
    pixels[row - 4 : row + 5, col - 4 : col + 5] = 1.0
    copy = display_image(pixels, max_side=side)
    grey = copy.image.astype(float)
    centre = (np.indices(grey.shape) * grey).sum(axis=(1, 2)) / grey.sum()
    place = centre * np.array(copy.scale) + np.array(copy.translate)
    # The brightest blocks are clipped; a copy that lay half a block beside would be off by (scale - 1) / 2.
    np.testing.assert_allclose(place, [row, col], atol=0.15 * copy.scale[0])


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


@pytest.mark.parametrize("filter", [DisplayFilter(20), DisplayFilter(20, 300), DisplayFilter(denoise=True)])
def test_a_hot_pixel_leaves_no_blot(filter: DisplayFilter) -> None:
    pixels = np.random.default_rng(3).normal(size=(240, 360)).astype(np.float32)
    hot = pixels.copy()
    hot[100, 200] = 1e7
    images = [display_image(one, 2.0, filter).image.astype(float) for one in (pixels, hot)]
    assert (np.abs(images[0] - images[1]) > 25).mean() < 0.001


def test_a_gradient_leaves_no_bright_edges_behind_a_high_pass() -> None:
    flat = np.random.default_rng(4).normal(size=(240, 360)).astype(np.float32)
    tilted = (
        flat + np.linspace(0, 6, 360, dtype=np.float32) - np.linspace(0, 3, 240, dtype=np.float32)[:, None]
    )
    filter = DisplayFilter(8, 200)
    images = [display_image(one, 2.0, filter).image.astype(float) for one in (flat, tilted)]
    assert np.abs(images[0] - images[1]).max() < 10


@pytest.mark.parametrize("shape", [(97, 131), (64, 128), (1, 50)])
@pytest.mark.parametrize("side", [30, 64, 200])
def test_blocks_at_the_edge_are_whole_or_filled_up(shape: tuple[int, int], side: int) -> None:
    pixels = np.add.outer(np.arange(shape[0]), 2.0 * np.arange(shape[1]))
    copy = display_image(pixels, max_side=side)
    block = int(copy.scale[0])
    assert copy.image.shape == tuple(-(-n // block) for n in shape)
    assert copy.image[-1, -1] == copy.image.max()
    assert copy.image[0, 0] == copy.image.min()
