from dataclasses import replace

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.errors import MicrographError, ParameterError
from napari_hydrapicker.imaging.prepare import flatten_and_normalise, prepare
from napari_hydrapicker.io.edited_mask import EditedMask, MaskGrid
from napari_hydrapicker.io.micrograph import open_micrograph


def save(path, image, pixel_size=2.0):
    with mrcfile.new(path) as mrc:
        mrc.set_data(image)
        mrc.voxel_size = pixel_size
    return open_micrograph(path)


def noisy_blob(shape, centre, sigma):
    row, col = np.mgrid[: shape[0], : shape[1]]
    blob = np.exp(-((row - centre[0]) ** 2 + (col - centre[1]) ** 2) / (2 * sigma**2))
    return (1000 - 60 * blob + np.random.default_rng(0).normal(0, 10, shape)).astype(np.float32)


def test_a_particle_is_where_the_coordinates_say(tmp_path):
    micrograph = save(tmp_path / "a.mrc", noisy_blob((900, 1301), (307.0, 911.0), 12.0))
    prepared = prepare(micrograph, 126.0)
    assert prepared.shape_px == (900, 1301)
    assert prepared.image.shape == prepared.mask.shape == (300, 434)
    assert prepared.mask.all()
    found = np.argwhere(prepared.image < -4.5).mean(axis=0)
    assert np.abs(prepared.to_px([found])[0] - (307, 911)).max() < 0.5
    np.testing.assert_allclose(prepared.to_px(prepared.to_wpx([[307.25, 911.5]])), [[307.25, 911.5]])


def test_the_background_is_standard(tmp_path):
    prepared = prepare(save(tmp_path / "a.mrc", noisy_blob((900, 1301), (307, 911), 12)), 126.0)
    corner = prepared.image[150:, :200]
    assert prepared.image.dtype == np.float32
    assert abs(corner.mean()) < 0.1
    assert abs(corner.std() - 1) < 0.05


def test_grey_levels_do_not_matter(tmp_path):
    image = noisy_blob((600, 801), (200, 300), 12)
    one = prepare(save(tmp_path / "a.mrc", image), 84.0).image
    other = prepare(save(tmp_path / "b.mrc", image * 0.01 - 7), 84.0).image
    np.testing.assert_allclose(one, other, atol=2e-3)


def test_a_given_pixel_size_takes_precedence(tmp_path):
    micrograph = save(tmp_path / "a.mrc", noisy_blob((600, 800), (200, 300), 12))
    prepared = prepare(micrograph, 84.0, pixel_size_angstrom=1.0)
    assert prepared.image.shape == (150, 200)
    assert prepared.pixel_size_angstrom == 1.0


def test_the_mask_can_be_switched_off(tmp_path):
    image = noisy_blob((600, 801), (200, 300), 12)
    image[:60] = image[60]
    micrograph = save(tmp_path / "a.mrc", image)
    assert not prepare(micrograph, 84.0).mask[:29].any()
    assert prepare(micrograph, 84.0, use_mask=False).mask.all()


def test_no_pixel_size_is_an_error(tmp_path):
    micrograph = save(tmp_path / "a.mrc", noisy_blob((60, 80), (20, 30), 12), 0)
    with pytest.raises(ParameterError, match=r"a\.mrc: the file states no pixel size"):
        prepare(micrograph, 84.0)


@pytest.mark.parametrize(
    ("diameter", "pixel_size", "problem"),
    [
        (84.0, 50.0, "only 1.7 pixels"),
        (84.0, 0.5, "168 pixels across .* whole micrograph"),
        (0, 1, "positive"),
    ],
)
def test_lengths_that_cannot_be_name_the_micrograph(tmp_path, diameter, pixel_size, problem):
    micrograph = save(tmp_path / "a.mrc", noisy_blob((60, 160), (20, 30), 12))
    with pytest.raises(ParameterError, match=rf"a\.mrc: .*{problem}"):
        prepare(micrograph, diameter, pixel_size)


def test_an_image_without_contrast_is_named(tmp_path):
    micrograph = save(tmp_path / "blank.mrc", np.zeros((60, 80), np.float32))
    with pytest.raises(MicrographError, match=r"blank\.mrc: the image has no contrast"):
        prepare(micrograph, 84.0)


def test_a_micrograph_that_went_away_is_named(tmp_path):
    micrograph = save(tmp_path / "gone.mrc", noisy_blob((60, 80), (20, 30), 12))
    micrograph.path.unlink()
    with pytest.raises(MicrographError, match=r"^[^ ]*gone\.mrc: cannot be read"):
        prepare(micrograph, 84.0)


def painted(shape, rows, cols):
    """A mask in which a box of the micrograph is left out."""
    left_out = np.zeros(MaskGrid.of(shape).shape, bool)
    left_out[rows, cols] = True
    return EditedMask.from_left_out(left_out, shape)


def test_what_the_user_painted_takes_the_place_of_what_would_be_found(tmp_path):
    image = noisy_blob((600, 801), (200, 300), 12)
    image[:60] = image[60]
    micrograph = save(tmp_path / "a.mrc", image)
    own = replace(micrograph, mask=painted((600, 801), slice(300, 420), slice(640, 760)))
    mask = prepare(own, 84.0).mask
    assert mask[:29].all(), "the blank strip is not painted over"
    rows, cols = np.nonzero(~mask)
    factor = 600 / mask.shape[0], 801 / mask.shape[1]
    assert (rows.min() * factor[0], rows.max() * factor[0]) == pytest.approx((300, 419), abs=2)
    assert (cols.min() * factor[1], cols.max() * factor[1]) == pytest.approx((640, 759), abs=2)
    assert (~mask).sum() == (np.ptp(rows) + 1) * (np.ptp(cols) + 1)
    assert prepare(own, 84.0, use_mask=False).mask.all()


def test_what_the_user_painted_does_not_count_for_the_background(tmp_path):
    image = noisy_blob((600, 801), (200, 300), 12)
    image[300:, 600:] += np.random.default_rng(1).normal(3000, 2000, (300, 201)).astype(np.float32)
    micrograph = save(tmp_path / "a.mrc", image)
    own = replace(micrograph, mask=painted((600, 801), slice(300, 600), slice(600, 801)))
    corner = prepare(own, 84.0).image[180:, :200]
    assert abs(corner.mean()) < 0.1
    assert abs(corner.std() - 1) < 0.1
    elsewhere = replace(micrograph, mask=painted((600, 801), slice(0, 100), slice(0, 100)))
    assert prepare(elsewhere, 84.0).image[180:, :200].std() < 0.7, "else the bright area swamps it"


def test_with_all_painted_over_the_picture_is_still_one(tmp_path):
    micrograph = save(tmp_path / "a.mrc", noisy_blob((600, 801), (200, 300), 12))
    own = prepare(replace(micrograph, mask=painted((600, 801), slice(None), slice(None))), 84.0)
    assert not own.mask.any()
    assert np.isfinite(own.image).all()


def test_mrc_and_tiff_of_the_same_pixels_are_masked_alike(tmp_path):
    import tifffile

    image = noisy_blob((600, 801), (200, 300), 12)
    tifffile.imwrite(tmp_path / "a.tif", image)
    mask = painted((600, 801), slice(100, 190), slice(600, 760))
    mrc = replace(save(tmp_path / "a.mrc", image), mask=mask)
    tiff = replace(open_micrograph(tmp_path / "a.tif"), mask=mask)
    one, other = prepare(mrc, 84.0), prepare(tiff, 84.0, pixel_size_angstrom=2.0)
    np.testing.assert_array_equal(one.mask, other.mask)
    np.testing.assert_allclose(one.image, other.image, atol=1e-5)


def test_a_damaged_mask_is_told_with_the_micrograph_s_name(tmp_path):
    micrograph = save(tmp_path / "a.mrc", noisy_blob((600, 801), (200, 300), 12))
    with pytest.raises(ParameterError, match=r"a\.mrc: the mask .* damaged"):
        prepare(replace(micrograph, mask=EditedMask((600, 801), 1, "AAAA")), 84.0)


def test_nothing_is_left_around_a_stripe():
    plain = np.random.default_rng(0).normal(size=(400, 430)).astype(np.float32)
    striped = plain.copy()
    striped[200:202] -= 40
    found, expected = (flatten_and_normalise(one, use_mask=False)[0] for one in (striped, plain))
    assert np.abs((found - expected).mean(axis=1)[150:250]).max() < 0.4
