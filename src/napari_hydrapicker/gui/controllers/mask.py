"""Shows what of a micrograph is left out (carbon, bad ice, blank areas), and lets the user paint on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_hydrapicker.errors import HydraPickerError, ParameterError
from napari_hydrapicker.gui.guide import READ_ONLY
from napari_hydrapicker.gui.layers.canvas import Canvas
from napari_hydrapicker.gui.layers.mask_layer import Brush, MaskLayer
from napari_hydrapicker.gui.layers.plugin_layers import Place, PluginLayers
from napari_hydrapicker.gui.layers.tools import Tool, Tools
from napari_hydrapicker.gui.sections.pick import PickSection
from napari_hydrapicker.gui.widgets.tasks import Tasks, once_after
from napari_hydrapicker.imaging.prepare import prepare
from napari_hydrapicker.io.edited_mask import EditedMask, MaskGrid
from napari_hydrapicker.project.records import MicrographRecord
from napari_hydrapicker.project.session import Session

if TYPE_CHECKING:
    from napari.viewer import Viewer


_SETTLE_MS = 300  # after the diameter's last step: what is left out depends on it
_BRUSH_DIAMETERS = 2  # what is left out is wider than particles
_LOOK_MS = 100  # after another layer has become active: that may be for a moment only


class MaskController(QObject):
    """The mask of the micrograph on the canvas, found in the background or painted by the user.

    Attributes
    ----------
    editing : bool
        Whether the mask's layer is the active one, under napari's brush.

    Signals
    -------
    problem (str)
        Something that the user should read.
    """

    problem = Signal(str)

    def __init__(
        self, viewer: Viewer, session: Session, canvas: Canvas, layers: PluginLayers, tools: Tools,
        tasks: Tasks, section: PickSection, parent: QObject,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._viewer, self._session, self._canvas, self._layers = viewer, session, canvas, layers
        self._tools, self._tasks, self._section = tools, tasks, section
        self.editing = False
        self._brush = Brush.PAINT
        self._mask: MaskLayer | None = None
        self._number: int | None = (
            None  # of the micrograph whose mask the layer shows; None: it shows none yet
        )
        self._shown: EditedMask | None = None  # what the layer shows of the user's
        self._undoable = False  # whether the mask that is being found comes as a stroke
        self._settle = once_after(_SETTLE_MS, self._follow, self)
        self._look = once_after(_LOOK_MS, self._end_if_left, self)
        self._begin_anew = once_after(0, self._after_absence, self)
        section.show_mask.toggled.connect(self._on_wanted)
        section.edit_mask_toggled.connect(lambda on: self.edit() if on else self.end())
        section.find_mask_requested.connect(self.find_again)
        canvas.coming.connect(self._clear)
        canvas.settled.connect(lambda _: self._follow())  # no frame takes the time of both
        canvas.emptied.connect(self._leave)
        tools.tool_changed.connect(lambda _: self.end())
        session.settings_changed.connect(self._on_settings)
        session.micrograph_changed.connect(self._on_micrograph)
        viewer.layers.selection.events.active.connect(self._on_active)
        viewer.layers.events.inserted.connect(self._on_inserted)

    def toggle(self) -> None:
        """Begin to paint, or end it."""
        if self.editing:
            self.end()
        else:
            self.edit()

    def edit(self) -> None:
        """Have the mask under napari's brush, if there is one that can be changed."""
        number = self._canvas.micrograph_id
        refusal = self._refusal(None if number is None else self._session.record(number))
        if refusal:
            self.problem.emit(refusal)
        if refusal or number is None:
            self._section.show_mask_editing(False)
            return
        self._tools.choose(Tool.BROWSE)  # or a stroke would erase picks as well
        self.editing, self._brush = True, Brush.PAINT
        self._layers.primary = Place.MASK
        self._section.show_mask_editing(True)
        self._section.show_mask.setChecked(True)
        if self._mask is None:
            self._follow()
        self._take_up(self._brush_size(number))

    def end(self) -> None:
        """Leave the mask as it is; the picks are to be worked on."""
        if not self.editing:
            return
        self.editing = False
        self._layers.primary = Place.PICKS
        self._section.show_mask_editing(False)
        if self._mask is not None:
            self._mask.take_up(Brush.NONE)
            if self._viewer.layers.selection.active is self._mask.layer:
                self._layers.activate(Place.PICKS)

    def use(self, brush: Brush) -> None:
        """Take up the brush or the eraser."""
        self._brush = brush
        self._take_up()

    def undo(self) -> None:
        """Undo the last stroke on the mask."""
        self._replay(MaskLayer.undo)

    def redo(self) -> None:
        """Redo it."""
        self._replay(MaskLayer.redo)

    def find_again(self) -> None:
        """Leave out what is found, not what was painted; that can be undone while the mask is shown."""
        number = self._canvas.micrograph_id
        if number is None or self._session.record(number).mask is None:
            return
        # Not by way of `_on_micrograph`, which shows a mask that nothing can be undone on.
        self._undoable, self._shown = True, None
        if self._keep(number, None):
            self._follow()

    def close(self) -> None:
        """Leave the viewer as it was; the layer is the business of `PluginLayers`."""
        self.editing = False
        for timer in (self._settle, self._look, self._begin_anew):
            timer.stop()
        self._viewer.layers.selection.events.active.disconnect(self._on_active)
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)

    def _refusal(self, record: MicrographRecord | None) -> str:
        """Say why a micrograph's mask cannot be painted on; "" if it can."""
        if record is None:
            return "There is no micrograph to paint on: open a folder first"
        if self._session.read_only:
            return READ_ONLY
        if record.pixel_size_angstrom is None and record.mask is None:
            return "The mask cannot be found without the pixel size: enter it in the table (Å/px) first"
        return ""

    def _brush_size(self, number: int) -> int:
        grid = MaskGrid.of(self._session.record(number).shape)
        return round(_BRUSH_DIAMETERS * self._session.ring_px(number) / grid.block_px)

    def _on_settings(self, names: frozenset[str]) -> None:
        if "diameter_angstrom" in names and self._is_wanted():
            self._settle.start()

    def _on_micrograph(self, number: int) -> None:
        if number == self._number and self._session.record(number).mask != self._shown:
            self._follow()

    def _on_wanted(self, wanted: bool) -> None:
        if not wanted:
            self.end()
        self._follow()

    def _is_wanted(self) -> bool:
        return bool(self._section.show_mask.isChecked())

    def _follow(self) -> None:
        """Show the mask of the micrograph on the canvas, or have it found."""
        number = self._canvas.micrograph_id
        if not self._is_wanted() or number is None:
            self._leave()
            return
        record, diameter = self._session.record(number), self._session.settings.diameter_angstrom
        if self._mask is not None and self._mask.drawing:  # nothing changes under the brush
            self._settle.start()
            return
        if record.mask is not None:
            if self._number != number or self._shown != record.mask:
                self._show(number, record.mask.left_out(), record.mask)
            return
        if record.pixel_size_angstrom is None:
            if self.editing:
                self.problem.emit(self._refusal(record))
            self._leave()
            return
        grid = MaskGrid.of(record.shape)
        self._tasks.run(
            "mask",
            lambda: grid.left_out(prepare(record.micrograph(), diameter).mask),
            lambda left_out: self._take(number, left_out),
        )

    def _clear(self, number: int) -> None:
        """Show nothing of the micrograph before: it would be painted on, and kept in view."""
        if self._mask is not None and self._mask.drawing:
            self._on_painted()  # so far as the stroke has come
        self._number, self._undoable = None, False
        if self._mask is not None:
            self._mask.blank(MaskGrid.of(self._session.record(number).shape))
            self._section.show_masked_share(None)

    def _take(self, number: int, left_out: NDArray[np.bool_]) -> None:
        """Show what was found, unless the user has gone on or painted meanwhile."""
        if number != self._canvas.micrograph_id or not self._is_wanted():
            return
        if self._session.record(number).mask is not None:
            return
        if self._mask is not None and self._mask.drawing:
            self._settle.start()
            return
        self._show(number, left_out, None)

    def _show(self, number: int, left_out: NDArray[np.bool_], edited: EditedMask | None) -> None:
        grid = MaskGrid.of(self._session.record(number).shape)
        as_stroke, self._undoable = self._undoable and self._number == number, False
        self._number, self._shown = number, edited
        if self._mask is None:
            self._mask = MaskLayer(self._on_painted)
            self._mask.layer.events.visible.connect(lambda _: self._take_up())
            self._mask.show(left_out, grid)
            self._mask.take_up(Brush.NONE, self._brush_size(number))
            self._layers.put(Place.MASK, self._mask.layer, wanted=self._is_wanted)
        else:
            if as_stroke:
                self._mask.change(left_out)
            else:
                self._mask.show(left_out, grid)
            self._layers.put(Place.MASK, self._mask.layer)
        self._show_share()
        self._take_up()

    def _show_share(self) -> None:
        """Say how much is left out, as far as it is shown, and whether it is painted."""
        number = self._canvas.micrograph_id
        edited = number is not None and self._session.record(number).mask is not None
        share = None if self._mask is None or self._number is None else float(self._mask.left_out.mean())
        self._section.show_masked_share(share, edited)

    def _on_painted(self) -> None:
        """Keep what the user has just painted."""
        number, mask = self._number, self._mask
        if number is None or mask is None:
            return
        try:
            edited = EditedMask.from_left_out(mask.left_out, self._session.record(number).shape)
        except ParameterError:  # a script gave the layer other data
            self._number = None
            self._follow()
            return
        if edited != self._shown:
            self._keep(number, edited)

    def _keep(self, number: int, edited: EditedMask | None) -> bool:
        """Write a mask into the project; if that is refused the layer goes back."""
        before, self._shown = self._shown, edited
        try:
            self._session.set_mask(number, edited)
        except HydraPickerError as error:
            self.problem.emit(str(error))
            self._shown, self._number = before, None
            self._follow()
            return False
        self._show_share()
        return True

    def _replay(self, step: Callable[[MaskLayer], object]) -> None:
        if self._mask is not None and self._number is not None and not self._mask.drawing:
            step(self._mask)
            self._on_painted()

    def _take_up(self, size: int | None = None) -> None:
        """Have the layer under the brush while the mask is edited, as soon as there is one to paint on."""
        if not self.editing or self._mask is None or self._number is None or not self._mask.layer.visible:
            return
        if self._viewer.layers.selection.active is not self._mask.layer:
            self._layers.activate(Place.MASK)
        self._mask.take_up(self._brush, size)

    def _on_inserted(self, event: Any) -> None:
        if self._mask is not None and event.value is self._mask.layer:
            self._begin_anew.start()

    def _after_absence(self) -> None:
        if self.editing and self._mask is not None and self._mask.layer.visible:
            self._mask.renew(self._brush)

    def _on_active(self, _event: Any) -> None:
        if self.editing:
            self._look.start()

    def _end_if_left(self) -> None:
        """End the editing where the user has gone over to another layer."""
        if self.editing and self._mask is not None and self._number is not None:
            active = self._viewer.layers.selection.active
            if active is not None and active is not self._mask.layer:
                self.end()

    def _leave(self) -> None:
        self.end()
        self._layers.drop(Place.MASK)
        self._mask = self._number = self._shown = None
        self._show_share()
