import numpy as np
import pytest

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.imaging.normalise import background_statistics, clean, flatten, normalise


@pytest.fixture
def noise():
    return np.random.default_rng(0).normal(100, 5, (240, 410)).astype(np.float32)


def test_broken_pixels_are_replaced_or_clipped(noise):
    noise[3, 4], noise[5, 6], noise[7, 8] = np.nan, np.inf, -np.inf
    noise[9, 10], noise[11, 12] = 1e6, -1e30
    result = clean(noise)
    assert np.isfinite(result).all()
    assert abs(result[3, 4] - 100) < 0.2
    assert abs(result[5, 6] - 100) < 0.2
    assert abs(result[9, 10] - 140) < 2
    assert abs(result[11, 12] - 60) < 2
    untouched = np.abs(noise - 100) < 35
    np.testing.assert_array_equal(result[untouched], noise[untouched])


def test_cleaning_leaves_its_input_alone(noise):
    noise[0, 0] = np.nan
    before = noise.copy()
    clean(noise)
    np.testing.assert_array_equal(noise, before)


@pytest.mark.parametrize("dtype", ["i1", "u1", ">i2", "u2", "f2", ">f4", "f8"])
def test_all_types_are_cleaned_to_float32(noise, dtype):
    values = noise.round().astype(dtype)
    result = clean(values)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, values.astype(np.float32))


def test_numbers_beyond_float32_count_as_broken(noise):
    wide = noise.astype(np.float64)
    wide[2, 2] = 1e300
    assert abs(clean(wide)[2, 2] - 100) < 0.2


@pytest.mark.parametrize("value", [0, 7.5, np.nan, np.inf])
def test_no_contrast_is_refused(value):
    with pytest.raises(MicrographError, match="no contrast"):
        clean(np.full((50, 70), value, np.float32))


def test_contrast_between_the_samples_is_found():
    image = np.zeros((3000, 3000), np.int8)
    image[1::2, 1::2] = 1
    assert clean(image).max() > 0


def test_the_background_becomes_standard(noise):
    particles = np.zeros(noise.shape, bool)
    particles[40:60, 30:90] = True
    noise[particles] -= 30
    result = normalise(noise)
    assert result.dtype == np.float32
    assert abs(result[~particles].mean()) < 0.02
    assert abs(result[~particles].std() - 1) < 0.03
    assert abs(result[particles].mean() + 6) < 0.7
    assert result.min() == -6


def test_masked_pixels_do_not_count(noise):
    mask = np.ones(noise.shape, bool)
    mask[:, :150] = False
    noise[~mask] = noise[~mask] * 40
    mean, std = background_statistics(noise, mask)
    assert abs(mean - 100) < 0.2
    assert abs(std - 5) < 0.2
    assert abs(normalise(noise, mask)[mask].mean()) < 0.02


def test_a_mask_of_nothing_is_ignored(noise):
    nothing = np.zeros(noise.shape, bool)
    np.testing.assert_array_equal(normalise(noise, nothing), normalise(noise))
    np.testing.assert_array_equal(flatten(noise, mask=nothing), flatten(noise))


def test_a_constant_image_cannot_be_normalised():
    with pytest.raises(MicrographError, match="no contrast"):
        normalise(np.ones((30, 40), np.float32))


def test_gradients_are_removed_and_particles_stay(noise):
    row, col = np.mgrid[:240, :410]
    gradient = (0.2 * row - 0.1 * col).astype(np.float32)
    particle = 20 * np.exp(-((row - 120) ** 2 + (col - 200) ** 2) / 50).astype(np.float32)
    result = flatten(noise + gradient + particle)
    inner = result[40:-40, 40:-40] - (noise + particle)[40:-40, 40:-40]
    assert gradient.std() > 15
    assert inner.std() < 2.5
    assert result[115:126, 195:206].mean() > 8


def test_masked_pixels_do_not_pull_on_the_background(noise):
    mask = np.ones(noise.shape, bool)
    mask[:60] = False
    noise[~mask] = -1000
    assert abs(flatten(noise, mask=mask)[60:75].mean()) < 1
    assert abs(flatten(noise)[60:75].mean()) > 100


def test_blank_rows_become_the_median():
    image = np.random.default_rng(0).normal(100, 5, (60, 90)).astype(np.float32)
    for value in (0, 100, 255):
        spoilt = image.copy()
        spoilt[:15] = value
        found = clean(spoilt)
        np.testing.assert_allclose(found[15:], image[15:])
        assert np.ptp(found[:15]) == 0
        assert abs(found[0, 0] - 100) < 3


def test_a_row_whose_ends_are_alike_is_not_blank():
    image = np.random.default_rng(0).normal(100, 5, (60, 90)).astype(np.float32)
    image[7, -1] = image[7, 0]
    np.testing.assert_allclose(clean(image), image)


@pytest.mark.parametrize("shape", [(420, 610), (300, 455)])
def test_a_steep_bowl_of_ice_is_flat_up_to_the_edges(shape):
    rng = np.random.default_rng(2)
    noise = rng.normal(size=shape).astype(np.float32)
    down, across = np.meshgrid(*(np.linspace(-0.4, 0.6, n) for n in shape), indexing="ij")
    bowl = 150 * down**2 + 90 * across**2 - 40 * down * across + 60 * down
    flat = flatten((noise + bowl).astype(np.float32))
    for part in (flat[:12], flat[-12:], flat[:, :12], flat[:, -12:], flat):
        assert abs(part.mean()) < 1
        assert part.std() < 1.2


@pytest.mark.parametrize("side", [45, 60, 84, 126])
def test_a_particle_on_a_small_image_keeps_its_contrast(side):
    """So does one on a small area that is left of a large image."""
    image = np.random.default_rng(side).normal(0, 0.5, (side, side + 10)).astype(np.float32)
    row, col = np.indices(image.shape)
    particle = np.hypot(row - side // 2, col - side // 2) < 10
    image[particle] -= 3
    plain = image[particle].mean() - image.mean()
    assert flatten(image)[particle].mean() < 0.85 * plain
    whole, mask = np.full((400, 400), 50, np.float32), np.zeros((400, 400), bool)
    whole[:side, : side + 10], mask[:side, : side + 10] = image, True
    assert flatten(whole, mask=mask)[:side, : side + 10][particle].mean() < 0.85 * plain


@pytest.mark.parametrize("width", [600, 601, 607, 614])
def test_a_slope_goes_whatever_the_width(width):
    noise = np.random.default_rng(0).normal(size=(200, width)).astype(np.float32)
    slope = np.linspace(0, 500, width, dtype=np.float32)
    assert np.abs((flatten(noise + slope) - flatten(noise)).mean(axis=0)).max() < 0.02


@pytest.mark.parametrize("offset", [1e4, 1e5])
def test_a_large_mean_changes_nothing(noise, offset):
    np.testing.assert_allclose(flatten(noise + np.float32(offset)), flatten(noise), atol=0.02)
