import numpy as np
import pytest
from scipy import fft, ndimage

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.imaging.spectrum import background_spectrum, fill_with_background, whiten


def spread_of_spectrum(image, highest=0.5):
    found = background_spectrum(image)
    chosen = found.power[(found.frequency > 0.02) & (found.frequency < highest)]
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
    found = background_spectrum(np.random.default_rng(0).normal(0, 1, (300, 431)).astype(np.float32))
    found = type(found)(found.frequency, found.frequency)  # "power" that tells the frequency
    radius = found.amplitude((60, 90), 2)
    assert radius[15, 0] == pytest.approx(0.25)
    assert radius[0, 9] == pytest.approx(0.1)
    assert radius[6, 9] == pytest.approx(0.1 * 2**0.5)


def test_noise_has_the_spectrum_of_the_background(coloured):
    found = background_spectrum(coloured)
    noise = found.noise((211, 340), np.random.default_rng(4))
    assert noise.shape == (211, 340)
    assert noise.std() == pytest.approx(1, rel=1e-4)
    again = background_spectrum(noise)
    ratio = again.power / np.interp(again.frequency, found.frequency, found.power)
    assert ratio.max() / ratio.min() < 3


def test_what_is_masked_has_no_influence(coloured):
    mask = np.ones(coloured.shape, bool)
    mask[40:170, 200:330] = False
    spoilt = coloured.copy()
    spoilt[~mask] += 100 * np.random.default_rng(1).standard_exponential(int((~mask).sum()))
    one, other = (background_spectrum(image, mask) for image in (coloured, spoilt))
    np.testing.assert_array_equal(one.power, other.power)
    filled = [fill_with_background(image, mask, seed=3) for image in (coloured, spoilt)]
    np.testing.assert_array_equal(*filled)
    np.testing.assert_array_equal(filled[0][mask], coloured[mask])


def test_nothing_is_filled_where_all_or_nothing_is_usable(coloured):
    for mask in (np.ones(coloured.shape, bool), np.zeros(coloured.shape, bool)):
        assert fill_with_background(coloured, mask) is coloured


def test_a_mask_that_leaves_hardly_a_tile(coloured):
    mask = np.zeros(coloured.shape, bool)
    mask[:50, :50] = True
    assert np.isfinite(whiten(coloured, 0.5, mask=mask)).all()


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
