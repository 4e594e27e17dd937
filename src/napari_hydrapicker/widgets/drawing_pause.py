"""Puts the canvas's next frame off until the window has looked at what else has come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer

from napari_hydrapicker.widgets.layers import canvas_of
from napari_hydrapicker.widgets.timers import once_after

if TYPE_CHECKING:
    from napari.viewer import Viewer


class DrawingPause:
    """Ends by itself, as soon as the event loop comes to it.

    Qt draws what has changed before it looks at anything else: mouse and keys would wait for the change and
    for its frame at one stretch, and without a graphics card a frame takes longer than most changes.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._end: QTimer | None = None

    def begin(self) -> None:
        """Draw nothing on the canvas until other events have been served."""
        canvas = canvas_of(self._viewer)
        if canvas is None or not canvas.updatesEnabled():
            return
        if self._end is None or self._end.parent() is not canvas:
            self._end = once_after(0, lambda: canvas.setUpdatesEnabled(True), canvas)
        canvas.setUpdatesEnabled(False)
        self._end.start()
