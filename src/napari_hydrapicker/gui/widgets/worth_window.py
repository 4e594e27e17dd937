"""The window that compares micrographs: a table of all their numbers, a range, and a scatter plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QComboBox, QDialog, QLineEdit, QPushButton, QSplitter, QVBoxLayout, QWidget

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.gui.widgets.focus import WheelGuard
from napari_hydrapicker.gui.widgets.micrograph_model import (
    FIRST_MORE,
    ID_ROLE,
    MORE,
    NAME,
    PIXEL,
    USE,
    MicrographFilter,
    MicrographModel,
    TableRow,
)
from napari_hydrapicker.gui.widgets.micrograph_table import MicrographView
from napari_hydrapicker.gui.widgets.parts import WrappedLabel, button, choice, enable, row
from napari_hydrapicker.gui.widgets.scatter import EXCLUDED, KEPT, OUTSIDE, Points, Scatter
from napari_hydrapicker.gui.widgets.tasks import AFTER_FRAME_MS, once_after
from napari_hydrapicker.picking.worth import COLUMNS, ColumnRange, known_columns
from napari_hydrapicker.wording import counted

_SIZE = (1080, 560)
_OUT = "excluded"
_UNKNOWN = "Known of no micrograph: pick, or read the list of RELION or cryoSPARC"
_NO_SELECTION = "Select micrographs in the table first"
_NO_RANGE = "Give a range first: no micrograph is known to lie outside of it"


class WorthWindow(QDialog):
    """Table and plot of the micrographs of a model; it stays open while one goes on working.

    Signals
    -------
    activated (int)
        The user went to a micrograph.
    excluded, included (list of int)
        These micrographs are to be excluded, or included again.
    list_requested (), save_requested ()
        A list of another program is to be read, or the table to be written.
    undo_requested (), redo_requested ()
        The last exclusion is to be taken back, or made again.
    """

    activated = Signal(int)
    excluded = Signal(list)
    included = Signal(list)
    list_requested = Signal()
    save_requested = Signal()
    undo_requested = Signal()
    redo_requested = Signal()

    def __init__(self, model: MicrographModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Micrographs by worth")
        self.setModal(False)
        self.model = model
        self.proxy = MicrographFilter(model)
        self.proxy.setParent(self)
        self._refusal: str | None = None
        self._current: int | None = None
        self.view = MicrographView(self.proxy)
        self.view.hint = "No micrograph lies in this range"
        for column in (USE, PIXEL):
            self.view.show_column(column, False)
        self.scatter = Scatter()
        left, right = self._table_side(), self._plot_side()
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(left)
        splitter.addWidget(right)
        splitter.setSizes([_SIZE[0] // 2, _SIZE[0] // 2])
        outer = QVBoxLayout(self)
        outer.addWidget(splitter, 1)
        self.state = WrappedLabel()
        outer.addWidget(self.state)
        self._guard = WheelGuard(self)
        self._connect()
        self.resize(*_SIZE)
        self.refresh()

    def _table_side(self) -> QWidget:
        self.column = choice("The numbers that the range is of")
        self.low, self.high = QLineEdit(), QLineEdit()
        for field, text in ((self.low, "from"), (self.high, "to")):
            field.setPlaceholderText(text)
            field.setClearButtonEnabled(True)
            field.setToolTip("A number, or nothing for no end; both ends are in the range")
        self.outside = button(
            "Exclude outside", "Exclude all micrographs that lie outside the range (Ctrl+Z undoes it)",
            self._exclude_outside,
        )  # fmt: skip
        self.exclude = button(
            "Exclude selected", "Leave them out of picking, training, classes and export (Del)",
            lambda: self.excluded.emit(self.selected_ids()),
        )  # fmt: skip
        self.include = button(
            "Include selected", "Take excluded micrographs back (Ins)",
            lambda: self.included.emit(self.selected_ids()),
        )  # fmt: skip
        undo = button("Undo", "Take the last change back (Ctrl+Z)", self.undo_requested.emit)
        redo = button("Redo", "Make it again (Ctrl+Shift+Z)", self.redo_requested.emit)
        self.read = button(
            "Read list…", "Take defocus, CTF resolution, astigmatism and ice from RELION's "
            "micrographs_ctf.star or cryoSPARC's exposures .cs", self.list_requested.emit,
        )  # fmt: skip
        self.save = button("Save table…", "Write all columns as CSV", self.save_requested.emit)
        self._changing = (self.exclude, self.include, self.outside, undo, redo, self.read)
        return _column(
            row((self.column, self.low, self.high, self.outside)), self.view,
            row((self.exclude, self.include, undo, redo)), row((self.read, self.save)),
        )  # fmt: skip

    def _plot_side(self) -> QWidget:
        self.x, self.y = choice("To the right"), choice("Upwards")
        self.lasso = button(
            "Lasso", "Draw around points to exclude their micrographs; off, a click opens one (key L)",
            self._on_lasso_button, checkable=True,
        )  # fmt: skip
        self.boxes: tuple[QComboBox, ...] = (self.column, self.x, self.y)
        for box in self.boxes:
            for column in COLUMNS.values():
                box.addItem(column.title, column.name)
                box.setItemData(box.count() - 1, column.meaning, Qt.ItemDataRole.ToolTipRole)
        self.column.setCurrentIndex(self.column.findData("doubt"))
        self.y.setCurrentIndex(self.y.findData("mean_score"))
        return _column(row((self.x, self.y, self.lasso)), self.scatter)

    def _connect(self) -> None:
        for made in self.findChildren(QPushButton):
            made.setAutoDefault(False)  # Return ends a field, and presses nothing
        self._update = once_after(AFTER_FRAME_MS, self.refresh, self)
        for signal in (self.model.modelReset, self.model.dataChanged):
            signal.connect(self._update.start)
        for box in self.boxes:
            box.currentIndexChanged.connect(lambda _: self.refresh())
        for field in (self.low, self.high):
            field.textChanged.connect(lambda _: self.refresh())
        self.view.selectionModel().selectionChanged.connect(lambda *_: self._enable())
        self.view.clicked.connect(lambda index: self.activated.emit(int(index.data(ID_ROLE))))
        self.view.activated.connect(lambda index: self.activated.emit(int(index.data(ID_ROLE))))
        self.scatter.clicked.connect(self.activated)
        self.scatter.lassoed.connect(self._on_lassoed)
        keys = {
            "Del": self.exclude.click, "Ins": self.include.click, "L": self.lasso.click,
            "Ctrl+Z": self.undo_requested.emit, "Ctrl+Shift+Z": self.redo_requested.emit,
        }  # fmt: skip
        for key, action in keys.items():
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.activated.connect(action)

    @property
    def range(self) -> ColumnRange | None:
        """The range that is typed; None for none.

        Raises
        ------
        ParameterError
            If an end is no number, or the range ends before it begins.
        """
        low, high = _number(self.low.text(), -math.inf), _number(self.high.text(), math.inf)
        return (
            None
            if math.isinf(low) and math.isinf(high)
            else ColumnRange(self.column.currentData(), low, high)
        )

    def selected_ids(self) -> list[int]:
        """Return the selected micrographs."""
        return [int(index.data(ID_ROLE)) for index in self.view.selectionModel().selectedRows(NAME)]

    def outside_ids(self) -> list[int]:
        """Return the micrographs that count and are known to lie outside the range."""
        kept = self._range_or_none()
        return [r.id for r in self.model.rows if kept and r.status != _OUT and kept.excludes(r.worth)]

    def unknown_in_range(self) -> int:
        """Return how many micrographs that count have no number in the column of the range."""
        name = self.column.currentData()
        return sum(r.status != _OUT and math.isnan(r.worth.get(name, math.nan)) for r in self.model.rows)

    def show_refusal(self, reason: str | None) -> None:
        """Say why nothing can be changed; None where it can."""
        self._refusal = reason
        self._enable()

    def show_current(self, number: int | None) -> None:
        """Mark the micrograph that is on the canvas."""
        self._current = number
        self.scatter.show_current(number)
        place = None if number is None else self.model.place_of(number)
        index = self.proxy.mapFromSource(self.model.index(-1 if place is None else place, NAME))
        if index.isValid():
            self.view.scrollTo(index)

    def refresh(self) -> None:
        """Show what is known now."""
        rows = self.model.rows
        known = {column.name for column in known_columns(one.worth for one in rows)}
        for place, column in enumerate(MORE, FIRST_MORE):
            if self.view.isColumnHidden(place) is (column.name in known):
                self.view.show_column(place, column.name in known)
        for box in self.boxes:
            _enable_items(box, known)
        try:
            kept, problem = self.range, ""
        except ParameterError as error:
            kept, problem = None, str(error)
        self.proxy.set_range(kept)
        outside = set(self.outside_ids())
        self._show_points(rows, outside)
        self.state.setText(problem or self._in_words(rows, kept, len(outside)))
        self._enable()

    def _show_points(self, rows: Sequence[TableRow], outside: set[int]) -> None:
        x, y = self.x.currentData(), self.y.currentData()
        states = [EXCLUDED if r.status == _OUT else OUTSIDE if r.id in outside else KEPT for r in rows]
        places = [(r.worth.get(x, math.nan), r.worth.get(y, math.nan)) for r in rows]
        points = Points(
            np.array([r.id for r in rows], np.int64), np.array(places, np.float64).reshape(-1, 2),
            np.array(states, np.intp),
        )  # fmt: skip
        labels = self.x.currentText(), self.y.currentText()
        self.scatter.show_points(points, labels, {r.id: _tip(r, x, y) for r in rows})

    def _in_words(self, rows: Sequence[TableRow], kept: ColumnRange | None, outside: int) -> str:
        out = sum(one.status == _OUT for one in rows)
        text = f"{counted(len(rows), 'micrograph')}, {out:,} excluded"
        if kept is not None:
            unknown = self.unknown_in_range()
            text += f"; {outside:,} outside the range"
            text += f", {unknown:,} without this number" if unknown else ""
        shown = len(self.scatter.points.id)
        if shown < len(rows):
            text += f". The plot has those {shown:,} of which both numbers are known"
        return text

    def _enable(self) -> None:
        for one in self._changing:
            enable(one, self._refusal)
        enable(self.lasso, self._refusal)
        if self._refusal is not None:
            return
        chosen = set(self.selected_ids())
        out = {one.id for one in self.model.rows if one.id in chosen and one.status == _OUT}
        enable(self.exclude, None if chosen - out else _NO_SELECTION)
        enable(self.include, None if out else "Select excluded micrographs in the table first")
        n = len(self.outside_ids())
        enable(self.outside, None if n else _NO_RANGE)
        self.outside.setText(f"Exclude {n:,} outside" if n else "Exclude outside")
        enable(self.save, None if self.model.rowCount() else "There are no micrographs")

    def _range_or_none(self) -> ColumnRange | None:
        try:
            return self.range
        except ParameterError:
            return None

    def _exclude_outside(self) -> None:
        self.excluded.emit(self.outside_ids())

    def _on_lasso_button(self) -> None:
        self.scatter.set_lasso(self.lasso.isChecked())

    def _on_lassoed(self, numbers: list[int]) -> None:
        if self._refusal is None:
            self.excluded.emit(numbers)

    def changeEvent(self, event: Any) -> None:
        """Take the colours of another theme."""
        super().changeEvent(event)
        if event.type() == event.Type.PaletteChange:
            self.scatter.redraw()


def _column(*widgets: QWidget) -> QWidget:
    holder = QWidget()
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for widget in widgets:
        layout.addWidget(widget, int(isinstance(widget, MicrographView | Scatter)))
    return holder


def _number(text: str, empty: float) -> float:
    text = text.strip().replace(",", ".")
    if not text:
        return empty
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ParameterError(f"{text!r:.40} is no number: type one, such as 0.5, or clear the field")
    return value


def _enable_items(box: QComboBox, known: set[str]) -> None:
    """Let only those columns be chosen in which there are numbers."""
    for place in range(box.count()):
        item, name = box.model().item(place), box.itemData(place)
        item.setEnabled(name in known)
        item.setToolTip(COLUMNS[name].meaning if name in known else _UNKNOWN)


def _tip(one: TableRow, x: str, y: str) -> str:
    numbers = (
        f"{COLUMNS[name].title}: {one.worth.get(name, math.nan):.3g}" for name in dict.fromkeys((x, y))
    )
    return "\n".join([f"{one.name} ({one.status})", *numbers])
