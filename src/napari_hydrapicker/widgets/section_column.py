"""Sections below one another, which scroll where the screen is too low for them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from napari_hydrapicker.widgets.section import Section
from napari_hydrapicker.widgets.timers import once_after


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
