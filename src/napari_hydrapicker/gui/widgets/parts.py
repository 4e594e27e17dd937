"""Small makers of the buttons and fields that all sections use, and notifications."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from napari.utils.notifications import show_info, show_warning
from qtpy.QtCore import QRect, Qt
from qtpy.QtGui import QPainter, QPalette
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from napari_hydrapicker.wording import with_parameters

MARK_COLOUR = "#61afef"  # of what has the focus, and of the next step
_TIP = "tip"  # of an enabled widget
_BREAKS = re.compile(r"([_/\\-]|\.(?!\d))")  # not within 0.967

# Parameters of the core that are fields here.
_LABELS = {
    "device": "Device (in Pick)",
    "pixel_size": "the pixel size (in the table)",
    "border": "Border (in Pick)",
    "min_distance": "Minimum distance (in Pick)",
    "diameter": "Diameter",
    "head": "Head (in Pick)",
    "picker": "Picker (in Pick)",
    "weights": "Generator (in Pick)",
    "overwrite": "Replace",
    "threshold": "Confidence",
}
_PATH_FIRST = re.compile(
    r"(?P<lead>(?:[A-Z][^:/\\\n]*: )?)(?P<path>(?:/|[A-Za-z]:\\)[^:\n]*): (?P<reason>.+)", re.DOTALL
)


def button(text: str, tip: str, clicked: Callable[[], object], checkable: bool = False) -> QPushButton:
    """Return a push button that calls a function without arguments."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.setCheckable(checkable)
    made.clicked.connect(lambda _=False: clicked())
    return made


def enable(widget: QWidget, refusal: str | None) -> None:
    """Enable a widget, or disable it and let its tool tip say why, before what it is for."""
    if widget.isEnabled() or widget.property(_TIP) is None:
        widget.setProperty(_TIP, widget.toolTip())
    tip = str(widget.property(_TIP))
    widget.setEnabled(not refusal)
    widget.setToolTip("\n".join(part for part in (refusal, tip) if part))


def show_hint(view: QAbstractItemView, text: str) -> None:
    """Write over a list or table that has no rows what to do; for its `paintEvent`."""
    model = view.model()
    if text and model is not None and model.rowCount() == 0:
        painter = QPainter(view.viewport())
        painter.setPen(view.palette().color(QPalette.ColorRole.WindowText))
        room = view.viewport().rect().adjusted(12, 6, -12, -6)
        painter.drawText(room, int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap), text)
        painter.end()


def is_dark(widget: QWidget) -> bool:
    """Whether a widget is drawn light on dark."""
    return bool(widget.palette().color(QPalette.ColorRole.WindowText).lightness() > 127)


def row(widgets: Sequence[QWidget], widest: int | None = None) -> QWidget:
    """Return widgets side by side, as wide as one another, or one of them as wide as the others leave it."""
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for i, widget in enumerate(widgets):
        layout.addWidget(widget, int(widest in (None, i)))
    return holder


def length(low: float, high: float, step: float, decimals: int, tip: str, unset: str = "") -> QDoubleSpinBox:
    """Return a field for a length in Angstrom; its lowest value reads `unset`, where that is given."""
    field = QDoubleSpinBox()
    field.setRange(low, high)
    field.setSingleStep(step)
    field.setDecimals(decimals)
    field.setSuffix(" Å")
    field.setToolTip(tip)
    field.setKeyboardTracking(False)  # half-typed numbers are not yet meant
    if unset:
        field.setSpecialValueText(unset)
    return field


def show_value(field: QDoubleSpinBox, value: float) -> None:
    """Show a value without a signal: the field rounds, and what it shows must not become the setting."""
    blocked = field.blockSignals(True)
    field.setValue(value)
    field.blockSignals(blocked)


def choice(tip: str) -> QComboBox:
    """Return a drop-down list that does not widen the dock to its longest entry."""
    box = QComboBox()
    box.setToolTip(tip)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    box.view().setTextElideMode(Qt.TextElideMode.ElideMiddle)  # names differ at their ends
    return box


class WrappedLabel(QLabel):
    """A text in as many lines as it takes, which never widens the dock: long names and paths break too."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._text = ""
        self.setWordWrap(True)
        policy = self.sizePolicy()
        policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)
        self.setSizePolicy(policy)
        self.setText(text)

    def setText(self, text: str | None) -> None:
        """Show another text."""
        self._text = text or ""
        super().setText(_BREAKS.sub("\\1\u200b", self._text))  # a space of no width: lines may end there

    def text(self) -> str:
        """Return the text as it was given."""
        return self._text


class SteadyLabel(WrappedLabel):
    """A text in several lines whose height is that of the longest it may have: nothing below it moves.

    Parameters
    ----------
    texts
        All that it may say.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        super().__init__()
        self._texts = texts
        self.setAlignment(Qt.AlignmentFlag.AlignTop)

    def resizeEvent(self, event: Any) -> None:
        """Have as many lines as the longest text takes at this width."""
        super().resizeEvent(event)
        room = QRect(0, 0, max(1, self.width() - 2), 10_000)
        wrap = int(Qt.TextFlag.TextWordWrap)
        heights = [self.fontMetrics().boundingRect(room, wrap, text).height() for text in self._texts]
        self.setMinimumHeight(max(heights, default=0) + 2)


class MiddleLabel(QLabel):
    """A text in one line, whose middle is left out where it is too long: of paths both ends matter."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._text = ""
        self.setText(text)
        self.setMinimumWidth(40)

    def setText(self, text: str | None) -> None:
        """Show another text."""
        self._text = text or ""
        self._elide()

    def text(self) -> str:
        """Return the whole text."""
        return self._text

    def resizeEvent(self, event: Any) -> None:
        """Show as much as fits."""
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        room = max(self.width(), self.minimumWidth())
        super().setText(self.fontMetrics().elidedText(self._text, Qt.TextElideMode.ElideMiddle, room))


def inform(text: str) -> None:
    """Say that something was done."""
    show_info(in_window_words(text))


def warn(text: str) -> None:
    """Say what is wrong and what to do."""
    show_warning(in_window_words(text))


def in_window_words(text: str) -> str:
    """Return a message with the reason before the path, and with the window's names for parameters."""
    found = _PATH_FIRST.fullmatch(text)
    if found is not None:
        text = f"{found['lead']}{found['reason']}\n{found['path']}"
    return with_parameters(text, _label)


def _label(parameter: str) -> str:
    name = parameter.removesuffix("_angstrom")
    return _LABELS.get(name, name.replace("_", " "))
