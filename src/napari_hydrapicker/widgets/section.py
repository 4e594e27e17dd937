"""A titled part of the dock that folds."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFormLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget


class Section(QWidget):
    """A section whose rows are added with `add` and `form`.

    It hides its rows and nothing else, so that its height follows rows that come and go later;
    `superqt.QCollapsible` keeps the height that it had when it was unfolded.

    Signals
    -------
    toggled (bool)
        The section was unfolded or folded.
    """

    toggled = Signal(bool)

    def __init__(self, title: str, open: bool = True) -> None:
        super().__init__()
        self.header = QToolButton()
        self.header.setText(title)
        self.header.setCheckable(True)
        self.header.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.header.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.header.setStyleSheet("QToolButton { font-weight: bold; text-align: left; padding: 3px; }")
        self._body = QWidget()
        self._rows = QVBoxLayout(self._body)
        self._rows.setContentsMargins(6, 2, 6, 6)
        self._rows.setSpacing(4)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addWidget(self._body)
        self.header.toggled.connect(self._fold)
        self.header.setChecked(open)
        self._fold(open)

    @property
    def is_open(self) -> bool:
        """Whether the rows are shown."""
        return bool(self.header.isChecked())

    def set_open(self, open: bool) -> None:
        """Unfold or fold."""
        self.header.setChecked(open)

    def add(self, widget: QWidget) -> QWidget:
        """Append a widget over the whole width."""
        self._rows.addWidget(widget)
        return widget

    def form(self) -> QFormLayout:
        """Append a form and return it."""
        holder = QWidget()
        form = QFormLayout(holder)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._rows.addWidget(holder)
        return form

    def _fold(self, open: bool) -> None:
        self.header.setArrowType(Qt.ArrowType.DownArrow if open else Qt.ArrowType.RightArrow)
        self._body.setVisible(open)
        self.toggled.emit(open)
