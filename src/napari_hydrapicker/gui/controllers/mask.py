"""Shows what of a micrograph is left out: carbon film, bad ice and blank areas, as a layer over it."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image
from napari.utils.colormaps import Colormap
from numpy.typing import NDArray
from qtpy.QtCore import QObject

from napari_hydrapicker.gui.layers.canvas import Canvas
from napari_hydrapicker.gui.layers.plugin_layers import Place, PluginLayers
from napari_hydrapicker.gui.sections.pick import PickSection
from napari_hydrapicker.gui.widgets.tasks import Tasks, once_after
from napari_hydrapicker.imaging.prepare import Prepared, prepare
from napari_hydrapicker.project.session import Session

NAME = "HydraPicker left out"
_SETTLE_MS = 300  # after the diameter's last step: what is left out depends on it
_COLOURS = Colormap([[0.9, 0.2, 0.1, 0.0], [0.9, 0.2, 0.1, 1.0]], name="hydrapicker-left-out")


class MaskLink(QObject):
    """Finds the mask of the micrograph on the canvas in the background, while it is to be shown."""

    def __init__(
        self, session: Session, canvas: Canvas, layers: PluginLayers, tasks: Tasks, section: PickSection,
        parent: QObject,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._session, self._canvas, self._layers, self._tasks = session, canvas, layers, tasks
        self._section = section
        self._layer: Any = None
        self._settle = once_after(_SETTLE_MS, self._find, self)
        section.show_mask.toggled.connect(lambda _: self._find())
        canvas.shown.connect(lambda _: self._find())
        canvas.emptied.connect(self._leave)
        session.settings_changed.connect(self._on_settings)

    def _on_settings(self, names: frozenset[str]) -> None:
        if names & {"diameter_angstrom", "use_mask"} and self._is_wanted():
            self._settle.start()

    def _is_wanted(self) -> bool:
        return bool(self._section.show_mask.isChecked())

    def _find(self) -> None:
        number = self._canvas.micrograph_id
        if not self._is_wanted() or number is None:
            self._leave()
            return
        record, diameter = self._session.record(number), self._session.settings.diameter_angstrom
        if record.pixel_size_angstrom is None:
            self._leave()
            return
        self._tasks.run(
            "mask",
            lambda: prepare(record.micrograph(), diameter),
            lambda prepared: self._show(number, prepared),
        )

    def _show(self, number: int, prepared: Prepared) -> None:
        if number != self._canvas.micrograph_id or not self._is_wanted():
            return
        left_out = ~prepared.mask
        self._section.say_left_out(float(left_out.mean()))
        pixels: NDArray[np.uint8] = left_out.astype(np.uint8)
        scale = np.array(prepared.shape_px) / np.array(prepared.shape_wpx)
        if self._layer is None:
            self._layer = Image(
                pixels, name=NAME, colormap=_COLOURS, contrast_limits=(0, 1), opacity=0.4, scale=scale,
                blending="translucent_no_depth", interpolation2d="nearest",
            )  # fmt: skip
            self._layers.put(Place.MASK, self._layer, wanted=self._is_wanted)
        else:
            self._layer.data, self._layer.scale = pixels, scale
            self._layers.put(Place.MASK, self._layer)

    def _leave(self) -> None:
        self._section.say_left_out(None)
        self._layers.drop(Place.MASK)
        self._layer = None
