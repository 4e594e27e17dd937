import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_hydrapicker.imaging.carbon import carbon_film


def ice(shape=(100, 150), seed=0):
    """Tiles with particles of five tiles, dark, and the noise between them: (rows, cols)."""
    rng = np.random.default_rng(seed)
    tiles = rng.normal(0, 0.3, shape)
    row, col = np.indices(shape)
    for y, x in rng.uniform(0, 1, (80, 2)) * shape:
        tiles[(row - y) ** 2 + (col - x) ** 2 < 6] -= 1
    return tiles, row, col


def film(tiles):
    return carbon_film(tiles.astype(np.float32), np.ones(tiles.shape, np.bool_))


@pytest.mark.parametrize("seed", range(3))
def test_what_a_sharp_edge_cuts_off_is_found(seed):
    tiles, row, col = ice(seed=seed)
    on_film = col > 100 + row / 4
    found = film(tiles - 2 * on_film)
    assert found[on_film].mean() > 0.97
    assert not found[col < 94 + row / 4].any()


@pytest.mark.parametrize("seed", range(4))
def test_a_faint_edge_that_runs_into_the_sides_is_found_as_long_as_it_is_long(seed):
    """A hole's rim across ice that grows brighter towards it, with dirt whose edges are as steep."""
    tiles, row, col = ice((112, 112), seed)
    rng = np.random.default_rng(seed)
    on_film = np.hypot(row - 40, col + 60) > 150
    made = tiles + 1.5 * (col / 112) ** 2 - 3.5 * on_film
    for y, x in rng.uniform(0, 112, (12, 2)):
        made[(row - y) ** 2 + (col - x) ** 2 < rng.uniform(4, 30)] -= 3
    found = film(made)
    assert found[np.hypot(row - 40, col + 60) > 156].mean() > 0.9
    assert found[np.hypot(row - 40, col + 60) < 144].mean() < 0.01


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31), st.floats(0, 1), st.floats(0, 30))
def test_any_map_is_answered(seed, blank, step):
    """Edges in any place, cut into crumbs by blank tiles."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(30, 90, 2)
    row, col = np.indices(shape)
    dark = row * rng.normal() + col * rng.normal() > rng.normal(0, 40)
    usable = rng.random(shape) > blank * rng.random(shape)
    found = carbon_film((rng.normal(size=shape) - step * dark).astype(np.float32), usable)
    assert (found.shape, found.dtype) == (tuple(shape), np.bool_)


def test_tiles_that_do_not_count_are_no_edge():
    tiles, _, col = ice()
    usable = col > 20
    found = carbon_film(np.where(usable, tiles, -9).astype(np.float32), usable)
    assert not found[usable].any()


@pytest.mark.parametrize("other_side", [-1.0, -0.6, 0.7])
@pytest.mark.parametrize("depth", [2, 5])
def test_ice_on_either_side_of_a_band_stays(other_side, depth):
    """Also where one side is a little darker than the other; it is not darker than the band."""
    tiles, row, col = ice()
    along = col - 70 - row / 3
    band = np.abs(along) < 12
    found = film(tiles - depth * band + other_side * (along > 0))
    assert found[band & (np.abs(along) < 8)].mean() > 0.9
    assert not found[np.abs(along) > 20].any()


def test_ice_behind_an_edge_that_ends_stays():
    """The dark half of a patch has a sharp edge, and fades away behind it."""
    tiles, _, col = ice((100, 170))
    dark = np.where(col > 60, np.clip(1.0 - (col - 60) / 45, 0.25, 1), 0)
    found = film(tiles - 4 * dark)
    assert found[:, 64:70].mean() > 0.9
    assert not found[:, 115:].any()
    assert not found[:, :50].any()


@pytest.mark.parametrize("height", [6, 15, 40])
def test_a_wedge_that_begins_within_the_micrograph_stays(height):
    tiles, row, col = ice()
    wedge = np.maximum(0.8 * col / 150 + 0.4 * row / 100 - 0.5, 0)
    assert not film(tiles - height * wedge).any()


@pytest.mark.parametrize("blur", [0.5, 3.0])
def test_an_edge_may_be_a_little_soft(blur):
    tiles, row, col = ice()
    on_film = col > 105 + row / 5
    found = film(tiles - 3 * ndimage.gaussian_filter(on_film.astype(float), blur))
    assert found[col > 112 + row / 5].mean() > 0.97
    assert not found[col < 95 + row / 5].any()
