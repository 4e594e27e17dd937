import numpy as np
import pytest
from scipy import ndimage

from napari_hydrapicker.imaging.ice import crystalline_ice
from napari_hydrapicker.imaging.masks import usable_mask


def diffracting(image, where, strength, seed):
    """Lay plates of a diameter and more over a micrograph, bright or dark by as many deviations of it."""
    plates = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=image.shape), 13)
    plates = ndimage.gaussian_filter(np.sign(plates), 2)
    spread = ndimage.gaussian_filter(image, 4).std()
    return (image + strength * spread * plates * where).astype(np.float32)


@pytest.mark.parametrize("name", ["usual", "empty", "crowded", "denoised", "faint"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_patch_of_crystalline_ice_is_masked(phantoms, name, seed):
    image, _ = phantoms.micrograph(name, seed)
    where = phantoms.lake((240, 200), 7, 0.5)
    of_ice, of_rest = phantoms.masked(usable_mask(diffracting(image, where, 8, seed)), where)
    assert of_ice > 0.5
    assert of_rest < 0.03


@pytest.mark.parametrize("seed", range(4))
def test_faint_changes_of_brightness_stay(phantoms, seed):
    image, _ = phantoms.micrograph("usual", 1)
    assert usable_mask(diffracting(image, 1, 1.5, seed)).all()


def test_bright_and_dark_must_lie_together():
    level = np.zeros((60, 90), np.float32)
    level[10:18, 10:18] = 5
    assert not crystalline_ice(level).any()
    level[10:18, 60:68] = -5
    assert not crystalline_ice(level).any()
    level[10:18, 24:32] = -5
    found = crystalline_ice(level)
    assert found[10:18, 10:18].all()
    assert found[10:18, 24:32].all()
    assert not found[:, 40:].any()
    assert not found[30:].any()


def test_dirt_beside_a_wide_bright_band_is_no_crystal():
    """Ice at a carbon film's edge may be far brighter than the rest."""
    level = np.zeros((80, 90), np.float32)
    level[:, 40:60] = 5
    level[20:28, 64:72] = level[50:58, 30:38] = -6
    assert not crystalline_ice(level).any()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_small_crystals_and_contamination_cost_no_ice(phantoms, seed):
    """Simulated ones, of a few particles' size at most: masked or not, little goes with them."""
    image, yx = phantoms.micrograph("dirty", seed)
    assert usable_mask(image)[yx[:, 0], yx[:, 1]].mean() > 0.9
