"""Particles side by side, by score; a click rejects one or takes it back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractListModel, QModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPen
from qtpy.QtWidgets import QListView, QStyledItemDelegate

from napari_hydrapicker.gui.widgets.parts import show_hint

_SPACE = 3
_EMPTY = "No picks here yet: pick this micrograph (key G), or add picks (key 2)"
_ACCEPTED, _REJECTED = "#35b779", "#e0433a"
_ID_ROLE = Qt.ItemDataRole.UserRole


class GalleryModel(QAbstractListModel):
    """Crops with their numbers, scores and whether they are rejected, best first."""

    def __init__(self) -> None:
        super().__init__()
        self.ids = np.empty(0, np.int64)
        self.scores = np.empty(0, np.float32)
        self.rejected = np.empty(0, np.bool_)
        self.crops = np.empty((0, 1, 1), np.uint8)

    def set_items(
        self,
        ids: NDArray[np.int64],
        crops: NDArray[np.uint8],
        scores: NDArray[np.float32],
        rejected: NDArray[np.bool_],
    ) -> None:
        """Show other particles (N); only what changed is drawn again if they are the same ones."""
        order = np.argsort(-np.asarray(scores), kind="stable")
        same = np.array_equal(self.ids, ids[order]) and self.crops.shape == crops.shape
        if not same:
            self.beginResetModel()
        self.ids, self.scores = ids[order], scores[order]
        self.crops, self.rejected = np.ascontiguousarray(crops[order]), rejected[order]
        if not same:
            self.endResetModel()
        elif len(ids):
            self.dataChanged.emit(self.index(0), self.index(len(ids) - 1))

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of particles."""
        return 0 if parent is not None and parent.isValid() else len(self.ids)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a particle's number, or what its tool tip says."""
        row = index.row()
        if role == _ID_ROLE:
            return int(self.ids[row])
        if role == Qt.ItemDataRole.ToolTipRole:
            state = "rejected: click to restore it" if self.rejected[row] else "click to reject it"
            return f"score {self.scores[row]:.2f}, {state}"
        return None


class _CropPainter(QStyledItemDelegate):
    """Draws a crop in a frame that says whether it is accepted."""

    def paint(self, painter: QPainter, option: Any, index: QModelIndex) -> None:
        """Draw one crop; only those in view are ever asked for."""
        model, row = index.model(), index.row()
        crop = model.crops[row]
        side = crop.shape[1]
        image = QImage(crop.tobytes(), side, crop.shape[0], side, QImage.Format.Format_Grayscale8)
        rejected = bool(model.rejected[row])
        rect = option.rect.adjusted(_SPACE, _SPACE, -_SPACE, -_SPACE)
        painter.save()
        painter.setOpacity(0.45 if rejected else 1.0)
        painter.drawImage(rect, image)
        painter.setOpacity(1.0)
        painter.setPen(QPen(QColor(_REJECTED if rejected else _ACCEPTED), 2))
        painter.drawRect(rect)
        if rejected:
            painter.drawLine(rect.topLeft(), rect.bottomRight())
        painter.restore()

    def sizeHint(self, option: Any, index: QModelIndex) -> QSize:
        """Return the size of a crop with its frame."""
        side = index.model().crops.shape[1] + 2 * _SPACE
        return QSize(side, side)


class Gallery(QListView):
    """The crops, as many in a row as fit, spread over its width.

    Signals
    -------
    toggled (int, bool)
        A particle was clicked, which is to be rejected (True) or taken back.
    picked_out (int)
        A particle was clicked with the right button: it is to be found on the micrograph.
    """

    toggled = Signal(int, bool)
    picked_out = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.items = GalleryModel()
        self.items.setParent(self)
        self.items.modelReset.connect(self._spread)
        self.setModel(self.items)
        self.set_items = self.items.set_items
        self._painter = _CropPainter(self)
        self.setItemDelegate(self._painter)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)  # else all sizes are asked for at once
        self.setSelectionMode(QListView.SelectionMode.NoSelection)

    def paintEvent(self, event: Any) -> None:
        """Draw the crops, or what to do while there are none."""
        super().paintEvent(event)
        show_hint(self, _EMPTY)

    def resizeEvent(self, event: Any) -> None:
        """Spread the crops over the new width."""
        self._spread()
        super().resizeEvent(event)

    def _spread(self) -> None:
        side = self.items.crops.shape[1] + 2 * _SPACE
        room = self.viewport().width() - 1  # a row as wide as the whole does not fit
        self.setGridSize(QSize(max(side, room // max(1, room // side)), side))

    def mouseReleaseEvent(self, event: Any) -> None:
        """Reject or restore with the left button, find with the right."""
        index = self.indexAt(event.position().toPoint())
        if index.isValid():
            number, row = int(index.data(_ID_ROLE)), index.row()
            if event.button() == Qt.MouseButton.LeftButton:
                self.toggled.emit(number, not bool(self.items.rejected[row]))
            elif event.button() == Qt.MouseButton.RightButton:
                self.picked_out.emit(number)
        super().mouseReleaseEvent(event)
