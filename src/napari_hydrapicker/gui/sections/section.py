"""A titled part of the dock that folds, and the column that such parts stand in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtWidgets import QFormLayout, QScrollArea, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_hydrapicker.gui.widgets.tasks import once_after


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


class SectionColumn(QScrollArea):
    """A column of sections.

    One that is unfolded is brought into view, and one that was seen to its end still is when it grows:
    progress appears below the button that was pressed.
    """

    def __init__(self, sections: Sequence[Section]) -> None:
        super().__init__()
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(2, 2, 2, 2)
        column.setSpacing(2)
        for section in sections:
            column.addWidget(section)
            section.toggled.connect(partial(self._on_toggled, section))
            section.installEventFilter(self)
        column.addStretch(1)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(inner)
        self._wanted: Section | None = None
        self._later = once_after(0, self._show_wanted, self)  # once the section has its height

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Look out for sections that grow."""
        resized = event.type() == QEvent.Type.Resize and isinstance(watched, Section)
        if resized and not self._later.isActive():
            before, now = event.oldSize().height(), event.size().height()
            lowest = self.verticalScrollBar().value() + self.viewport().height()
            if now > before > 0 and watched.is_open and watched.y() + before <= lowest:
                self._wanted = watched
                self._later.start(0)
        return bool(super().eventFilter(watched, event))

    def _on_toggled(self, section: Section, open: bool) -> None:
        self._wanted = section if open else None
        self._later.start(0)

    def _show_wanted(self) -> None:
        section = self._wanted
        if section is not None:  # its title last: of a section that is higher than the screen it is seen
            self.ensureWidgetVisible(section, 0, 0)
            self.ensureWidgetVisible(section.header, 0, 0)
