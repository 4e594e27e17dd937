"""The image layer: other pixels at one stroke, everything else a moment later."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_hydrapicker.gui.layers.image_layer import ImageLayer
from napari_hydrapicker.gui.layers.plugin_layers import PluginLayers
from napari_hydrapicker.imaging.display import DisplayFilter, DisplayImage, display_image


def _display(seed: int, rows: int, columns: int) -> DisplayImage:
    pixels = np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)
    return display_image(pixels, 4.0, DisplayFilter())


@pytest.fixture
def shown(qapp_exists: None) -> tuple[Any, ImageLayer]:
    """A viewer that shows a micrograph of 48 rows and 64 columns."""
    viewer: Any = ViewerModel()
    image = ImageLayer(PluginLayers(viewer))
    assert not image.is_in_viewer
    image.show(_display(1, 48, 64))
    assert image.is_in_viewer
    return viewer, image


def test_a_like_micrograph_is_drawn_at_once_and_told_of_later(shown: tuple[Any, ImageLayer]) -> None:
    viewer, image = shown
    layer = viewer.layers[0]
    heard: list[str] = []
    for name in ("set_data", "data", "thumbnail"):
        getattr(layer.events, name).connect(lambda _, name=name: heard.append(name))
    thumbnail, other = layer.thumbnail.copy(), _display(2, 48, 64)
    image.show(other)
    assert heard == ["set_data"]
    assert layer.data is other.image
    np.testing.assert_array_equal(layer._slice.image.view, other.image)
    image.settle()
    assert sorted(heard) == ["data", "set_data", "thumbnail"]
    assert not np.array_equal(layer.thumbnail, thumbnail)
    image.settle()
    assert len(heard) == 3, "it is told once"
    assert viewer.layers == [layer]


def test_a_micrograph_of_another_shape_lies_where_it_should(shown: tuple[Any, ImageLayer]) -> None:
    viewer, image = shown
    image.show(_display(3, 80, 32))
    np.testing.assert_allclose(viewer.layers[0].extent.world, [[0, 0], [79, 31]])
    np.testing.assert_allclose(viewer.layers.extent.world, [[0, 0], [79, 31]])
    image.settle()
    assert viewer.dims.range[-1].stop == 31


def test_a_binned_copy_covers_the_same_pixels(shown: tuple[Any, ImageLayer]) -> None:
    viewer, image = shown
    image.show(DisplayImage(np.zeros((24, 32), np.uint8), (2, 2), (0.5, 0.5), (48, 64)))
    layer = viewer.layers[0]
    assert (tuple(layer.scale), tuple(layer.translate)) == ((2, 2), (0.5, 0.5))
    image.show(_display(4, 48, 64))
    assert (tuple(layer.scale), tuple(layer.translate)) == ((1, 1), (0, 0))


def test_a_removed_layer_is_made_anew(shown: tuple[Any, ImageLayer]) -> None:
    viewer, image = shown
    viewer.layers.clear()
    assert not image.is_in_viewer
    image.show(_display(5, 48, 64))
    assert len(viewer.layers) == 1
    image.show(_display(6, 48, 64))
    image.remove()
    image.settle()
    assert not image.is_in_viewer
    assert len(viewer.layers) == 0
