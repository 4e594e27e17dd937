import numpy as np
import pytest

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.imaging.normalise import pad_with_noise


@pytest.fixture
def image():
    return np.random.default_rng(3).normal(2, 0.5, (150, 211)).astype(np.float32)


def test_without_a_margin_the_padding_is_at_the_end(image):
    padded, offset = pad_with_noise(image)
    assert padded.shape == (160, 224)
    assert padded.dtype == np.float32
    assert offset == (0, 0)
    np.testing.assert_array_equal(padded[:150, :211], image)


@pytest.mark.parametrize("margin", [1, 16, 37])
def test_the_offset_says_where_the_image_lies(image, margin):
    padded, (row, col) = pad_with_noise(image, 32, margin)
    assert (row, col) == (margin, margin)
    assert padded.shape[0] % 32 == padded.shape[1] % 32 == 0
    assert padded.shape[0] - row - 150 >= margin
    assert padded.shape[1] - col - 211 >= margin
    np.testing.assert_array_equal(padded[row : row + 150, col : col + 211], image)


def test_the_noise_looks_like_the_background(image):
    image[50:60, 50:60] = -40
    padded, _ = pad_with_noise(image, 16, 80)
    for strip in (padded[:80], padded[-80:], padded[80:230, :80], padded[80:230, 291:]):
        assert abs(strip.mean() - 2) < 0.05
        assert abs(strip.std() - 0.5) < 0.03


def test_the_seed_fixes_the_noise(image):
    one, again, other = (pad_with_noise(image, 16, 5, seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_fitting_image_is_not_padded(image):
    padded, _ = pad_with_noise(image[:144, :208])
    np.testing.assert_array_equal(padded, image[:144, :208])


@pytest.mark.parametrize(("multiple", "margin"), [(0, 0), (16, -1)])
def test_senseless_parameters_are_refused(image, multiple, margin):
    with pytest.raises(ParameterError, match="cannot pad"):
        pad_with_noise(image, multiple, margin)
