import numpy as np
import pytest

from napari_hydrapicker.imaging.ice import thick_ice, tile_level
from napari_hydrapicker.imaging.masks import usable_mask

ORDINARY = ["usual", "empty", "crowded", "denoised", "faint", "strong"]


@pytest.mark.parametrize("name", [*ORDINARY, "phase plate", "steep"])
@pytest.mark.parametrize("seed", [1, 2])
def test_micrographs_without_bad_ice_stay_whole(phantoms, name, seed):
    image, _ = phantoms.micrograph(name, seed)
    assert usable_mask(image).all()


@pytest.mark.parametrize("name", ORDINARY)
@pytest.mark.parametrize("diameters", [4, 8])
@pytest.mark.parametrize("edge", [0.3, 2.0])
def test_a_patch_40_nm_thicker_is_masked(phantoms, name, diameters, edge):
    image, yx = phantoms.micrograph(name, 2)
    ice = phantoms.lake((150, 380), diameters, edge)
    mask = usable_mask(phantoms.thickened(image, ice, 40))
    of_ice, of_rest = phantoms.masked(mask, ice)
    assert of_ice > 0.95
    assert of_rest < 0.02
    good = yx[ice[yx[:, 0], yx[:, 1]] < 0.02]
    assert mask[good[:, 0], good[:, 1]].mean() > 0.95


def test_a_patch_at_the_corner_is_masked(phantoms):
    image, _ = phantoms.micrograph("usual", 3)
    ice = phantoms.lake((30, 560), 9, 1)
    of_ice, of_rest = phantoms.masked(usable_mask(phantoms.thickened(image, ice, 60)), ice)
    assert of_ice > 0.95
    assert of_rest < 0.02


@pytest.mark.parametrize("nm", [1, 3])
def test_ice_hardly_thicker_stays(phantoms, nm):
    """It takes away less than a particle does."""
    image, _ = phantoms.micrograph("usual", 2)
    assert usable_mask(phantoms.thickened(image, phantoms.lake((150, 380), 6, 1), nm)).all()


@pytest.mark.parametrize("name", ["usual", "crowded", "faint", "denoised"])
@pytest.mark.parametrize("nm", [40, 120])
def test_smooth_gradients_stay(phantoms, name, nm):
    """A wedge across the micrograph, one that begins in it, a hole's meniscus, waves."""
    image, _ = phantoms.micrograph(name, 1)
    row, col = np.indices(phantoms.shape) / np.array(phantoms.shape)[:, None, None]
    along = 0.6 * col + 0.4 * row
    radius = np.hypot(row - 0.5, col - 0.5)
    for ice in (along, np.maximum(along - 0.4, 0), 2 * radius**2, 0.3 + 0.3 * np.sin(7 * along)):
        assert usable_mask(phantoms.thickened(image, ice, nm)).all()


@pytest.mark.parametrize("nm", [20, 200])
def test_ice_that_is_thick_everywhere_stays(phantoms, nm):
    image, _ = phantoms.micrograph("usual", 1)
    assert usable_mask(phantoms.thickened(image, np.ones(phantoms.shape), nm)).all()


def test_thin_ice_in_thick_is_not_what_is_left_out(phantoms):
    """Most of the micrograph is thick: whatever is masked, the thin patch is not."""
    image, _ = phantoms.micrograph("usual", 3)
    ice = 1 - phantoms.lake((220, 250), 9, 0.5)
    assert usable_mask(phantoms.thickened(image, ice, 30))[ice < 0.05].all()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_crowd_of_particles_stays(seed):
    """Touching particles fill an area as large as a patch of ice, beside sparse ones."""
    rng = np.random.default_rng(seed)
    image = rng.normal(0, 1, (410, 583))
    row, col = np.indices(image.shape)
    crowd = np.stack(np.meshgrid(np.arange(5), np.arange(6)), -1).reshape(-1, 2) * 17.0 + (120, 300)
    sparse = rng.uniform(0.03, 0.97, (60, 2)) * image.shape
    for y, x in np.concatenate([crowd + rng.normal(0, 2, crowd.shape), sparse]):
        image[(row - y) ** 2 + (col - x) ** 2 < 10.5**2] -= 1.5
    assert usable_mask(image.astype(np.float32)).all()


def test_a_patch_is_judged_against_particles_elsewhere():
    """The same solid dark square is ice among faint particles, and none among others as dark as it is."""
    rng = np.random.default_rng(0)
    tiles = rng.normal(0, 1, (60, 90)).astype(np.float32)
    tiles[20:36, 30:50] -= 8
    usable = np.ones(tiles.shape, np.bool_)
    found = thick_ice(tile_level(tiles, usable), usable)
    assert found[21:35, 31:49].all()
    assert not found[:16].any()
    assert not found[:, 56:].any()
    for y, x in ((6, 8), (9, 40), (7, 72), (30, 10), (33, 76), (52, 14), (50, 45), (53, 80)):
        tiles[y - 2 : y + 3, x - 2 : x + 3] -= 14
    assert not thick_ice(tile_level(tiles, usable), usable).any()


def test_a_slope_that_goes_on_is_no_patch():
    """A core as dark as ice, but what surrounds it is nearly as dark."""
    row, col = np.indices((130, 180))
    level = -10 * np.exp(-((row - 70) ** 2 + (col - 80) ** 2) / (2 * 30.0**2))
    usable = np.ones(level.shape, np.bool_)
    assert not thick_ice(level.astype(np.float32), usable).any()
    level = np.where(level < -5, np.float32(-8), np.float32(0))
    assert thick_ice(level, usable).any()
