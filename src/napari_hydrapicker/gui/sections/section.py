"""A titled part of the dock that folds, and the column that such parts stand in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import partial
from typing import Any

from qtpy.QtCore import QCoreApplication, QEvent, Qt, Signal
from qtpy.QtWidgets import QFormLayout, QScrollArea, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_hydrapicker.gui.guide import Action, Step
from napari_hydrapicker.gui.widgets.parts import MARK_COLOUR, enable
from napari_hydrapicker.gui.widgets.tasks import once_after

_HEADER_STYLE = f"""
QToolButton {{ font-weight: bold; text-align: left; padding: 3px; }}
QToolButton[next="true"] {{ border-left: 3px solid {MARK_COLOUR}; }}
"""
_LAYOUT_PASSES = 3  # the rows in their sections, these in the column, and again beside its scroll bar


class Mark(Enum):
    """What the title of a section says of its step; the value stands behind the title."""

    NONE = ""
    DONE = "  ✓"
    NEXT = "  (next)"


class _Header(QToolButton):
    """A button that is drawn once when it is released, with all that follows from it.

    By itself it draws at once, which takes along what was folded, and leaves the event loop another round
    with nothing to draw in it; that one costs as much.
    """

    def mouseReleaseEvent(self, event: Any) -> None:
        """Do what the button does, and leave the drawing to the event loop."""
        self.setUpdatesEnabled(False)
        super().mouseReleaseEvent(event)
        self.setUpdatesEnabled(True)


class Section(QWidget):
    """A section whose rows are added with `add` and `form`.

    It hides its rows and nothing else, so that its height follows rows that come and go later;
    `superqt.QCollapsible` keeps the height that it had when it was unfolded.

    Attributes
    ----------
    step : Step or None
        The step of the work that is done here, if it is one; set by the section.
    actions : dict of Action to QWidget
        The widgets that cannot be used at any time, by what they do; filled by the section.

    Signals
    -------
    toggled (bool)
        The section was unfolded or folded.
    """

    toggled = Signal(bool)
    step: Step | None = None

    def __init__(self, title: str, open: bool = True) -> None:
        super().__init__()
        self.actions: dict[Action, QWidget] = {}
        self._title, self._mark = title, Mark.NONE
        self.header = _Header()
        self.header.setText(title)
        self.header.setCheckable(True)
        self.header.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.header.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.header.setStyleSheet(_HEADER_STYLE)
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

    def set_title(self, title: str) -> None:
        """Show another title."""
        self._title = title
        self.header.setText(f"{title}{self._mark.value}")

    def set_mark(self, mark: Mark) -> None:
        """Mark the section as the next step, as done, or as neither."""
        if mark is self._mark:
            return
        self._mark = mark
        self.set_title(self._title)
        self.header.setProperty("next", mark is Mark.NEXT)
        self.header.style().unpolish(self.header)  # the style is looked up again
        self.header.style().polish(self.header)

    def show_refusals(self, refused: Mapping[Action, str]) -> None:
        """Disable what cannot be done now, with the reason in the tool tip."""
        for action, widget in self.actions.items():
            enable(widget, refused.get(action))

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
        if self.isVisible():
            lay_out_now()
        self.toggled.emit(open)


def lay_out_now() -> None:
    """Give all that changed its place before anything is drawn.

    By itself Qt draws the window with the rows out of place, with them in place, and once more what was
    hidden before; every time it puts the whole window together with the canvas' OpenGL picture, which is
    what costs most where no graphics card does it.
    """
    for kind in (*(QEvent.Type.LayoutRequest,) * _LAYOUT_PASSES, QEvent.Type.UpdateLater):
        QCoreApplication.sendPostedEvents(None, kind.value)


class SectionColumn(QScrollArea):
    """A column of sections.

    One that is unfolded is brought into view, and one that was seen to its end still is when it grows:
    progress appears below the button that was pressed.
    """

    def __init__(self, sections: Sequence[Section]) -> None:
        super().__init__()
        inner = QWidget()
        inner.setAttribute(Qt.WidgetAttribute.WA_StaticContents)  # what is above a fold is not drawn anew
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
        # Coming and going it would change the width of all rows, which are laid out and drawn anew for that.
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setWidget(inner)
        self.sections = tuple(sections)
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

    def bring_into_view(self, section: Section) -> None:
        """Unfold a section and scroll to it."""
        section.set_open(True)
        self._on_toggled(section, True)

    def _on_toggled(self, section: Section, open: bool) -> None:
        self._wanted = section if open else None
        self._show_wanted()
        self._later.start(0)

    def _show_wanted(self) -> None:
        section = self._wanted
        if section is not None:  # its title last: of a section that is higher than the screen it is seen
            self.ensureWidgetVisible(section, 0, 0)
            self.ensureWidgetVisible(section.header, 0, 0)
