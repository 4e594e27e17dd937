import numpy as np
import pytest

from napari_hydrapicker.imaging.ice import tile_level


@pytest.mark.parametrize("slope", [0.0, 2.0, 30.0])
def test_gradients_are_taken_out_and_patches_are_not(slope):
    rng = np.random.default_rng(0)
    row, col = np.indices((70, 110)) / np.array([[[70]], [[110]]])
    tiles = rng.normal(0, 1, (70, 110)) + slope * (row - 0.5 * col + 0.8 * col**2 - row * col) + 50
    tiles[40:55, 70:95] -= 10
    level = tile_level(tiles.astype(np.float32), np.ones(tiles.shape, np.bool_))
    elsewhere = np.ones(tiles.shape, np.bool_)
    elsewhere[36:59, 66:99] = False
    assert abs(np.median(level[elsewhere])) < 0.2
    assert level[elsewhere].std() == pytest.approx(1, abs=0.15)
    assert level[43:52, 73:92].max() < -15
    assert level[elsewhere].min() > -6


def test_what_is_not_usable_neither_counts_nor_shows():
    tiles = np.random.default_rng(0).normal(0, 1, (50, 80)).astype(np.float32)
    usable = np.ones(tiles.shape, np.bool_)
    usable[:, :30] = False
    level = tile_level(np.where(usable, tiles, 1e4).astype(np.float32), usable)
    assert not level[~usable].any()
    assert abs(level[usable]).max() < 6


def test_an_image_without_contrast_is_level():
    assert not tile_level(np.full((40, 60), 7, np.float32), np.ones((40, 60), np.bool_)).any()
