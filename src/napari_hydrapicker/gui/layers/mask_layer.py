"""The labels layer that shows what of a micrograph is left out, and is painted on with napari's own brush."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_hydrapicker.gui.layers.plugin_layers import without_refresh
from napari_hydrapicker.io.edited_mask import MaskGrid

NAME = "HydraPicker mask"
_RED = np.array([0.9, 0.2, 0.1, 1.0])
_CLEAR = np.zeros(4)
_OPACITY = 0.4
_LEAST_BRUSH = 3  # pixels of the layer


class Brush(StrEnum):
    """Napari's modes of a labels layer that serve here."""

    PAINT = "paint"
    ERASE = "erase"
    NONE = "pan_zoom"


class MaskLayer:
    """A layer on a micrograph's grid of blocks: what is not 0 there is left out.

    Parameters
    ----------
    painted
        Called after each stroke of the user's, fillings and polygons included.

    Attributes
    ----------
    layer : Labels
        Napari's layer.
    """

    def __init__(self, painted: Callable[[], object]) -> None:
        # Any label that is painted shows, and counts. With the first two alone napari would choose colours.
        colours = DirectLabelColormap(color_dict={None: _RED, 0: _CLEAR, 1: _RED})
        self.layer = Labels(
            np.zeros((1, 1), np.uint8), name=NAME, colormap=colours, opacity=_OPACITY,
            blending="translucent_no_depth",
        )  # fmt: skip
        self._painted = painted
        self._silent = False
        self.drawing = False
        self.layer.editable = False
        self.layer.mouse_drag_callbacks.append(self._on_drag)
        self.layer.events.paint.connect(self._on_paint)
        self.layer.events.mode.connect(self._on_mode)

    @property
    def left_out(self) -> NDArray[np.bool_]:
        """What is left out, on the micrograph's grid of blocks."""
        return np.asarray(np.asarray(self.layer.data) != 0)

    def show(self, left_out: NDArray[np.bool_], grid: MaskGrid) -> None:
        """Show another mask, to be painted on; nothing of before can be undone."""
        self._set(left_out, grid)
        self.layer.editable = True

    def blank(self, grid: MaskGrid) -> None:
        """Show nothing, and do not allow painting, until the next `show`."""
        nothing = np.zeros(grid.shape, np.bool_)
        if not (np.array_equal(self.left_out, nothing) and self._is_placed(grid)):
            self._set(nothing, grid)
        self.layer.editable = False

    def change(self, left_out: NDArray[np.bool_]) -> None:
        """Change the mask shown as a stroke does, so that it can be undone."""
        new = left_out.astype(np.uint8)
        differs = np.nonzero(np.asarray(self.layer.data) != new)
        if len(differs[0]):
            with self._silence():
                self.layer.data_setitem(differs, new[differs])

    def take_up(self, brush: Brush, size: int | None = None) -> None:
        """Paint, erase or do neither from now on; `size` is the brush's diameter in pixels of the layer."""
        if size is not None:
            self.layer.brush_size = max(_LEAST_BRUSH, size)
        self.layer.selected_label = 1
        if str(self.layer.mode) != brush.value:
            self.layer.mode = brush.value

    def renew(self, brush: Brush) -> None:
        """Take up a brush on a layer that has come back: napari's new buttons for it do not know its mode."""
        self.layer.mode = Brush.NONE.value
        self.take_up(brush)

    def undo(self) -> None:
        """Undo the last stroke."""
        self.layer.undo()

    def redo(self) -> None:
        """Redo it."""
        self.layer.redo()

    def _set(self, left_out: NDArray[np.bool_], grid: MaskGrid) -> None:
        layer: Any = self.layer
        if layer.editable:
            layer.editable = False  # which forgets the strokes on the mask before
        data, (scale, translate) = left_out.astype(np.uint8), _place(grid)
        with self._silence():
            if layer.data.shape == data.shape and self._is_placed(grid):
                with without_refresh(layer):
                    layer.data = data
                layer.refresh(extent=False)
                return
            with layer.events.blocker_all():  # else the old pixels would be misplaced for one frame
                layer.scale, layer.translate = scale, translate
            layer.data = data
            layer.scale, layer.translate = scale, translate

    def _is_placed(self, grid: MaskGrid) -> bool:
        return np.array_equal([self.layer.scale, self.layer.translate], _place(grid))

    def _on_paint(self, _event: Any) -> None:
        if not self._silent:
            self._painted()

    def _on_mode(self, _event: Any) -> None:
        if str(self.layer.mode) == "transform":  # what is painted on a layer that was moved lies elsewhere
            self.layer.mode = Brush.NONE.value

    def _on_drag(self, _layer: Labels, event: Any) -> Iterator[None]:
        """Note that a button is held, for nothing is to change under the brush."""
        self.drawing = True
        try:
            yield
            while event.type == "mouse_move":
                yield
        finally:
            self.drawing = False

    @contextmanager
    def _silence(self) -> Iterator[None]:
        before, self._silent = self._silent, True
        try:
            yield
        finally:
            self._silent = before


def _place(grid: MaskGrid) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return a layer's scale and translation."""
    return (grid.block_px, grid.block_px), (grid.offset_px, grid.offset_px)
