"""The one place where this plugin's layers come into a viewer, are put in order, and leave it.

The viewer belongs to the user: he adds layers above and below those of the plugin, moves and deletes any of
them at any moment. Whatever he does, the plugin's layers keep their order, its points lie above every image,
and one that is deleted while it is needed comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from napari.layers import Points, Shapes, Tracks, Vectors
from qtpy.QtCore import QObject, QTimer, Signal

from napari_hydrapicker.gui.widgets.keys import bind_on_layer
from napari_hydrapicker.gui.widgets.tasks import once_after

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


_SEEN_MS = 30
_SEE_THROUGH = (Points, Shapes, Tracks, Vectors)  # what does not cover the layers below


class Place(IntEnum):
    """The plugin's layers from the bottom to the top."""

    MICROGRAPH = 0
    MASK = 1
    BEFORE = 2
    PICKS = 3
    RING = 4


@contextmanager
def without_refresh(layer: Layer) -> Iterator[None]:
    """Let a layer's data change without a word: napari would look through the extents of all layers.

    Its private `_block_refresh` is used here and nowhere else.
    """
    with layer.events.data.blocker(), layer._block_refresh():
        yield


class PluginLayers(QObject):
    """Which layers the plugin needs in a viewer, one a place.

    Attributes
    ----------
    primary : Place
        The layer that is worked on: it becomes the active one after an action of the dock's.

    Signals
    -------
    came_back ()
        The user has deleted layers that are needed, and they are there again.
    """

    came_back = Signal()

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layers: dict[Place, Layer] = {}
        self.primary = Place.PICKS
        self._active: Layer | None = None  # one of ours that was active when the user deleted it
        self._index: int | None = None  # where the micrograph was last
        self._changing = self._lost = False
        self._keys: Mapping[str, Callable[[], object]] = {}
        # Not at once: napari is in the midst of the user's change when it reports it.
        self._tidy_later = once_after(0, self.tidy, self)
        events: Any = viewer.layers.events
        events.removing.connect(self._on_removing)
        if hasattr(events, "end_batch"):  # napari 0.6 may not have it
            events.end_batch.connect(self._make_current)  # those who connect last are called first
        for event in (events.removed, events.inserted, events.reordered):
            event.connect(self._on_change)

    def bind(self, keys: Mapping[str, Callable[[], object]]) -> None:
        """Have keys do the same with any of the layers active, but the picks: these have napari's own."""
        self._keys = keys
        for place in self._layers:
            self._bind(place)

    def holds(self, place: Place) -> bool:
        """Whether a layer is needed there, and is in the viewer."""
        return self._layers.get(place) in self._viewer.layers

    def put(self, place: Place, layer: Layer, wanted: Callable[[], bool] | None = None) -> None:
        """Have a layer in the viewer from now on; the active layer stays active.

        Parameters
        ----------
        place, layer
            What is to be where; another layer that is there leaves.
        wanted : callable, optional
            The layer is seen a moment later, if this says so then. To add a layer and to draw it for the
            first time, when its shaders are built, each takes a tenth of a second: in between the window can
            do other things.
        """
        old = self._layers.get(place)
        replaces = old is not None and old is not layer and old in self._viewer.layers
        with self._change(removes=replaces):
            if replaces:
                self._viewer.layers.remove(old)
            if self._layers.get(place) is not layer:
                self._layers[place] = layer
                self._bind(place)
            if wanted is not None:
                layer.visible = False
            self._bring_in()
        if wanted is not None:
            QTimer.singleShot(_SEEN_MS, lambda: setattr(layer, "visible", wanted()))

    def activate(self, place: Place) -> None:
        """Make the layer at a place the active one, where one is needed."""
        if place in self._layers:
            if not self.holds(place):  # deleted a moment ago
                self.tidy()
            self._viewer.layers.selection.active = self._layers[place]

    def drop(self, *places: Place) -> None:
        """Let layers leave together; they are not needed any more."""
        leaving = [self._layers.pop(place) for place in places if place in self._layers]
        present = [layer for layer in leaving if layer in self._viewer.layers]
        if present:
            with self._change(removes=True):
                for layer in present:
                    self._viewer.layers.remove(layer)

    def tidy(self) -> None:
        """Bring back what was deleted, and put everything in order."""
        if not self._layers or self._is_closed():
            return
        with self._change():
            self._bring_in()
        active, self._active = self._active, None
        if active in self._layers.values():
            self._viewer.layers.selection.active = active
        lost, self._lost = self._lost, False
        if lost:
            self.came_back.emit()

    def close(self) -> None:
        """Let all of them leave, and the viewer be as it was."""
        self._tidy_later.stop()
        self.drop(*Place)
        events: Any = self._viewer.layers.events
        events.removing.disconnect(self._on_removing)
        if hasattr(events, "end_batch"):
            events.end_batch.disconnect(self._make_current)
        for event in (events.removed, events.inserted, events.reordered):
            event.disconnect(self._on_change)

    def _bind(self, place: Place) -> None:
        if place is not Place.PICKS:
            bind_on_layer(self._layers[place], self._keys)

    def _bring_in(self) -> None:
        """Add what is missing, the micrograph where it was last, and raise the rest above all images."""
        layers = self._viewer.layers
        for place in sorted(self._layers):
            layer = self._layers[place]
            if layer not in layers:
                last = self._index if place is Place.MICROGRAPH and self._index is not None else len(layers)
                layers.insert(min(last, len(layers)), layer)
        above = [self._layers[place] for place in sorted(self._layers) if place is not Place.MICROGRAPH]
        order = [layers.index(layer) for layer in above]
        covering = [i for i, layer in enumerate(layers) if self._covers(layer)]
        if order != sorted(order) or (order and covering and order[0] < covering[-1]):
            for layer in above:  # one by one: napari moves several at once in the order in which they lie
                layers.move(layers.index(layer), len(layers))

    def _covers(self, layer: Layer) -> bool:
        """Whether a layer would hide points below it: any image, but the mask, which lies over its own."""
        return layer is not self._layers.get(Place.MASK) and not isinstance(layer, _SEE_THROUGH)

    @contextmanager
    def _change(self, removes: bool = False) -> Iterator[None]:
        """Change layers; removed ones are one update of the canvas, at the end.

        Napari collects all garbage of the process at each update that follows a removal, and a window of it
        has some 300,000 objects: a fifth of a second for each layer otherwise.
        """
        layers = self._viewer.layers
        active, before = layers.selection.active, self._changing
        self._changing = True
        batch = getattr(layers, "batched_update", nullcontext) if removes else nullcontext
        try:
            with batch():
                yield
            if active in layers and layers.selection.active is not active:
                layers.selection.active = active
        finally:
            self._changing = before

    def _on_removing(self, event: Any) -> None:
        self._make_current()
        layer = self._viewer.layers[event.index]
        if layer is self._layers.get(Place.MICROGRAPH):
            self._index = event.index
        if not self._changing and layer in self._layers.values():
            self._lost = True
            if layer in self._viewer.layers.selection:
                self._active = layer

    def _on_change(self, _event: Any = None) -> None:
        if not self._changing and self._layers:
            self._tidy_later.start()

    def _make_current(self, _event: Any = None) -> None:
        """Let what napari does next meet the canvas's own OpenGL context.

        When a layer leaves, napari deletes its textures and shaders at once, in whichever context is current,
        and between two frames that is Qt's own. The canvas's context then goes on with shaders that are gone,
        and drawing the next layer that is added kills the process.
        """
        canvas = canvas_of(self._viewer)
        if canvas is not None and hasattr(canvas, "makeCurrent"):
            canvas.makeCurrent()

    def _is_closed(self) -> bool:
        """Whether the window has been closed: napari removes all layers then."""
        windows = getattr(type(self._viewer), "_instances", None)
        return windows is not None and hasattr(self._viewer, "window") and self._viewer not in windows


def canvas_of(viewer: Viewer) -> Any:
    """Return the widget that draws the layers; None without a window, or where napari hides it elsewhere."""
    qt_viewer = getattr(getattr(viewer, "window", None), "_qt_viewer", None)
    return getattr(getattr(qt_viewer, "canvas", None), "native", None)
