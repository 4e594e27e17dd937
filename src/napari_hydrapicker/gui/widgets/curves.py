"""Loss and validation AP of a training, drawn while it runs."""

from __future__ import annotations

import math
from typing import Any

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

LOSS, AP = QColor("#3d8fd9"), QColor("#35a34a")  # on dark and on light
_FRAME = QColor("#808080")
_HEIGHT = 105
_MARGIN = 4


class TrainingCurves(QWidget):
    """Two curves over the steps: the loss, on a scale of its own, and AP from 0 to 1.

    AP at step 0 is that of the head so far. Where it is known, a dashed line shows it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Blue: loss. Green: AP on the held-out micrographs; dashed: of the head so far")
        self.loss: list[tuple[int, float]] = []
        self.ap: list[tuple[int, float]] = []
        self.total = 1

    def clear(self) -> None:
        """Begin anew."""
        self.loss.clear()
        self.ap.clear()
        self.update()

    def add(self, step: int, total: int, loss: float | None, ap: float | None) -> None:
        """Append what was measured at a step; None for what was not."""
        self.total = max(1, total)
        if loss is not None and math.isfinite(loss):
            self.loss.append((step, loss))
        if ap is not None:
            self.ap.append((step, ap))
        self.update()

    def paintEvent(self, event: Any) -> None:
        """Draw both curves and their last values."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = QRectF(self.rect()).adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
        area = whole.adjusted(0, painter.fontMetrics().height(), 0, 0)  # the caption is above the curves
        painter.setPen(_FRAME)
        painter.drawRect(area)
        highest = max((value for _, value in self.loss), default=1.0) or 1.0
        self._curve(painter, area, self.loss, highest, LOSS)
        self._curve(painter, area, self.ap, 1.0, AP)
        if self.began_at is not None:
            painter.setPen(QPen(AP, 1, Qt.PenStyle.DashLine))
            level = self._place(area, 0, self.began_at, 1.0).y()
            painter.drawLine(QPointF(area.left(), level), QPointF(area.right(), level))
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        painter.drawText(whole, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight, self.caption())
        painter.end()

    @property
    def began_at(self) -> float | None:
        """AP before the first step; None where it is unknown: a training may be shown from the middle on."""
        return self.ap[0][1] if self.ap and self.ap[0][0] == 0 else None

    def caption(self) -> str:
        """Return the last values in words."""
        parts = [f"loss {self.loss[-1][1]:.2f}"] if self.loss else []
        if self.ap:
            before = "" if self.began_at is None else f" (began at {self.began_at:.3f})"
            parts.append(f"AP {self.ap[-1][1]:.3f}{before}")
        return ", ".join(parts)

    def _curve(
        self, painter: QPainter, area: QRectF, points: list[tuple[int, float]], highest: float, colour: QColor
    ) -> None:
        painter.setPen(QPen(colour, 1.5))
        line = QPolygonF([self._place(area, step, value, highest) for step, value in points])
        painter.drawPolyline(line)
        for point in line:
            painter.drawEllipse(point, 1.5, 1.5)

    def _place(self, area: QRectF, step: int, value: float, highest: float) -> QPointF:
        x = area.left() + area.width() * step / self.total
        return QPointF(x, area.bottom() - area.height() * min(1.0, max(0.0, value / highest)))
