"""The question how doubtful positions are to be imported: a row that waits, and stops nothing meanwhile."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_hydrapicker.gui.widgets.parts import WrappedLabel, button, in_window_words, row
from napari_hydrapicker.io.coordinates.frame_check import Reading
from napari_hydrapicker.project.importing import ImportPlan

_AS_THEY_STAND = Reading()


class ImportQuestion(QWidget):
    """Says what the images suggest about positions, and offers to take them so, as they stand, or not at all.

    Signals
    -------
    answered (Reading or None)
        How they are to be taken; None for not at all.
    """

    answered = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._better: Reading | None = None
        self.text = WrappedLabel()
        self.better = button("", "", lambda: self.answered.emit(self._better))
        self.as_they_stand = button(
            "As they stand", "Import the positions as this kind of file means them", self._take_as_they_stand
        )
        self.not_at_all = button(
            "Not at all",
            "Import nothing; the file stays, and can be imported later",
            lambda: self.answered.emit(None),
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.text)
        column.addWidget(row([self.better, self.as_they_stand, self.not_at_all]))
        self.setVisible(False)

    def ask(self, plan: ImportPlan) -> None:
        """Ask about an import, in place of what was asked before."""
        self._better = plan.better
        self.text.setText(in_window_words(f"{plan.question}. Import them:"))
        self.text.setToolTip(in_window_words(plan.evidence))
        # Where most micrographs fit as they stand, there is no other way for all of them.
        self.better.setVisible(self._better is not None)
        if self._better is not None:
            self.better.setText(_in_a_word(self._better))
            self.better.setToolTip(f"Import the positions {self._better.description}")
        self.setVisible(True)

    def withdraw(self) -> None:
        """Ask no longer."""
        self.setVisible(False)

    def _take_as_they_stand(self) -> None:
        self.answered.emit(_AS_THEY_STAND)


def _in_a_word(reading: Reading) -> str:
    """Say a reading on a button of the dock's width: the text above says it in full."""
    if reading == Reading(flip_y=True):
        return "Turned over"
    if reading == Reading(swap=True):
        return "Swapped"
    if reading == Reading(scale=reading.scale):
        return f"Times {reading.scale:g}"
    return "The better way"
