"""The table of micrographs, with a filter above it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from qtpy.QtCore import QItemSelectionModel, QModelIndex, Qt, Signal
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QMenu,
    QStyledItemDelegate,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_hydrapicker.gui.widgets.micrograph_model import (
    COLUMNS,
    FIRST_MORE,
    ID_ROLE,
    MISSING,
    MORE,
    NAME,
    PICKS,
    PIXEL,
    SCORE,
    STATE_ROLE,
    STATUS,
    USE,
    MicrographFilter,
    MicrographModel,
    TableRow,
)
from napari_hydrapicker.gui.widgets.parts import is_dark, show_hint

__all__ = ["MicrographTable", "TableRow"]
# The name has what is left of the dock's 320 pixels.
_WIDTHS = {PICKS: 42, SCORE: 42, STATUS: 66, USE: 40, PIXEL: 42}
_WIDTH_OF_MORE = 58
_MARGIN = 8  # of a cell's text, pixels
_NO_MATCH = "No micrograph has this name and this status: clear the filter"
# Legible on dark and on light.
_COLOURS = {
    "corrected": ("#e5c07b", "#8a5a00"), "complete": ("#73d083", "#1d7a33"),
    "excluded": ("#888888", "#777777"), MISSING: ("#ff6b6b", "#c62828"),
}  # fmt: skip
_STATES = ("all", "new", "picked", "corrected", "complete", "excluded")


class MicrographTable(QWidget):
    """Micrographs, sortable, filterable, one of them current.

    Signals
    -------
    activated (int)
        The user went to a micrograph.
    pixel_size_edited (int, float)
        The user typed a pixel size, Angstrom.
    problem (str)
        He typed something else.
    """

    activated = Signal(int)
    pixel_size_edited = Signal(int, float)
    problem = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.model = MicrographModel()
        self.model.setParent(self)
        self.proxy = MicrographFilter(self.model)
        self.proxy.setParent(self)
        self._current: int | None = None
        self._losing_rows = False
        self._hint = ""
        # Before the view is there, and with it the selection, which hears of lost rows in its turn.
        self.proxy.rowsAboutToBeRemoved.connect(self._before_loss)
        self.view = MicrographView(self.proxy)
        self.text = QLineEdit()
        self.text.setPlaceholderText("filter by name")
        self.text.setClearButtonEnabled(True)
        self.status = QComboBox()
        self.status.addItems(_STATES)
        head = QHBoxLayout()
        head.addWidget(self.text, 1)
        head.addWidget(self.status)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(self.view)
        self.text.textChanged.connect(lambda _: self._filter())
        self.status.currentTextChanged.connect(lambda _: self._filter())
        self.view.selectionModel().currentRowChanged.connect(self._on_current)
        self.proxy.rowsRemoved.connect(self._after_loss)
        self.proxy.rowsInserted.connect(self._show_current)
        self.model.pixel_size_edited.connect(self.pixel_size_edited)
        self.model.problem.connect(self.problem)

    def show_hint(self, text: str) -> None:
        """Say what to do while there are no micrographs."""
        self._hint = text
        self._show_hint()

    def _show_hint(self) -> None:
        self.view.hint = _NO_MATCH if self.model.rowCount() else self._hint
        self.view.viewport().update()

    def set_rows(self, rows: Sequence[TableRow]) -> None:
        """Show other micrographs."""
        self.model.set_rows(rows)
        self._show_use()
        self._show_hint()

    def update_rows(self, rows: Sequence[TableRow]) -> None:
        """Change what is shown of micrographs that are there."""
        self.model.update_rows(rows)
        self._show_use()

    def _show_use(self) -> None:
        """Show what a head used micrographs for where there is something to show: the names need the room."""
        unused = not any(row.use for row in self.model.rows)
        self.view.show_use(not unused)

    def selected_ids(self) -> list[int]:
        """Return the selected micrographs, in the order shown."""
        chosen = self.view.selectionModel().selectedRows(NAME)
        return [int(index.data(ID_ROLE)) for index in sorted(chosen, key=lambda index: index.row())]

    def set_current(self, number: int) -> None:
        """Make a micrograph the current one, without a signal; others stay selected with it."""
        self._current = number
        self._show_current()

    def _show_current(self, *_: object) -> None:
        place = None if self._current is None else self.model.place_of(self._current)
        if place is None:
            return
        index = self.proxy.mapFromSource(self.model.index(place, NAME))
        if not index.isValid() or index.row() == self.view.currentIndex().row():
            return
        picked = self.view.selectionModel()
        blocked = picked.blockSignals(True)
        flags = QItemSelectionModel.SelectionFlag
        picked.setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
        picked.blockSignals(blocked)
        self.view.scrollTo(index)
        self.view.viewport().update()

    def _filter(self) -> None:
        status = self.status.currentText()
        self.proxy.set_filter(self.text.text(), "" if status == "all" else status)
        self._show_current()

    def _on_current(self, index: QModelIndex, _previous: QModelIndex) -> None:
        if index.isValid() and not self._losing_rows:
            self._current = int(index.data(ID_ROLE))
            self.activated.emit(self._current)

    def _before_loss(self, *_: object) -> None:
        self._losing_rows = True

    def _after_loss(self, *_: object) -> None:
        """Let no row be current where Qt would walk on to the next: the filter hides, it does not step."""
        self._losing_rows = False
        chosen = self.view.selectionModel()
        if chosen.currentIndex().isValid() and chosen.currentIndex().data(ID_ROLE) != self._current:
            blocked = chosen.blockSignals(True)
            chosen.clearCurrentIndex()
            chosen.blockSignals(blocked)


class _CellPainter(QStyledItemDelegate):
    """Writes in the colour of a micrograph's status, on dark and on light."""

    def initStyleOption(self, option: Any, index: QModelIndex) -> None:
        """Choose the colour that the theme takes."""
        super().initStyleOption(option, index)
        colours = _COLOURS.get(index.data(STATE_ROLE))
        if colours is not None:
            colour = QColor(colours[0] if is_dark(self.parent()) else colours[1])
            option.palette.setColor(QPalette.ColorRole.Text, colour)
            option.palette.setColor(QPalette.ColorRole.HighlightedText, colour)


class _NamePainter(_CellPainter):
    """Writes a name, and where it is too long that part of it in which it differs from the others."""

    def initStyleOption(self, option: Any, index: QModelIndex) -> None:
        """Leave out what all names have in common; what is too long still is elided in its middle."""
        super().initStyleOption(option, index)
        start, end = index.model().sourceModel().shared
        if option.fontMetrics.horizontalAdvance(option.text) > option.rect.width() - _MARGIN:
            core = option.text[start : len(option.text) - end]
            option.text = f"{'…' if start else ''}{core}{'…' if end else ''}"


class MicrographView(QTableView):
    """The rows; the name has the room that the other columns leave, until the user widens one himself."""

    def __init__(self, proxy: MicrographFilter) -> None:
        super().__init__()
        self.setModel(proxy)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSortingEnabled(True)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # names of one session begin and end alike
        self.hint = ""
        self._cells, self._names = _CellPainter(self), _NamePainter(self)
        self.setItemDelegate(self._cells)
        self.setItemDelegateForColumn(NAME, self._names)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(22)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setMinimumSectionSize(32)
        self._fitting, self._by_user = True, False
        for column, width in _WIDTHS.items():
            self.setColumnWidth(column, width)
        self._fitting = False
        for column in range(FIRST_MORE, len(COLUMNS)):
            self.setColumnWidth(column, _WIDTH_OF_MORE)
            self.setColumnHidden(column, True)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(
            lambda place: self.columns_menu().popup(header.mapToGlobal(place))
        )
        header.setToolTip("A right click chooses columns")
        header.sectionResized.connect(self._on_resized)
        self.sortByColumn(NAME, Qt.SortOrder.AscendingOrder)

    def resizeEvent(self, event: Any) -> None:
        """Follow the dock's width."""
        super().resizeEvent(event)
        self.fit()

    def paintEvent(self, event: Any) -> None:
        """Draw the rows, or what to do while there are none."""
        super().paintEvent(event)
        show_hint(self, self.hint)

    def show_use(self, shown: bool) -> None:
        """Show or hide the column that says what a head used micrographs for."""
        if self.isColumnHidden(USE) is shown:
            self._fitting = True
            self.setColumnHidden(USE, not shown)
            self._fitting = False
            self.fit()

    def columns_menu(self) -> QMenu:
        """Return a menu of the columns that may be shown besides."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for place, column in enumerate(MORE, FIRST_MORE):
            entry = menu.addAction(column.title)
            entry.setToolTip(column.meaning)
            entry.setCheckable(True)
            entry.setChecked(not self.isColumnHidden(place))
            entry.toggled.connect(partial(self.show_column, place))
        return menu

    def show_column(self, column: int, shown: bool) -> None:
        """Show or hide a column; the name has what that leaves."""
        self._fitting = True
        self.setColumnHidden(column, not shown)
        self._fitting = False
        self.fit()

    def fit(self) -> None:
        """Give the name what is left, unless the user has chosen widths himself."""
        if not self._by_user:
            self._fitting = True
            others = [column for column in range(len(COLUMNS)) if column != NAME]
            rest = self.viewport().width() - sum(map(self.columnWidth, others))
            self.setColumnWidth(NAME, max(80, rest))
            self._fitting = False

    def _on_resized(self, _column: int, before: int, now: int) -> None:
        # From or to nothing: after each filter Qt shows what is hidden, and hides it again.
        self._by_user = self._by_user or (not self._fitting and before > 0 and now > 0)
