"""What the mouse does on the canvas: add, move, erase, measure, or nothing but look."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_hydrapicker.gui.layers.canvas import Canvas, camera_of
from napari_hydrapicker.gui.layers.plugin_layers import Place, PluginLayers
from napari_hydrapicker.gui.widgets import keys
from napari_hydrapicker.gui.widgets.tasks import once_after

if TYPE_CHECKING:
    from napari.viewer import Viewer


RING = "HydraPicker diameter"
_RING_MS = 2500  # how long the ring stays after the diameter was changed
_ERASER = 0.4  # radius of the eraser over the diameter


class Tool(StrEnum):
    """What a click means."""

    BROWSE = "browse"
    ADD = "add"
    MOVE = "move"
    ERASE = "erase"
    MEASURE = "measure"


# Napari's own tools serve where it has them.
_PURPOSE = {Tool.ADD: "add picks to", Tool.MOVE: "move picks on", Tool.ERASE: "erase picks from",
            Tool.MEASURE: "measure on"}  # fmt: skip
_MODES = {Tool.ADD: "add", Tool.MOVE: "select"}


class Tools(QObject):
    """The chosen tool, and the mouse callbacks of those that napari lacks.

    Signals
    -------
    tool_changed (str)
        Another tool was chosen, here or with napari's own buttons and keys.
    problem (str)
        Something that the user should read.
    measured (float)
        A particle was measured: its diameter in pixels.
    """

    tool_changed = Signal(str)
    problem = Signal(str)
    measured = Signal(float)

    def __init__(
        self, viewer: Viewer, layers: PluginLayers, canvas: Canvas, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._layers, self._canvas = viewer, layers, canvas
        self.tool = Tool.BROWSE
        self._ring: Points | None = None
        self._ring_wanted = False
        self._hide_ring = once_after(_RING_MS, self.hide_ring, self)
        viewer.mouse_drag_callbacks.append(self._on_drag)
        viewer.layers.events.inserted.connect(self._on_inserted)
        self._begin_anew = once_after(0, self._after_absence, self)  # once napari has buttons for the layer
        layer = canvas.picks.layer
        layer.events.mode.connect(self._on_mode)
        # For napari erasing and measuring are panning too, so that its own key for that does nothing.
        keys.bind_on_layer(layer, {keys.BROWSE: lambda: self.choose(Tool.BROWSE)})

    def choose(self, tool: Tool) -> None:
        """Take up a tool; without a micrograph there is nothing that it could act on."""
        if self._canvas.micrograph_id is None and tool is not Tool.BROWSE:
            self.problem.emit(f"There is no micrograph to {_PURPOSE[tool]}: open a folder first")
            self.tool_changed.emit(self.tool.value)  # the buttons go back
            return
        self._canvas.raise_picks()
        self.tool = tool
        self._take_up_again()
        self.tool_changed.emit(tool.value)

    def _on_inserted(self, event: Any) -> None:
        if event.value is self._canvas.picks.layer:
            self._begin_anew.start()

    def _after_absence(self) -> None:
        """Take up the tool on a layer that has come: napari's new buttons for it do not know its mode."""
        layer = self._canvas.picks.layer
        with layer.events.mode.blocker(self._on_mode):
            layer.mode = "pan_zoom"
        self._take_up_again()

    def _take_up_again(self) -> None:
        """Have the layer in the tool's mode, whatever napari has done to it while it was away."""
        layer, mode = self._canvas.picks.layer, _MODES.get(self.tool, "pan_zoom")
        if str(layer.mode) != mode:
            with layer.events.mode.blocker(self._on_mode):
                layer.mode = mode
        # Dragging erases and measures; it must not move the image as well.
        layer.mouse_pan = self.tool is Tool.BROWSE

    def show_ring(self, diameter_px: float, centre_yx: NDArray[np.float64] | None = None) -> None:
        """Draw a ring as wide as the particle for a while.

        By default it stays where it is seen, or begins in the middle of the canvas.
        """
        if self._canvas.micrograph_id is None:
            return
        ring = self._ring
        if centre_yx is None:
            middle = camera_of(self._viewer).center[-2:]
            centre_yx = ring.data[0] if ring is not None and ring.visible else middle
        centre = np.asarray(centre_yx, np.float64)
        self._ring_wanted = True
        if ring is None:
            ring = self._ring = Points(
                centre[None], size=diameter_px, name=RING, face_color="transparent", border_color="red",
                border_width=0.03,
            )  # fmt: skip
            self._layers.put(Place.RING, ring, wanted=lambda: self._ring_wanted)
        else:
            ring.data, ring.size = centre[None], np.array([diameter_px])
            ring.visible = True
            self._layers.put(Place.RING, ring)
        self._hide_ring.start()

    def hide_ring(self) -> None:
        """Take the ring out of sight; to remove the layer takes napari too long: it collects all garbage."""
        self._ring_wanted = False
        if self._ring is not None:
            self._ring.visible = False

    def close(self) -> None:
        """Leave the viewer as it was."""
        self._hide_ring.stop()
        self._begin_anew.stop()
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)
        self._layers.drop(Place.RING)
        self._ring = None
        if self._on_drag in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_drag)
        self._canvas.picks.layer.events.mode.disconnect(self._on_mode)
        self._canvas.picks.layer.bind_key(keys.BROWSE, None, overwrite=True)

    def _on_mode(self, event: Any) -> None:
        """Follow napari's own buttons and keys."""
        mode = str(getattr(event, "mode", self._canvas.picks.layer.mode))
        tool = {name: tool for tool, name in _MODES.items()}.get(mode, Tool.BROWSE)
        if tool is not self.tool:
            self.tool = tool
            self.tool_changed.emit(tool.value)

    def _on_drag(self, viewer: Viewer, event: Any) -> Iterator[None]:
        if event.button != 1 or self._canvas.micrograph_id is None:
            return
        if self.tool is Tool.ERASE:
            yield from self._erase(event)
        elif self.tool is Tool.MEASURE:
            yield from self._measure(event)

    def _erase(self, event: Any) -> Iterator[None]:
        """Erase the pick clicked on; a drag erases all that it touches, as one edit."""
        picks, radius = self._canvas.picks, self._canvas.diameter_px() * _ERASER
        start = _place(event)
        within = picks.nearest(start, self._canvas.diameter_px() / 2)
        touched = set(within[:1].tolist())
        self._canvas.hide(touched)
        yield
        while event.type == "mouse_move":
            touched |= set(picks.nearest(_place(event), radius).tolist())
            self._canvas.hide(touched)
            event.handled = True
            yield
        if touched:
            self._canvas.delete(np.array(sorted(touched), np.int64))

    def _measure(self, event: Any) -> Iterator[None]:
        """Draw a ring over the particle from one side to the other."""
        start = _place(event)
        diameter = 0.0
        yield
        while event.type == "mouse_move":
            end = _place(event)
            diameter = float(np.linalg.norm(end - start))
            self.show_ring(max(diameter, 1.0), (start + end) / 2)
            event.handled = True
            yield
        if diameter > 2:
            self.measured.emit(diameter)


def _place(event: Any) -> NDArray[np.float64]:
    """Where the mouse is, (row, column) in micrograph pixels: the layers' world is in these."""
    return np.asarray(event.position[-2:], np.float64)
