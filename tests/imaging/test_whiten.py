import numpy as np
import pytest
from scipy import fft, ndimage

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.imaging.whiten import radial_power, whiten


def spread_of_spectrum(image, highest=0.5):
    _, frequency, power = radial_power(fft.rfft2(image), image.shape)
    chosen = power[(frequency > 0.02) & (frequency < highest)]
    return chosen.max() / chosen.min()


@pytest.fixture
def coloured():
    white = np.random.default_rng(0).normal(0, 1, (300, 431))
    return (ndimage.gaussian_filter(white, 1.2) * 5 + 0.2 * white + 3).astype(np.float32)


def test_the_spectrum_becomes_flat(coloured):
    white = whiten(coloured, max_gain=1000)
    assert white.dtype == np.float32
    assert white.shape == coloured.shape
    assert spread_of_spectrum(coloured) > 30
    assert spread_of_spectrum(white) < 1.5
    np.testing.assert_allclose(white.mean(), coloured.mean(), atol=1e-4)


def test_white_noise_stays_as_it_is():
    noise = np.random.default_rng(0).normal(0, 1, (300, 431)).astype(np.float32)
    assert np.corrcoef(noise.ravel(), whiten(noise).ravel())[0, 1] > 0.98


def test_frequency_is_circular_on_non_square_images():
    radius, _, _ = radial_power(fft.rfft2(np.eye(60, 90, dtype=np.float32)), (60, 90))
    assert radius[15, 0] == pytest.approx(0.25)
    assert radius[0, 9] == pytest.approx(0.1)


def test_emptied_bands_are_not_blown_up(coloured):
    denoised = ndimage.gaussian_filter(coloured, 3)
    ratio = np.abs(fft.rfft2(whiten(denoised)) / fft.rfft2(denoised))
    low = np.median(ratio[:14, :14])
    assert ratio[100:150, 100:200].max() < 11
    assert ratio.max() < 15 * low


def test_strength_zero_changes_nothing_and_a_half_less_than_one(coloured):
    np.testing.assert_array_equal(whiten(coloured, 0), coloured)
    spreads = [spread_of_spectrum(whiten(coloured, strength, 1000)) for strength in (0, 0.5, 1)]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[1] == pytest.approx(spreads[0] ** 0.5, rel=0.4)


def test_strong_spots_do_not_bend_the_profile(coloured):
    row, col = np.mgrid[:300, :431]
    crystal = 30 * np.cos(2 * np.pi * (30 * row / 300 + 60 * col / 431))
    expected, found = whiten(coloured), whiten((coloured + crystal).astype(np.float32))
    spectra = [np.abs(fft.rfft2(image)) for image in (expected, found)]
    spectra = [np.delete(spectrum, 30, axis=0) for spectrum in spectra]
    assert np.median(spectra[1] / spectra[0]) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("image", [np.zeros((40, 60), np.float32), np.ones((1, 9), np.float32)])
def test_images_without_contrast_are_harmless(image):
    np.testing.assert_allclose(whiten(image), image, atol=1e-6)


@pytest.mark.parametrize(("strength", "max_gain"), [(-0.1, 10), (1.1, 10), (1, 0.5), (float("nan"), 10)])
def test_senseless_parameters_are_refused(coloured, strength, max_gain):
    with pytest.raises(ParameterError, match="whiten"):
        whiten(coloured, strength, max_gain)
