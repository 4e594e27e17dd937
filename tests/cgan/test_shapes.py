"""Random-walk shapes (Algorithm 1) and how they are resized."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_hydrapicker.cgan.synthesis import random_walk_shape, resized
from napari_hydrapicker.errors import ParameterError

shapes = st.builds(
    lambda steps, seed: random_walk_shape(steps, np.random.default_rng(seed)),
    st.integers(1, 400),
    st.integers(0, 10**6),
)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 400), st.integers(0, 10**6))
def test_a_walk_is_one_piece_that_fills_its_extent(steps: int, seed: int) -> None:
    shape = random_walk_shape(steps, np.random.default_rng(seed))
    assert ndimage.label(shape, np.ones((3, 3)))[1] == 1
    assert 1 <= shape.sum() <= steps
    assert max(shape.shape) <= steps
    for side in (shape[0], shape[-1], shape[:, 0], shape[:, -1]):
        assert side.any()


def test_all_eight_neighbours_are_equally_likely() -> None:
    rng = np.random.default_rng(3)
    counts: dict[str, int] = {}
    for _ in range(4000):
        key = str(random_walk_shape(2, rng).astype(int).tolist())  # two places, one step apart
        counts[key] = counts.get(key, 0) + 1
    expected = {"[[1, 1]]": 1000, "[[1], [1]]": 1000, "[[1, 0], [0, 1]]": 1000, "[[0, 1], [1, 0]]": 1000}
    assert counts.keys() == expected.keys()
    assert all(abs(counts[key] - 1000) < 150 for key in expected)


def test_a_seed_is_one_shape() -> None:
    first, again, other = (random_walk_shape(200, np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or (first != other).any()


@pytest.mark.parametrize("steps", [0, -3, 2_000_000])
def test_walks_of_no_length_are_refused(steps: int) -> None:
    with pytest.raises(ParameterError, match="steps"):
        random_walk_shape(steps, np.random.default_rng(0))


@settings(deadline=None, max_examples=60)
@given(shapes, st.integers(1, 60))
def test_resizing_keeps_the_covered_share_and_its_place(shape: np.ndarray, side: int) -> None:
    square = resized(shape, side)
    assert square.shape == (side, side)
    assert square.min() >= 0
    assert square.max() <= 1 + 1e-5
    assert square.mean() == pytest.approx(shape.mean(), rel=1e-4)

    def middle(image: np.ndarray) -> np.ndarray:  # as parts of the image, which resizing leaves alone
        grids = np.indices(image.shape) + 0.5
        return np.array(
            [(g * image).sum() / image.sum() / n for g, n in zip(grids, image.shape, strict=True)]
        )

    # Mass moves within a pixel of the square by at most half of it.
    assert np.abs(middle(square) - middle(shape)).max() <= 0.5 / side + 1e-4


def test_resizing_by_whole_numbers_repeats_or_averages_pixels() -> None:
    shape = np.array([[1, 0, 1], [0, 0, 1]], bool)  # 2 x 3
    np.testing.assert_allclose(resized(shape, 6), np.repeat(np.repeat(shape, 3, 0), 2, 1), atol=1e-6)
    np.testing.assert_allclose(resized(np.eye(4, dtype=bool), 2), [[0.5, 0], [0, 0.5]], atol=1e-6)
