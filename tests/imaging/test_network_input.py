"""The last step before the network, the same in training and in picking."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import fft, ndimage

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.imaging.prepare import network_input


@pytest.fixture
def image() -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=(150, 231))
    coloured = ndimage.gaussian_filter(noise, 1.5) + 0.02 * noise
    return (coloured / coloured.std()).astype(np.float32)


def slope(image: np.ndarray) -> float:
    """Power at low frequencies over that at high ones."""
    power = np.abs(fft.rfft2(image)) ** 2
    radius = np.hypot(fft.fftfreq(image.shape[0])[:, None], fft.rfftfreq(image.shape[1])[None])
    return float(power[(radius > 0.02) & (radius < 0.1)].mean() / power[radius > 0.3].mean())


def test_strength_zero_changes_nothing(image: np.ndarray) -> None:
    np.testing.assert_array_equal(network_input(image, None, 0.0), image)


def test_whitening_flattens_the_spectrum_and_normalises_again(image: np.ndarray) -> None:
    half, full = (network_input(image, None, strength) for strength in (0.5, 1.0))
    assert slope(image) > 3 * slope(half) > 3 * slope(full)
    for made in (half, full):
        assert made.shape == image.shape
        assert made.dtype == np.float32
        assert made.mean() == pytest.approx(0, abs=0.05)
        assert made.std() == pytest.approx(1, abs=0.15)


def test_only_what_is_usable_sets_the_scale(image: np.ndarray) -> None:
    mask = np.ones(image.shape, bool)
    mask[:, 180:] = False
    loud = image.copy()
    loud[:, 180:] *= 4
    made = network_input(loud, mask, 0.5)
    assert made[:, :170].std() == pytest.approx(1, abs=0.1)
    assert network_input(loud, None, 0.5)[:, :170].std() < 0.93 * made[:, :170].std()


def test_a_strength_that_makes_no_sense(image: np.ndarray) -> None:
    with pytest.raises(ParameterError, match="strength"):
        network_input(image, None, 1.5)
