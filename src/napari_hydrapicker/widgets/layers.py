"""Layers that come to a viewer beside the active one, and layers that leave it together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_SEEN_MS = 30


def add_beside(viewer: Viewer, layer: Layer, wanted: Callable[[], bool] = lambda: True) -> None:
    """Add a layer that is seen a moment later, if it is `wanted` then; the active layer stays active.

    To add a layer and to draw it for the first time, when its shaders are built, each takes a tenth of a
    second: in between the window can do other things.
    """
    active = viewer.layers.selection.active
    layer.visible = False
    viewer.add_layer(layer)
    viewer.layers.selection.active = active
    QTimer.singleShot(_SEEN_MS, lambda: setattr(layer, "visible", wanted()))


@contextmanager
def at_one_stroke(viewer: Viewer) -> Iterator[None]:
    """Remove layers with one update of the canvas, at the end.

    Napari collects all garbage of the process at each update that follows a removal, and a window of it has
    some 300,000 objects: a fifth of a second for each layer otherwise.
    """
    batch = getattr(viewer.layers, "batched_update", nullcontext)  # napari 0.6 may not have it
    with batch():
        yield
