"""Synthetic pairs (Algorithm 2): shapes where the marks are, no overlaps, everything within its range."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_hydrapicker.cgan.preprocess import FLOOR
from napari_hydrapicker.cgan.synthesis import Pair, synthesise_pair
from napari_hydrapicker.cgan.synthesis_parameters import SynthesisParameters
from napari_hydrapicker.errors import ParameterError

FAINT = SynthesisParameters(contrast=(0.2, 0.2), coverage=(0.4, 0.4))


def bright(rows: int, cols: int) -> np.ndarray:
    """Return a background on which no shape reaches the darkest grey."""
    return np.full((rows, cols), 0.9, np.float32)


def make(background: np.ndarray, parameters: SynthesisParameters | None = None, seed: int = 0) -> Pair:
    return synthesise_pair(background, np.random.default_rng(seed), parameters)


def away_from_border(pair: Pair, margin: float) -> np.ndarray:
    return ((pair.yx >= margin) & (pair.yx <= np.array(pair.image.shape) - 1 - margin)).all(1)


@settings(deadline=None, max_examples=25)
@given(st.integers(40, 150), st.integers(40, 150), st.integers(3, 14), st.integers(0, 10**6))
def test_the_truth_is_the_image_with_black_squares_at_the_centres(
    rows: int, cols: int, marker: int, seed: int
) -> None:
    background = np.random.default_rng(seed).uniform(0.5, 1, (rows, cols)).astype(np.float32)
    pair = make(background, SynthesisParameters(marker_wpx=marker), seed)
    row, col = np.ogrid[:rows, :cols]
    black = np.zeros((rows, cols), bool)
    for y, x in pair.yx:
        black |= (np.abs(row - y) <= (marker - 1) / 2) & (np.abs(col - x) <= (marker - 1) / 2)
    np.testing.assert_array_equal(pair.truth, np.where(black, 0, pair.image))
    assert (pair.image >= FLOOR).all()
    assert (pair.image <= background).all()
    assert ((pair.yx > -0.5) & (pair.yx < np.array([rows, cols]) - 0.5)).all()


def test_shapes_have_their_centre_of_mass_at_the_marks() -> None:
    pair = make(bright(300, 420), replace(FAINT, coverage=(0.1, 0.1), diameter_wpx=(14, 14)), 4)
    depth = 0.9 - pair.image.astype(np.float64)
    checked = 0
    for y, x in pair.yx[away_from_border(pair, 20)]:
        others = pair.yx[(pair.yx != (y, x)).any(1)]
        if np.abs(others - (y, x)).max(1).min() < 32:
            continue
        window = depth[int(y) - 15 : int(y) + 17, int(x) - 15 : int(x) + 17]
        rows, cols = np.indices(window.shape)
        found = [(grid * window).sum() / window.sum() for grid in (rows, cols)]
        np.testing.assert_allclose(found, [y - int(y) + 15, x - int(x) + 15], atol=0.01)
        checked += 1
    assert checked >= 5


@pytest.mark.parametrize("marker", [4, 11])
def test_shapes_and_marks_never_overlap(marker: int) -> None:
    for seed in range(5):
        pair = make(bright(200, 310), replace(FAINT, coverage=(1, 1), marker_wpx=marker), seed)
        assert len(pair.yx) > 60
        # Every shape alone is 0.2 deep; two that overlapped would be deeper somewhere.
        assert 0.9 - pair.image.min() == pytest.approx(0.2, abs=1e-5)
        assert ndimage.label(pair.truth == 0, np.ones((3, 3)))[1] == len(pair.yx)
        inside = pair.yx[away_from_border(pair, marker)]
        distance = np.abs(inside[:, None] - inside).max(2)[~np.eye(len(inside), dtype=bool)]
        assert distance.min() >= marker + 2


def test_each_shape_is_as_deep_as_its_fade_and_as_wide_as_its_size() -> None:
    sizes, contrasts = (8.0, 20.0), (0.15, 0.35)
    parameters = SynthesisParameters(sizes, (0.5, 0.5), contrasts, variation=(0.8, 1.2))
    measured = 0
    for seed in range(4):
        pair = make(bright(260, 190), parameters, seed)
        assert len(pair.contrasts) == len(pair.sizes_px) == len(pair.yx)
        assert ((pair.contrasts >= contrasts[0]) & (pair.contrasts <= contrasts[1])).all()
        assert pair.sizes_px.min() >= sizes[0] * 0.8 - 0.5
        assert pair.sizes_px.max() <= sizes[1] * 1.2 + 0.5
        assert np.ptp(pair.sizes_px) > 0.2 * pair.sizes_px.mean()
        labels, number = ndimage.label(pair.image < 0.9, np.ones((3, 3)))
        depths = ndimage.maximum(0.9 - pair.image, labels, np.arange(1, number + 1))
        for place, depth in zip(ndimage.find_objects(labels), depths, strict=True):
            if not any(s.start == 0 or s.stop == n for s, n in zip(place, pair.image.shape, strict=True)):
                nearest = np.abs(pair.contrasts - depth).argmin()
                measured += abs(pair.contrasts[nearest] - depth) < 1e-5
                extent = max(s.stop - s.start for s in place)
                assert extent <= 2 * pair.sizes_px.max() + 2  # neighbours may touch
    assert measured > 100


def test_the_diameter_is_drawn_once_for_each_pair() -> None:
    chosen = [set(make(bright(128, 160), seed=seed).sizes_px.tolist()) for seed in range(8)]
    assert all(len(sizes) == 1 for sizes in chosen)
    assert len(set.union(*chosen)) > 3


@settings(deadline=None, max_examples=25)
@given(st.floats(0.01, 1), st.floats(6, 25), st.integers(0, 10**6))
def test_there_are_no_more_shapes_than_cover_the_image(coverage: float, diameter: float, seed: int) -> None:
    parameters = SynthesisParameters((diameter, diameter), (coverage, coverage))
    assert len(make(bright(90, 140), parameters, seed).yx) <= round(coverage * 90 * 140 / diameter**2)


def test_a_state_of_the_generator_is_one_pair() -> None:
    background = np.random.default_rng(1).uniform(0.4, 1, (90, 130)).astype(np.float32)
    before = background.copy()
    first, again, other = (make(background, seed=seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(background, before)
    for name in ("image", "truth", "yx", "sizes_px", "contrasts"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert first.yx.shape != other.yx.shape or (first.yx != other.yx).any()


def test_pixels_darker_than_the_darkest_grey_are_left_as_they_are() -> None:
    background = bright(100, 150)
    background[::7] = 0.1
    pair = make(background, replace(FAINT, contrast=(1, 1)))
    np.testing.assert_array_equal(pair.image[::7], background[::7])
    assert pair.image[background > 0.5].min() == pytest.approx(FLOOR)


def test_nothing_is_placed_where_it_could_not_be_seen() -> None:
    background = bright(200, 300)
    background[:, :150] = FLOOR
    pair = make(background, FAINT)
    assert len(pair.yx) > 20
    assert pair.yx[:, 1].min() > 150 - 5  # mostly on the bright half
    assert (make(np.full((90, 90), FLOOR, np.float32)).yx).shape == (0, 2)


def test_smoothing_blurs_the_shapes_and_keeps_their_depth_and_place() -> None:
    sharp, blurred = (
        make(bright(120, 170), replace(FAINT, coverage=(0.2, 0.2), smoothing_wpx=(s, s)), 2)
        for s in (0.0, 2.0)
    )
    for pair in (sharp, blurred):
        assert 0.9 - pair.image.min() == pytest.approx(0.2, abs=1e-5)
    steepest = [np.abs(np.diff(pair.image, axis=1)).max() for pair in (sharp, blurred)]
    assert steepest[1] < 0.5 * steepest[0]


def test_without_shapes_the_truth_is_the_background() -> None:
    background = bright(40, 60)
    pair = make(background, SynthesisParameters(coverage=(0, 0)))
    assert pair.yx.shape == (0, 2)
    assert pair.sizes_px.shape == pair.contrasts.shape == (0,)
    np.testing.assert_array_equal(pair.image, background)
    np.testing.assert_array_equal(pair.truth, background)


@pytest.mark.parametrize(
    "background", [np.zeros((3, 4, 5)), np.zeros((0, 4)), np.full((9, 9), 2.0), np.full((9, 9), np.nan)]
)
def test_backgrounds_that_are_no_grey_image_are_refused(background: np.ndarray) -> None:
    with pytest.raises(ParameterError, match="background"):
        make(background)


def test_a_number_of_particles_is_about_as_many_shapes() -> None:
    wanted = SynthesisParameters.for_particles(20, 150, (500, 700))
    counts = [len(make(bright(500, 700), wanted, seed).yx) for seed in range(12)]
    assert 100 < np.mean(counts) < 200
    assert min(counts) > 50
