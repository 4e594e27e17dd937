"""The section that shows 2-D classes of the picks, to be rejected or kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QBrush, QColor, QIcon, QImage, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QListView, QListWidget, QListWidgetItem, QSpinBox

from napari_hydrapicker.gui.guide import Action
from napari_hydrapicker.gui.sections.section import Section
from napari_hydrapicker.gui.widgets.parts import WrappedLabel, button, row
from napari_hydrapicker.wording import counted
from napari_hydrapicker.worker.messages import ClassFigures

_ICON = 88  # side of an average on screen
_DOUBT = "#e67828"
_NUMBER = Qt.ItemDataRole.UserRole
_START = "Averages of alike picks show what was picked. Pick some micrographs first."
_READY = "Averages of alike picks show what was picked."


class ClassesSection(Section):
    """Number, button, averages by size, what to do with those selected, and the members of one.

    Signals
    -------
    classify_requested (int)
        Sort the picks into so many classes; 0 for as many as fit them.
    cancel_requested ()
        End what is under way.
    reject_requested, keep_requested (list of int)
        Delete the picks in these classes, or in all others.
    train_requested ()
        Train a head: what is left in classes are particles, what was rejected is none.
    save_requested (int)
        Write the average of this class into a file.
    opened (int)
        The members of this class are to be listed.
    member_requested (int, int)
        Show this pick of this micrograph, given by their numbers.
    """

    classify_requested = Signal(int)
    cancel_requested = Signal()
    reject_requested = Signal(list)
    keep_requested = Signal(list)
    train_requested = Signal()
    save_requested = Signal(int)
    opened = Signal(int)
    member_requested = Signal(int, int)

    def __init__(self) -> None:
        super().__init__("Classes", open=False)
        self.header.setToolTip("2-D classes: see what was picked, and reject what is no particle")
        self.state = WrappedLabel(_START)
        self.add(self.state)
        self.number = QSpinBox()
        self.number.setRange(0, 200)
        self.number.setSpecialValueText("fitting")
        self.number.setToolTip("How many classes; as many as fit the number of picks, if nothing is chosen")
        self.form().addRow("Classes", self.number)
        self._running = False
        self.classify = button("Classify", "Sort the picks of all micrographs into classes", self._start)
        self.add(self.classify)
        self.gallery = QListWidget()
        self.gallery.setViewMode(QListView.ViewMode.IconMode)
        self.gallery.setIconSize(QSize(_ICON, _ICON))
        self.gallery.setResizeMode(QListView.ResizeMode.Adjust)
        self.gallery.setMovement(QListView.Movement.Static)
        self.gallery.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.gallery.setMinimumHeight(260)
        self.gallery.itemSelectionChanged.connect(self._show_buttons)
        self.gallery.itemDoubleClicked.connect(lambda item: self.opened.emit(item.data(_NUMBER)))
        self.add(self.gallery)
        self.reject = button(
            "Reject", "Delete the picks in the selected classes; one undo brings all back",
            lambda: self.reject_requested.emit(self.selected),
        )  # fmt: skip
        self.keep = button(
            "Keep only", "Delete the picks in all other classes; one undo brings all back",
            lambda: self.keep_requested.emit(self.selected),
        )  # fmt: skip
        self.doubtful = button(
            "Select doubtful",
            "Select the classes that may be no particle",
            self._select_doubtful,
        )
        self.add(row((self.reject, self.keep, self.doubtful)))
        self.train = button(
            "Train from classes", "Train a head: what is left in classes are particles, what was rejected is "
            "none, the rest counts for nothing", self.train_requested.emit,
        )  # fmt: skip
        self.add(self.train)
        self.actions = {Action.TRAIN_FROM_CLASSES: self.train}
        self.open_one = button(
            "Members", "List the picks in the selected class; a double click on it does the same",
            lambda: self.opened.emit(self.selected[0]),
        )  # fmt: skip
        self.save = button(
            "Save average…", "Write the selected class's average as MRC",
            lambda: self.save_requested.emit(self.selected[0]),
        )  # fmt: skip
        self.add(row((self.open_one, self.save)))
        self.members = QListWidget()
        self.members.setToolTip("A click shows the pick on its micrograph")
        self.members.setMaximumHeight(140)
        self.members.itemClicked.connect(lambda item: self.member_requested.emit(*item.data(_NUMBER)))
        self.add(self.members)
        self._doubted: list[int] = []
        self._left: dict[int, int] = {}
        self.clear()

    @property
    def selected(self) -> list[int]:
        """Numbers of the selected classes, rising."""
        return sorted(int(item.data(_NUMBER)) for item in self.gallery.selectedItems())

    def clear(self) -> None:
        """Show no classes."""
        self.gallery.clear()
        self.show_members([])
        self._doubted, self._left = [], {}
        self.gallery.setVisible(False)
        self._show_buttons()

    def show_possible(self, possible: bool) -> None:
        """Let the user begin, if there are picks; says what is lacking otherwise."""
        self.classify.setEnabled(possible or self._running)
        if not self._running and not self.gallery.count():
            self.state.setText(_READY if possible else _START)

    def show_running(self, text: str) -> None:
        """Show how far the work is; the button ends it."""
        self._running = True
        self.classify.setText("Cancel")
        self.classify.setEnabled(True)
        self.state.setText(text)

    def show_ended(self, text: str) -> None:
        """Show that no work is under way, and what came of it."""
        self._running = False
        self.classify.setText("Classify")
        self.state.setText(text)

    def show_classes(self, classes: Sequence[ClassFigures], averages: NDArray[np.uint8]) -> None:
        """Show classes with their averages (K, H, W), grey levels."""
        self.clear()
        for one, average in zip(classes, averages, strict=True):
            height, width = average.shape
            image = QImage(average.tobytes(), width, height, width, QImage.Format.Format_Grayscale8)
            scaled = QPixmap.fromImage(image).scaled(
                _ICON, _ICON, transformMode=Qt.TransformationMode.SmoothTransformation
            )
            item = QListWidgetItem(QIcon(scaled), "")
            item.setData(_NUMBER, one.number)
            item.setToolTip(_in_words(one))
            if one.doubts:
                item.setForeground(QBrush(QColor(_DOUBT)))
                self._doubted.append(one.number)
            self.gallery.addItem(item)
        self.gallery.setVisible(True)
        self.show_left({one.number: one.size for one in classes})

    def show_left(self, left: Mapping[int, int]) -> None:
        """Show how many picks are left in each class; one that has none is crossed out."""
        self._left = dict(left)
        for place in range(self.gallery.count()):
            item = self.gallery.item(place)
            number = int(item.data(_NUMBER))
            count = left.get(number, 0)
            item.setText(f"{number}: {count}" if count else f"{number}: rejected")
            font = item.font()
            font.setStrikeOut(not count)
            item.setFont(font)
        self._show_buttons()

    def show_members(self, members: Sequence[tuple[str, int, int]]) -> None:
        """List picks: what each is called, and the numbers of its micrograph and of its own."""
        self.members.clear()
        for text, micrograph_id, pick_id in members:
            item = QListWidgetItem(text)
            item.setData(_NUMBER, (micrograph_id, pick_id))
            self.members.addItem(item)
        self.members.setVisible(bool(members))

    def _start(self) -> None:
        if self._running:
            self.cancel_requested.emit()
        else:
            self.classify_requested.emit(self.number.value())

    def _select_doubtful(self) -> None:
        for place in range(self.gallery.count()):
            item = self.gallery.item(place)
            item.setSelected(int(item.data(_NUMBER)) in self._doubted)

    def _show_buttons(self) -> None:
        chosen = self.selected
        some = any(self._left.get(number, 0) for number in chosen)
        self.reject.setEnabled(some)
        self.keep.setEnabled(some)
        self.doubtful.setEnabled(bool(self._doubted))
        for one in (self.open_one, self.save):
            one.setEnabled(len(chosen) == 1)


def _in_words(one: ClassFigures) -> str:
    detail = "no detail in common" if one.resolution_angstrom is None else f"{one.resolution_angstrom:.1f} Å"
    doubts = f"; doubtful: {', '.join(one.doubts)}" if one.doubts else ""
    return (
        f"class {one.number}: {counted(one.size, 'pick')}, {detail}, confidence {one.confidence:.2f}{doubts}"
    )
