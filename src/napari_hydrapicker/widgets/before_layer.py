"""An earlier head's picks as a second layer, to be switched on and off against the present ones."""

from __future__ import annotations

import numpy as np
from napari.layers import Points
from numpy.typing import NDArray

from napari_hydrapicker.widgets.layers import Place, PluginLayers

NAME = "HydraPicker before"
_COLOUR = "#61afef"


class BeforeLayer:
    """A points layer that nobody edits; it is in the viewer once there is something to compare."""

    name = NAME

    def __init__(self, layers: PluginLayers) -> None:
        self._layers = layers
        self.layer: Points | None = None

    def show(self, yx: NDArray[np.float64], diameter_px: float) -> None:
        """Show picks (N, 2), micrograph pixels, as rings; whether they are visible is the user's choice."""
        if self.layer is None:
            self.layer = Points(
                yx, size=diameter_px, name=NAME, ndim=2, face_color="transparent", border_color=_COLOUR,
                symbol="disc", border_width=0.06,
            )  # fmt: skip
            self._layers.put(Place.BEFORE, self.layer, wanted=lambda: True)  # clicks go on to the picks
            self.layer.editable = False
        else:
            self.layer.data = yx
            self.layer.size = diameter_px
            self._layers.put(Place.BEFORE, self.layer)

    def clear(self) -> None:
        """Show nothing where there is nothing to compare; to remove the layer takes napari too long."""
        if self.layer is not None and len(self.layer.data):
            self.layer.data = np.empty((0, 2))

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        self._layers.drop(Place.BEFORE)
        self.layer = None
