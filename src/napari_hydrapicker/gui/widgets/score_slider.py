"""Confidence slider: the histogram of the scores, and a line in it that is dragged."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_hydrapicker.gui.widgets.parts import MiddleLabel, is_dark
from napari_hydrapicker.gui.widgets.tasks import once_after

_BINS = 50
_LINE, _LINE_ON_LIGHT = QColor("#fde725"), QColor("#b58900")
_EMPTY = "The scores of the picks will be here"
_EMIT_MS = 16
_KEY_STEP = 0.01


class ScoreHistogram(QWidget):
    """Bars over 0..1 and the threshold, set with the mouse or the arrow keys.

    Signals
    -------
    value_changed (float)
        The user moved the threshold; at once, but not twice within 16 ms, and always for the last value.
    """

    value_changed = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self._value = 0.5
        self._heights = np.zeros(_BINS)
        self._is_empty = True
        self._late = once_after(_EMIT_MS, self._emit_late, self)
        self._waiting = False  # a change that was not emitted yet
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.SizeHorCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def value(self) -> float:
        """The threshold."""
        return self._value

    def sizeHint(self) -> QSize:
        """Return a size that fits a dock."""
        return QSize(300, 72)

    def set_scores(self, scores: NDArray[np.float32]) -> None:
        """Show these scores (N,); heights are square roots, so that few good picks stay visible."""
        counts, _ = np.histogram(scores, _BINS, (0, 1))
        self._heights = np.sqrt(counts / max(1, counts.max()))
        self._is_empty = not counts.any()
        self.update()

    def set_value(self, value: float) -> None:
        """Move the threshold without a signal."""
        self._value = min(max(float(value), 0.0), 1.0)
        self.update()

    def x_of(self, value: float) -> float:
        """Return where a score lies, pixels."""
        return self._left + value * self._width

    @property
    def _left(self) -> float:
        return 8.0

    @property
    def _width(self) -> float:
        return max(1.0, float(self.width()) - 2 * self._left)

    def mousePressEvent(self, event: Any) -> None:
        """Take hold of the threshold."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._drag_to(event.position().x())

    def mouseMoveEvent(self, event: Any) -> None:
        """Drag it."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._drag_to(event.position().x())

    def keyPressEvent(self, event: Any) -> None:
        """Move it in small steps."""
        steps = {Qt.Key.Key_Left: -_KEY_STEP, Qt.Key.Key_Right: _KEY_STEP}
        if event.key() in steps:
            self._change(self._value + steps[event.key()])
        else:
            super().keyPressEvent(event)

    def _drag_to(self, x: float) -> None:
        self._change((x - self._left) / self._width)

    def _change(self, value: float) -> None:
        before = self._value
        self.set_value(value)
        if self._value == before:
            return
        if self._late.isActive():
            self._waiting = True
        else:
            self._emit()

    def _emit_late(self) -> None:
        if self._waiting:
            self._emit()

    def _emit(self) -> None:
        self._waiting = False
        self._late.start()
        self.value_changed.emit(self._value)

    def paintEvent(self, event: Any) -> None:
        """Draw the bars, those below the threshold dimmed, and the threshold's line."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bottom, top = self.height() - 14.0, 8.0
        text = self.palette().color(QPalette.ColorRole.WindowText)
        above, below = QColor("#35b779"), QColor(text)
        below.setAlphaF(0.25)
        step = self._width / _BINS
        for i, height in enumerate(self._heights):
            kept = (i + 0.5) / _BINS >= self._value
            tall = (bottom - top) * height
            painter.fillRect(
                QRectF(self._left + i * step, bottom - tall, step - 1, tall), above if kept else below
            )
        painter.setPen(QPen(text, 1))
        painter.drawLine(QPointF(self._left, bottom), QPointF(self._left + self._width, bottom))
        for tick in (0.0, 0.5, 1.0):
            where = QRectF(self.x_of(tick) - 20, bottom, 40, 14)
            painter.drawText(where, Qt.AlignmentFlag.AlignCenter, f"{tick:g}")
        if self._is_empty:
            area = QRectF(self._left, top, self._width, bottom - top)
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, _EMPTY)
        x = self.x_of(self._value)
        painter.setPen(QPen(_LINE if is_dark(self) else _LINE_ON_LIGHT, 2))
        if not self._is_empty:  # it would cross the text out
            painter.drawLine(QPointF(x, top), QPointF(x, bottom))
        painter.setBrush(painter.pen().color())
        painter.drawPolygon(QPolygonF([QPointF(x - 5, 1), QPointF(x + 5, 1), QPointF(x, top + 2)]))


class ScoreSlider(QWidget):
    """The histogram, and a field for the exact value.

    Signals
    -------
    value_changed (float)
        The user set another threshold.
    """

    value_changed = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.histogram = ScoreHistogram()
        self.field = QDoubleSpinBox()
        self.field.setRange(0, 1)
        self.field.setDecimals(3)
        self.field.setSingleStep(0.01)
        self.field.setKeyboardTracking(False)
        head = QHBoxLayout()
        self.title = MiddleLabel("Confidence")
        head.addWidget(self.title, 1)
        head.addWidget(self.field)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(self.histogram)
        self.histogram.value_changed.connect(self._from_histogram)
        self.field.valueChanged.connect(self._from_field)
        self.set_value(0.5)

    @property
    def value(self) -> float:
        """The threshold."""
        return self.histogram.value

    def set_scores(self, scores: NDArray[np.float32]) -> None:
        """Show the histogram of these scores (N,)."""
        self.histogram.set_scores(scores)

    def show_picker(self, name: str) -> None:
        """Say whose scores the threshold cuts; "" where that is not known."""
        self.title.setText(f"Confidence of {name}" if name else "Confidence")

    def set_value(self, value: float) -> None:
        """Move the threshold without a signal."""
        self.histogram.set_value(value)
        blocked = self.field.blockSignals(True)
        self.field.setValue(value)
        self.field.blockSignals(blocked)

    def _from_histogram(self, value: float) -> None:
        self.set_value(value)
        self.value_changed.emit(value)

    def _from_field(self, value: float) -> None:
        self.histogram.set_value(value)
        self.value_changed.emit(value)
