"""Crops are centred on their picks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hydrapicker.imaging.display import display_image, particle_crops

TRUTH = np.array([[60.0, 310.0], [201.5, 47.25], [120.0, 160.0]])


@pytest.fixture
def blobs() -> np.ndarray:
    """Bright blobs at the truth on an image that is not square."""
    y, x = np.mgrid[:260, :400]
    return sum(np.exp(-((y - r) ** 2 + (x - c) ** 2) / 50) for r, c in TRUTH).astype(np.float32)


@pytest.mark.parametrize("side", [400, 200, 134])
def test_a_particle_is_in_the_middle_of_its_crop(blobs: np.ndarray, side: int) -> None:
    crops = particle_crops(display_image(blobs, max_side=side), TRUTH, 48.0, 32)
    assert crops.shape == (3, 32, 32)
    for crop in crops.astype(float):
        centre = (np.indices(crop.shape) * crop).sum(axis=(1, 2)) / crop.sum()
        np.testing.assert_allclose(centre, 15.5, atol=0.25)


@settings(max_examples=25, deadline=None)
@given(st.floats(40, 200), st.floats(40, 340), st.sampled_from([400, 200, 134]))
def test_any_pick_is_in_the_middle(row: float, col: float, side: int) -> None:
    y, x = np.mgrid[:240, :380]
    blob = np.exp(-((y - row) ** 2 + (x - col) ** 2) / 50).astype(np.float32)
    crop = particle_crops(display_image(blob, max_side=side), np.array([[row, col]]), 48.0, 24)[0]
    centre = (np.indices(crop.shape) * crop.astype(float)).sum(axis=(1, 2)) / crop.sum()
    np.testing.assert_allclose(centre, 11.5, atol=0.3)


def test_up_is_up_and_left_is_left(blobs: np.ndarray) -> None:
    (crop,) = particle_crops(display_image(blobs), TRUTH[:1] + np.array([8, -12]), 48.0, 32)
    centre = (np.indices(crop.shape) * crop.astype(float)).sum(axis=(1, 2)) / crop.sum()
    assert centre[0] < 14, "the particle lies above the pick"
    assert centre[1] > 18, "and to its right"


def test_beyond_the_edge_a_crop_is_grey(blobs: np.ndarray) -> None:
    (crop,) = particle_crops(display_image(blobs), np.array([[0.0, 399.0]]), 40.0, 20)
    outside = crop[:9, 11:]
    assert (outside == outside[0, 0]).all()


def test_no_picks_give_no_crops(blobs: np.ndarray) -> None:
    assert particle_crops(display_image(blobs), np.empty((0, 2)), 40.0, 20).shape == (0, 20, 20)
