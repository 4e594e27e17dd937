"""The image layer that shows one micrograph: other pixels at one stroke, and the news of them later."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image

from napari_hydrapicker.gui.layers.plugin_layers import Place, PluginLayers, without_refresh
from napari_hydrapicker.imaging.display import DisplayImage

NAME = "HydraPicker micrograph"


class ImageLayer:
    """A micrograph's display copy as a layer, which is in the viewer while there is one to show."""

    def __init__(self, layers: PluginLayers) -> None:
        self._layers = layers
        self._layer: Image | None = None
        self._stale = False  # whether napari does not know all of the pixels shown
        self._hidden = False  # whether there is no micrograph to show, and the user has not hidden it himself

    @property
    def is_in_viewer(self) -> bool:
        """Whether there is a layer, and the user has not just removed it."""
        return self._layers.holds(Place.MICROGRAPH)

    def show(self, display: DisplayImage) -> None:
        """Show a display copy; `settle` is to follow once it has been drawn."""
        if self._layer is None:
            self._layer = Image(
                display.image, name=NAME, colormap="gray", scale=display.scale, translate=display.translate,
                contrast_limits=(0, 255),
            )  # fmt: skip
        elif self._is_alike(display):
            self._swap(display)
        else:
            self._replace(display)
        self._layers.put(Place.MICROGRAPH, self._layer)
        if self._hidden:
            self._hidden, self._layer.visible = False, True

    def settle(self) -> None:
        """Do what the next frame could do without: the thumbnail, and napari's news of other data."""
        if self._stale and self._layer is not None:
            self._stale = False
            image: Any = self._layer
            image.events.data(value=image.data)
            image.refresh(data_displayed=False, highlight=False, extent=False)

    def hide(self) -> None:
        """Show nothing until the next `show`."""
        if self._layer is not None and self._layer.visible:
            self._hidden, self._layer.visible = True, False

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        self._layers.drop(Place.MICROGRAPH)
        self._layer, self._stale, self._hidden = None, False, False

    def _is_alike(self, display: DisplayImage) -> bool:
        """Whether a display copy has the shape and the place of the one shown."""
        image: Any = self._layer
        placed = np.array([image.scale, image.translate])
        return display.image.shape == image.data.shape and np.array_equal(
            placed, [display.scale, display.translate]
        )

    def _swap(self, display: DisplayImage) -> None:
        """Show other pixels in the same place."""
        image: Any = self._layer
        with without_refresh(image):
            image.data = display.image
        image.refresh(thumbnail=False, extent=False)
        self._stale = True

    def _replace(self, display: DisplayImage) -> None:
        """Show pixels that lie otherwise; the transform first would misplace the old ones for one frame."""
        image: Any = self._layer
        with image.events.blocker_all():
            image.scale, image.translate = display.scale, display.translate
        image.data = display.image
        image.scale, image.translate = display.scale, display.translate
