"""The line at the top of the dock that says what to do next, with a button that does it."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from napari_hydrapicker.gui.widgets.parts import MARK_COLOUR, WrappedLabel, button

_SHOW = "Show"
_LINES = 2  # that the bar is high, whatever it says: the sections below it do not move


class _Advice(WrappedLabel):
    """A text that has room for so many lines in the font that it is drawn with."""

    def event(self, event: Any) -> bool:
        """Have another height with another font: the window's style comes after the making."""
        done = bool(super().event(event))
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange, QEvent.Type.Show):
            self._fit()
        return done

    def setText(self, text: str | None) -> None:
        """Show another text; the first one tells the height."""
        first = not self.text()
        super().setText(text)
        if first:
            self._fit()

    def _fit(self) -> None:
        self.setMinimumHeight(0)  # Qt never takes less for what a text needs
        one = self.heightForWidth(10_000)  # with what the style puts around a text
        self.setFixedHeight(one + (_LINES - 1) * (self.fontMetrics().lineSpacing() + 1))


class GuideBar(QFrame):
    """What to do next, in words, and a button.

    Signals
    -------
    followed ()
        The button was pressed.
    help_requested ()
        The user wants to see the help.
    """

    followed = Signal()
    help_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("guide")
        self.setStyleSheet(f"QFrame#guide {{ border-left: 3px solid {MARK_COLOUR}; }}")
        self.text = _Advice()
        self.follow: QPushButton = button("", "", self.followed.emit)
        self.help = button("?", "Help, and the list of keys (F1)", self.help_requested.emit)
        self.help.setFixedWidth(26)
        for one in (self.follow, self.help):
            one.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        line = QHBoxLayout(self)
        line.setContentsMargins(8, 2, 4, 2)
        line.setSpacing(4)
        line.addWidget(self.text, 1)
        line.addWidget(self.follow)
        line.addWidget(self.help)

    def show_advice(self, text: str, source: QWidget | None, shows: bool) -> None:
        """Say what to do next.

        Parameters
        ----------
        text
            In words.
        source
            The button of the dock that does it: the one here reads like it. None: the one here brings a
            section into view.
        shows
            Whether there is a section to be brought into view.
        """
        if text != self.text.text():
            self.text.setText(text)
            self.text.setToolTip(text)
        label = _SHOW if not isinstance(source, QPushButton) else source.text()
        self.follow.setText(label)
        self.follow.setToolTip("Unfold the section and scroll to it" if source is None else source.toolTip())
        self.follow.setVisible(shows)
