"""Progress of long work, with the time that is left and a way to stop it."""

from __future__ import annotations

import math

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget


class LiveProgress(QWidget):
    """A bar that says "12 of 300, 3 min left", and Cancel.

    Signals
    -------
    cancelled ()
        Cancel was pressed.
    """

    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.bar = QProgressBar()
        self.bar.setTextVisible(True)
        self.cancel = QPushButton("Cancel")
        self.cancel.clicked.connect(lambda: self.cancelled.emit())
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.bar, 1)
        line.addWidget(self.cancel)

    def set_progress(self, done: int, total: int, seconds_left: float) -> None:
        """Show how much is done; `seconds_left` is NaN while it is not known."""
        left = "" if math.isnan(seconds_left) else f", {in_words(seconds_left)} left"
        # A bar paints itself at once, and with it the whole window: here it waits for its turn.
        self.bar.setUpdatesEnabled(False)
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        self.bar.setFormat(f"{done:,} of {total:,}{left}")
        self.bar.setUpdatesEnabled(True)


def in_words(seconds: float) -> str:
    """Return a time as one would say it: "40 s", "3 min", "2 h 10 min"."""
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
