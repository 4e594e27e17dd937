"""Filters on synthetic pairs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_hydrapicker.cgan.filters import BandPass, blur_of, filtered_background, filtered_pair
from napari_hydrapicker.cgan.preprocess import FLOOR
from napari_hydrapicker.cgan.synthesis import Pair

SHAPE = (120, 200)
CENTRE = (40, 150)


def noise(blur: float = 0.0) -> np.ndarray:
    white = np.random.default_rng(1).normal(0, 1, SHAPE)
    smooth = ndimage.gaussian_filter(white, blur)
    return np.asarray(0.6 + 0.1 * smooth / smooth.std(), np.float32)


def pair(background: np.ndarray, contrast: float = 0.3) -> Pair:
    """One dark disc of 13 pixels, and its mark."""
    rows, cols = np.ogrid[: SHAPE[0], : SHAPE[1]]
    disc = np.hypot(rows - CENTRE[0], cols - CENTRE[1]) < 6.5
    image = np.where(disc, background - contrast, background).astype(np.float32)
    truth = image.copy()
    truth[CENTRE[0] - 5 : CENTRE[0] + 6, CENTRE[1] - 5 : CENTRE[1] + 6] = 0
    return Pair(image, truth, np.array([CENTRE], np.float64), np.array([13.0]), np.array([contrast]))


@pytest.mark.parametrize("blur", [0.7, 1.0, 1.5, 2.5])
def test_the_blur_of_noise_is_measured(blur: float) -> None:
    assert blur_of(noise(blur)) == pytest.approx(blur, rel=0.1)


def test_white_noise_and_flat_images_are_not_blurred() -> None:
    assert blur_of(noise()) < 0.3
    assert blur_of(np.full(SHAPE, 0.5, np.float32)) == 0
    assert blur_of(np.indices(SHAPE).sum(0).astype(np.float32)) < 10, "a gradient has no end of correlation"


def test_a_band_pass_takes_away_the_fine_and_the_coarse() -> None:
    cols = np.arange(SHAPE[1])
    kept = []
    for period in (3, 20, 400):
        wave = np.tile(np.sin(2 * np.pi * cols / period).astype(np.float32), (SHAPE[0], 1))
        kept.append(BandPass(1.5, 1.0, 6.0)(wave).std() / wave.std())
    fine, middle, coarse = kept
    assert fine < 0.05
    assert middle > 0.6
    assert coarse < 0.2
    without = BandPass(0.0, 0.0, 6.0)(noise())
    assert without == pytest.approx(noise())


def test_a_filtered_background_has_the_grey_levels_of_a_working() -> None:
    filtered = filtered_background(noise(), BandPass(1.5, 0.8, 5.0))
    assert filtered.shape == SHAPE
    assert filtered.mean() == pytest.approx(0.6, abs=0.01)
    assert filtered.std() == pytest.approx(0.125, rel=0.05)
    assert filtered.min() >= np.float32(FLOOR)
    assert filtered.max() <= 1
    assert blur_of(filtered) > 1
    flat = filtered_background(np.full(SHAPE, 0.5, np.float32), BandPass(1.0, 1.0, 5.0))
    assert flat == pytest.approx(np.full(SHAPE, 0.6))


def test_the_background_stays_where_there_is_no_shape() -> None:
    background = noise(1.0)
    made = filtered_pair(pair(background), background, BandPass(1.0, 0.8, 4.0))
    assert np.abs(made.image - background)[:, :100].max() < 1e-6
    assert np.abs(made.image - background)[20:60, 130:170].max() > 0.1


def test_a_halo_is_brighter_than_the_background() -> None:
    background = np.full(SHAPE, 0.6, np.float32)
    made = filtered_pair(pair(background), background, BandPass(1.0, 1.0, 4.0)).image
    row, col = CENTRE
    assert made[row, col] < 0.45
    assert made[row, col + 10] > 0.61
    plain = filtered_pair(pair(background), background, BandPass(1.0, 0.0, 4.0)).image
    assert plain.max() <= 0.6 + 1e-6


def test_what_filtering_takes_of_the_depth_is_given_back() -> None:
    background = np.full(SHAPE, 0.7, np.float32)
    for band in (BandPass(0.0, 0.0, 4.0), BandPass(3.0, 1.0, 4.0)):
        made = filtered_pair(pair(background), background, band).image
        assert background.max() - made.min() == pytest.approx(0.3, abs=0.01)


def test_the_marks_stay_and_the_truth_follows_the_image() -> None:
    background = noise(1.0)
    before = pair(background)
    made = filtered_pair(before, background, BandPass(1.0, 0.5, 4.0))
    marked = before.truth == 0
    assert (made.truth[marked] == 0).all()
    assert np.array_equal(made.truth[~marked], made.image[~marked])
    assert np.array_equal(made.yx, before.yx)
    assert made.image.min() >= np.float32(FLOOR)


def test_a_pair_without_shapes_is_its_background() -> None:
    background = noise()
    nothing = np.empty(0)
    empty = Pair(background, background, np.empty((0, 2)), nothing, nothing)
    assert filtered_pair(empty, background, BandPass(1.0, 0.5, 4.0)).image is background
