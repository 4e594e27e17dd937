"""The micrographs as a Qt table model, and the proxy that sorts and filters it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt, Signal

from napari_hydrapicker.picking.worth import COLUMNS as WORTH
from napari_hydrapicker.picking.worth import Column, ColumnRange, Values

# Columns of numbers that are shown where the user wants them; picks and score have places of their own.
MORE: tuple[Column, ...] = tuple(one for name, one in WORTH.items() if name not in ("picks", "mean_score"))
COLUMNS = ("Name", "Picks", "Score", "Status", "Head", "Å/px", *(one.title for one in MORE))
_TIPS = {
    **{one.title: one.meaning for one in MORE},
    "Picks": "Picks shown at the threshold",
    "Score": "Mean score of these picks",
    "Head": "Whether the head in use was trained or validated on it",
    "Å/px": "Pixel size: double-click to edit; it applies to all selected rows",
}
NAME, PICKS, SCORE, STATUS, USE, PIXEL = range(6)
FIRST_MORE = PIXEL + 1
ID_ROLE = Qt.ItemDataRole.UserRole
SORT_ROLE = Qt.ItemDataRole.UserRole + 1
STATE_ROLE = Qt.ItemDataRole.UserRole + 2  # what a cell is coloured by
_LAST_WORD = re.compile(r"[A-Za-z0-9]+$")
MISSING = "missing"  # state of a pixel size that is not known


@dataclass(frozen=True)
class TableRow:
    """What the table shows of one micrograph."""

    id: int
    name: str
    picks: int
    mean_score: float
    status: str
    pixel_size_angstrom: float | None
    use: str = ""  # "training" or "validation" of the head in use
    worth: Values = field(default_factory=dict)  # numbers by the names of their columns


class MicrographModel(QAbstractTableModel):
    """Rows of `TableRow`; the pixel size can be edited.

    Signals
    -------
    pixel_size_edited (int, float)
        The user typed another pixel size, Angstrom.
    problem (str)
        What he typed is no number.
    """

    pixel_size_edited = Signal(int, float)
    problem = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[TableRow] = []
        self._place: dict[int, int] = {}
        self.shared = (0, 0)  # characters with which all names begin, and end

    @property
    def rows(self) -> Sequence[TableRow]:
        """What is shown, in the order in which it came."""
        return self._rows

    def set_rows(self, rows: Sequence[TableRow]) -> None:
        """Show other micrographs."""
        self.beginResetModel()
        self._rows = list(rows)
        self._place = {row.id: i for i, row in enumerate(self._rows)}
        self.shared = _shared([row.name for row in rows])
        self.endResetModel()

    def update_rows(self, rows: Sequence[TableRow]) -> None:
        """Change rows that are there; only those that differ are drawn again."""
        changed = []
        for row in rows:
            place = self._place.get(row.id)
            if place is not None and self._rows[place] != row:
                self._rows[place] = row
                changed.append(place)
        if changed:
            self.dataChanged.emit(self.index(min(changed), 0), self.index(max(changed), len(COLUMNS) - 1))

    def place_of(self, number: int) -> int | None:
        """Return the row of a micrograph."""
        return self._place.get(number)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of micrographs."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the titles."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return COLUMNS[section]
        if role == Qt.ItemDataRole.ToolTipRole and orientation == Qt.Orientation.Horizontal:
            return _TIPS.get(COLUMNS[section])
        return None

    def flags(self, index: QModelIndex) -> Any:
        """Let the pixel size be edited."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == PIXEL else flags

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows, sorts by, or is coloured with."""
        row, column = self._rows[index.row()], index.column()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return _text(row, column)
        if role == SORT_ROLE:
            return _sort_key(row, column)
        if role == ID_ROLE:
            return row.id
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{row.name}: {row.use} of the head in use" if row.use else row.name
        if role == STATE_ROLE:
            return MISSING if column == PIXEL and row.pixel_size_angstrom is None else row.status
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (
            PICKS,
            SCORE,
            *range(PIXEL, len(COLUMNS)),
        ):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Pass a typed pixel size on; whether a micrograph can have it is for others to say."""
        if role != Qt.ItemDataRole.EditRole:
            return False
        text = str(value).strip().removesuffix("Å").strip()
        try:
            angstrom = float(text.replace(",", "."))
        except ValueError:
            angstrom = math.nan
        if not math.isfinite(angstrom):
            self.problem.emit(f"{text!r} is not a pixel size: enter a number, in Å")
            return False
        if text == _text(self._rows[index.row()], PIXEL):
            return False  # what was shown is rounded: it must not become the pixel size
        self.pixel_size_edited.emit(self._rows[index.row()].id, angstrom)
        return True


class MicrographFilter(QSortFilterProxyModel):
    """Sorts names naturally and numbers as numbers; filters by text and by status."""

    def __init__(self, model: MicrographModel) -> None:
        super().__init__()
        self.setSourceModel(model)
        self.setSortRole(SORT_ROLE)
        self._text, self._status = "", ""
        self._range: ColumnRange | None = None

    def set_filter(self, text: str, status: str) -> None:
        """Show only names that hold a text, of one status; empty for all."""
        self._text, self._status = text.lower(), status
        self.invalidate()

    def set_range(self, kept: ColumnRange | None) -> None:
        """Leave out what lies outside a range; None for all."""
        if kept != self._range:
            self._range = kept
            self.invalidate()

    def filterAcceptsRow(self, row: int, parent: QModelIndex) -> bool:
        """Whether a row is shown."""
        one: TableRow = self.sourceModel().rows[row]
        if self._range is not None and self._range.excludes(one.worth):
            return False
        return self._text in one.name.lower() and self._status in ("", one.status)


def _shared(names: Sequence[str]) -> tuple[int, int]:
    """Return how many characters all names have in common at their beginning and end, in whole words."""
    if len(names) < 2:
        return 0, 0
    start = _common_start(names)
    rests = [name[len(start) :][::-1] for name in names]
    end = _common_start(rests)
    # A number is not cut: its first digits may be those of all.
    return len(_LAST_WORD.sub("", start)), len(_LAST_WORD.sub("", end))


def _common_start(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)  # what these two begin with, all between them do
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:same]


def _text(row: TableRow, column: int) -> str:
    """What a cell shows: one alone, since tables ask for thousands."""
    if column >= FIRST_MORE:
        more = MORE[column - FIRST_MORE]
        return _short(more, row.worth.get(more.name, math.nan))
    if column == SCORE:
        return "" if math.isnan(row.mean_score) else f"{row.mean_score:.2f}"
    if column == PIXEL:
        return "?" if row.pixel_size_angstrom is None else f"{row.pixel_size_angstrom:.4g}"
    if column == PICKS:
        return "" if row.status == "new" else f"{row.picks}"
    return {NAME: row.name, STATUS: row.status, USE: row.use[:5]}[column]


def _short(column: Column, value: float) -> str:
    """A number as it is shown: no more digits than say something."""
    return "" if math.isnan(value) else f"{value:.{min(column.decimals, 2)}f}"


def _sort_key(row: TableRow, column: int) -> Any:
    if column == NAME:  # digits padded: 2 comes before 10
        return re.sub(r"\d+", lambda m: m.group().zfill(12), row.name.lower())
    if column >= FIRST_MORE:
        value = row.worth.get(MORE[column - FIRST_MORE].name, math.nan)
        return -math.inf if math.isnan(value) else value
    score = -1.0 if math.isnan(row.mean_score) else row.mean_score
    return (None, row.picks, score, row.status, row.use, row.pixel_size_angstrom or 0.0)[column]
