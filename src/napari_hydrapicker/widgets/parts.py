"""Small makers of the buttons and fields that all sections use."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QPushButton, QWidget


def button(text: str, tip: str, clicked: Callable[[], object], checkable: bool = False) -> QPushButton:
    """Return a push button that calls a function without arguments."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.setCheckable(checkable)
    made.clicked.connect(lambda _=False: clicked())
    return made


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
    return box
