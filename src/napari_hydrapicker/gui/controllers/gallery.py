"""Keeps the gallery of crops in step with the canvas and the session."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject

from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.gui.layers.canvas import Canvas
from napari_hydrapicker.gui.widgets.gallery import Gallery
from napari_hydrapicker.gui.widgets.tasks import Tasks, once_after
from napari_hydrapicker.imaging.display import DisplayImage, particle_crops
from napari_hydrapicker.project.labels import Labels, is_shown, shown_scores
from napari_hydrapicker.project.session import Session

_CROP = 48  # side of a crop on screen
_BOX = 1.4  # side of a crop over the diameter
_SETTLE_MS = 150


class GalleryController(QObject):
    """Cuts the crops of the shown and of the rejected picks, in the background, while the gallery is open."""

    def __init__(
        self, session: Session, canvas: Canvas, gallery: Gallery, tasks: Tasks, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._canvas, self._gallery, self._tasks = session, canvas, gallery, tasks
        self._active = False
        self._settle = once_after(_SETTLE_MS, self._cut, self)
        canvas.shown.connect(self._later)
        canvas.emptied.connect(self._clear)
        session.labels_changed.connect(self._later)
        session.settings_changed.connect(self._later)
        gallery.toggled.connect(self._toggle)
        gallery.picked_out.connect(canvas.centre_on)

    def set_active(self, active: bool) -> None:
        """Begin or cease to follow."""
        self._active = active
        self._later()

    def _later(self, *_: object) -> None:
        if self._active:
            self._settle.start()

    def _cut(self) -> None:
        number, display = self._canvas.micrograph_id, self._canvas.display
        if not self._active or number is None or display is None:
            return
        labels = self._session.labels(number)
        chosen = is_shown(labels, self._session.threshold(number)) | labels.deleted
        items = labels.rows(labels.id[chosen])
        box = _BOX * self._canvas.diameter_px()
        self._tasks.run(
            "gallery", lambda: _crops(display, items, box), lambda crops: self._fill(items, crops)
        )

    def _clear(self) -> None:
        none = Labels.empty()
        side = self._gallery.items.crops.shape[1]
        self._gallery.set_items(none.id, np.empty((0, side, side), np.uint8), none.score, none.deleted)

    def _fill(self, items: Labels, crops: NDArray[np.uint8]) -> None:
        score = np.minimum(shown_scores(items), 1.0)
        self._gallery.set_items(items.id, crops, score, items.deleted)

    def _toggle(self, pick_id: int, reject: bool) -> None:
        number = self._canvas.micrograph_id
        if number is None:
            return
        row = self._session.labels(number).rows([pick_id])
        if not len(row) or bool(row.deleted[0]) == reject:
            return  # the gallery is a moment behind: it is done, or of another micrograph
        change = self._session.delete if reject else self._session.restore
        try:
            change(number, [pick_id])
        except HydraPickerError as error:
            self._canvas.problem.emit(str(error))


def _crops(display: DisplayImage, items: Labels, box_px: float) -> NDArray[np.uint8]:
    return particle_crops(display, items.yx, box_px, _CROP)
