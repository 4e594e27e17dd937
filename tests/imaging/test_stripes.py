import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_hydrapicker.imaging.stripes import without_stripes


def picture(seed, shape=(200, 330)):
    """Noise with particles, and a mask that leaves a corner out: (H, W)."""
    rng = np.random.default_rng(seed)
    image = ndimage.gaussian_filter(rng.normal(size=shape), 0.7)
    image /= image.std()
    row, col = np.indices(shape)
    for y, x in rng.uniform(0, 1, (40, 2)) * shape:
        image[(row - y) ** 2 + (col - x) ** 2 < 100] -= 1.5
    return image.astype(np.float32), (row > 60) | (col > 90)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**31), st.floats(0.15, 3), st.booleans())
def test_rows_and_columns_come_off(seed, strength, masked):
    image, mask = picture(seed)
    mask = mask if masked else np.ones_like(mask)
    rng = np.random.default_rng(seed + 1)
    rows, cols = strength * rng.normal(size=(200, 1)), strength * rng.normal(size=(1, 330))
    striped = (image + rows + cols).astype(np.float32)
    found = without_stripes(striped, mask)
    left, before = (one - image for one in (found, striped))
    assert left[mask].std() < 0.35 * before[mask].std() + 0.12
    assert (found.shape, found.dtype) == (image.shape, np.float32)


def test_a_dead_column_disappears_and_nothing_else_changes():
    image, mask = picture(3)
    dead = image.copy()
    dead[:, 40:42] -= 8
    found = without_stripes(dead, np.ones_like(mask))
    assert np.abs(found - image)[:, 40:42].mean() < 0.5
    assert np.abs(found - image)[:, 60:].max() < 0.5


@pytest.mark.parametrize("seed", range(20))
def test_an_image_without_stripes_stays_as_it_is(seed):
    image, mask = picture(seed)
    assert without_stripes(image, mask) is image
    assert without_stripes(image, np.zeros_like(mask)) is image
    assert without_stripes(image[:60], mask[:60]).base is image


def test_slow_changes_and_edges_are_no_stripes():
    image, mask = picture(5)
    row, col = np.indices(image.shape)
    for change in (row / 40 + col / 90, 3.0 * (row > 120 + col / 9), 2 * np.sin(row / 30)):
        made = (image + change).astype(np.float32)
        assert np.abs(without_stripes(made, np.ones_like(mask)) - made).max() < 0.6


@pytest.mark.parametrize("pitch", [(22, 22), (26, 26), (42, 42), (40, 23)])
def test_regularly_packed_particles_are_no_stripes(pitch):
    rng = np.random.default_rng(0)
    image = rng.normal(size=(400, 480)).astype(np.float32)
    row, col = np.indices(image.shape)
    for y in range(20, 390, pitch[0]):
        for x in range(20, 470, pitch[1]):
            dy, dx = rng.normal(0, 1.5, 2)
            image[(row - y - dy) ** 2 + (col - x - dx) ** 2 < 110] -= 3
    assert without_stripes(image, np.ones(image.shape, bool)) is image
