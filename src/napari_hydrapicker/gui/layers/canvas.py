"""Shows the session's current micrograph and its picks in a viewer, and brings edits back."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.gui.layers.image_layer import ImageLayer
from napari_hydrapicker.gui.layers.loader import DisplayLoader
from napari_hydrapicker.gui.layers.picks_layer import PicksLayer
from napari_hydrapicker.gui.layers.plugin_layers import Place, PluginLayers, canvas_of
from napari_hydrapicker.gui.widgets.tasks import AFTER_FRAME_MS, once_after
from napari_hydrapicker.imaging.display import DisplayFilter, DisplayImage
from napari_hydrapicker.project.labels import Labels
from napari_hydrapicker.project.session import Session

if TYPE_CHECKING:
    from napari.viewer import Viewer

_SLID_MS = 150  # after the slider's last step


@cache
def collect_early() -> None:
    """Collect all garbage now, the first time in a process; call it where the user waits anyway.

    A window of napari has some 300,000 objects, which take Python a fifth of a second to look through. It
    does that when a quarter as many have come, and nearly as many come with this package and its first
    layers: the window would stand still at some moment of the next minutes. Browsing brings too few for that.
    """
    gc.collect()


def camera_of(viewer: Viewer) -> Any:
    """Return a viewer's camera, which napari 0.9 has moved into the scene."""
    return getattr(viewer, "scene", viewer).camera


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


class Canvas(QObject):
    """One image layer and one points layer that follow the session.

    Signals
    -------
    coming (int)
        The micrograph with this number is about to be shown: what lies on the one before is to leave.
    shown (int)
        The micrograph with this number is on the canvas, picks and all.
    emptied ()
        There is no micrograph on the canvas any more: the current one cannot be read, or there is none.
    settled (int)
        It has been drawn as well: for all that can wait, so that no single frame takes the time of both.
    problem (str)
        Something that the user should read.
    """

    coming = Signal(int)
    shown = Signal(int)
    emptied = Signal()
    settled = Signal(int)
    problem = Signal(str)

    def __init__(
        self, viewer: Viewer, layers: PluginLayers, session: Session, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._layers, self._session = viewer, layers, session
        self._filter = DisplayFilter()
        self._image = ImageLayer(layers)
        self._pause = DrawingPause(viewer)
        self._display: DisplayImage | None = None
        self._on_canvas: int | None = None
        self._loader = DisplayLoader(self)
        self._loader.loaded.connect(self._show_image)
        self._loader.failed.connect(self._on_failed)
        self.picks = PicksLayer(self._add, self.delete, self._move)
        self._settle = once_after(AFTER_FRAME_MS, self._rest, self)
        self._unsettled: int | None = None  # a micrograph that has come and may not be drawn yet
        session.current_changed.connect(self._request)
        session.labels_changed.connect(self._refresh_picks)
        session.settings_changed.connect(self._on_settings)
        self._request()

    @property
    def micrograph_id(self) -> int | None:
        """The micrograph on the canvas: until it is loaded, the session's current one may be ahead."""
        return self._on_canvas

    @property
    def display(self) -> DisplayImage | None:
        """The display copy on the canvas."""
        return self._display if self._on_canvas is not None else None

    def set_filter(self, filter: DisplayFilter) -> None:
        """Show micrographs through another filter."""
        if filter != self._filter:
            self._filter = filter
            self._request()

    def diameter_px(self) -> float:
        """Diameter of the rings, pixels."""
        number = self._on_canvas
        if number is None:
            return 20.0
        return self._session.ring_px(number)

    def hide(self, ids: set[int]) -> None:
        """Hide picks until the next change of the micrograph: what a drag has erased and not yet let go."""
        self._pause.begin()
        self.picks.hide(ids)

    def raise_picks(self) -> None:
        """Make the picks the active layer, and be seen, so that the tools act on it."""
        if self._on_canvas is not None:
            self._layers.put(Place.PICKS, self.picks.layer)
            if not self.picks.layer.visible:  # else napari would take up another tool
                self.picks.layer.visible = True
            self._layers.activate(Place.PICKS)

    def centre_on(self, pick_id: int) -> None:
        """Bring a pick to the middle of the canvas."""
        row = np.flatnonzero(self.picks.ids == pick_id)
        if len(row):
            camera_of(self._viewer).center = tuple(self.picks.layer.data[row[0]])

    def close(self) -> None:
        """Stop loading."""
        self._forget()
        self.picks.release()
        self._loader.close()

    def _request(self) -> None:
        number = self._session.current
        if number is None:
            self.clear()
            return
        near = [self._session.neighbour(step) for step in (1, -1)]
        ahead = [self._session.record(one) for one in near if one is not None]
        self._loader.request(self._session.record(number), self._filter, ahead)

    def clear(self) -> None:
        """Take the layers out of the viewer."""
        self._forget()
        self._loader.forget()
        self._layers.drop(Place.MICROGRAPH, Place.PICKS)
        self._image.remove()
        self._display = None
        self.emptied.emit()

    def _on_failed(self, number: int, text: str) -> None:
        """Show nothing where the current micrograph cannot be read.

        The one before would be taken for it: the table names this one, and marks and picks would go there.
        """
        self.problem.emit(text)
        if number == self._session.current:
            self._forget()
            self._image.hide()
            self.picks.show(Labels.empty(), np.empty(0, np.bool_), float(self.picks.layer.current_size))
            self.emptied.emit()

    def _forget(self) -> None:
        self._on_canvas = self._unsettled = None
        self._settle.stop()

    def _show_image(self, number: int, display: DisplayImage) -> None:
        if number != self._session.current:
            return
        if number != self._on_canvas:
            self.coming.emit(number)
        first = not self._image.is_in_viewer
        other_shape = self._display is None or self._display.extent_px != display.extent_px
        self._display = display
        self._pause.begin()
        self._image.show(display)
        new_micrograph, self._on_canvas = number != self._on_canvas, number
        self._refresh_picks(number)
        if first:
            self.raise_picks()
            collect_early()
        if other_shape:
            self._viewer.reset_view()
        if new_micrograph:
            self._unsettled = number
            self.shown.emit(number)

    def _refresh_picks(self, number: int, fleeting: bool = False) -> None:
        if number != self._on_canvas:
            return
        self._layers.put(Place.PICKS, self.picks.layer)
        if not fleeting:  # a slider's own picture would come first, and the canvas lag behind it
            self._pause.begin()
        shown = self._session.shown(number)
        self.picks.show(self._session.labels(number), shown, self.diameter_px(), fleeting)
        self._settle.start(_SLID_MS if fleeting else AFTER_FRAME_MS)

    def _rest(self) -> None:
        """Catch up with what the frame now drawn could do without."""
        self._image.settle()
        self.picks.settle()
        number, self._unsettled = self._unsettled, None
        if number is not None:
            self.settled.emit(number)

    def _on_settings(self, names: frozenset[str]) -> None:
        if self._on_canvas is not None and names & {"diameter_angstrom", "threshold"}:
            self._refresh_picks(self._on_canvas, fleeting=True)  # both are changed in many steps

    def _add(self, yx: NDArray[np.float64]) -> bool:
        return self._try(lambda number: self._add_to(number, yx))

    def _add_to(self, number: int, yx: NDArray[np.float64]) -> None:
        if not len(self._session.add(number, yx)):  # not a message: of a double click it is the second half
            self._viewer.status = "This particle has a pick already: no pick was added"

    def delete(self, ids: NDArray[np.int64]) -> bool:
        """Delete picks of the micrograph on the canvas; False, with a warning, if that is refused."""
        return self._try(lambda number: self._session.delete(number, ids))

    def _move(self, ids: NDArray[np.int64], yx: NDArray[np.float64]) -> bool:
        return self._try(lambda number: self._session.move(number, ids, yx))

    def _try(self, edit: Callable[[int], Any]) -> bool:
        """Edit the micrograph on the canvas; a refusal is shown as a warning, and the layer goes back."""
        if self._on_canvas is None:
            self.problem.emit("No micrograph is open: open a folder before picking by hand")
            return False
        try:
            edit(self._on_canvas)
        except HydraPickerError as error:
            self.problem.emit(str(error))
            self._refresh_picks(self._on_canvas)  # a tool may have hidden what it was to delete
            return False
        return True
