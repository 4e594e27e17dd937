"""The one place that says which of the dock's widgets takes the wheel, the keys and the focus.

The user works on the canvas: whatever he presses in the dock, the next key is meant for the canvas, and the
wheel scrolls the dock. A field changes only while it has the focus, which is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPushButton,
    QWidget,
)

from napari_hydrapicker.gui.layers.plugin_layers import PluginLayers, canvas_of
from napari_hydrapicker.gui.widgets.parts import MARK_COLOUR

if TYPE_CHECKING:
    from napari.viewer import Viewer


_FIELDS = (QAbstractSpinBox, QComboBox)
_TYPED_INTO = (QAbstractSpinBox, QLineEdit)
_COMMAND = (
    Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
)
STYLE = f"""
QAbstractSpinBox:focus, QLineEdit:focus, QComboBox:focus, QAbstractItemView:focus {{
    border: 1px solid {MARK_COLOUR};
}}
QPushButton:focus, QCheckBox:focus, QToolButton:focus {{ outline: none; border: 1px solid {MARK_COLOUR}; }}
"""


class WheelGuard(QObject):
    """Keeps the wheel from fields below a widget, those that are there now, unless they have the focus."""

    def __init__(self, top: QWidget) -> None:
        super().__init__(top)
        for widget in top.findChildren(QWidget):
            if isinstance(widget, _FIELDS):
                widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # not the wheel
                widget.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Leave the wheel to what lies below."""
        if event.type() == QEvent.Type.Wheel and not _has_focus(watched):
            event.ignore()
            return True
        return bool(super().eventFilter(watched, event))


class Focus(QObject):
    """Looks after all widgets below one, those that are there now.

    Parameters
    ----------
    top
        The dock.
    viewer
        Its canvas has the focus after every action.
    layers
        After an action the layer that is worked on is the active one: a layer of the user's own has other
        keys.
    """

    def __init__(self, top: QWidget, viewer: Viewer, layers: PluginLayers) -> None:
        super().__init__(top)
        self._viewer, self._layers = viewer, layers
        top.setStyleSheet(STYLE)
        for widget in top.findChildren(QWidget):
            self._look_after(widget)

    def give_back(self) -> None:
        """Let the canvas have the keys."""
        canvas = canvas_of(self._viewer)
        if canvas is not None:
            canvas.setFocus()

    def _on_action(self) -> None:
        self._layers.activate(self._layers.primary)
        self.give_back()

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Leave the wheel to the dock, and keys that are meant for the canvas to that."""
        kind = event.type()
        if kind == QEvent.Type.Wheel and isinstance(watched, _FIELDS) and not _has_focus(watched):
            event.ignore()  # and so it comes to the widgets below, which scroll
            return True
        if kind == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Escape and not isinstance(watched, QAbstractItemView):
                self.give_back()
                return True
            if not isinstance(watched, _TYPED_INTO) and _is_for_canvas(event):
                return self._forward(event)
        return bool(super().eventFilter(watched, event))

    def _forward(self, event: Any) -> bool:
        canvas = canvas_of(self._viewer)
        if canvas is None:
            return False
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            QApplication.sendEvent(canvas, QKeyEvent(kind, event.key(), event.modifiers(), event.text()))
        return True

    def _look_after(self, widget: QWidget) -> None:
        if isinstance(widget, QAbstractButton):
            widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a button that is disabled passes its focus on
            acts = isinstance(widget, QPushButton)
            widget.clicked.connect(lambda *_: self._on_action() if acts else self.give_back())
        elif isinstance(widget, _FIELDS):
            widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # not the wheel
        elif isinstance(widget, QAbstractItemView):
            widget.setTabKeyNavigation(False)
        if isinstance(widget, QComboBox):
            widget.activated.connect(lambda *_: self.give_back())
        elif isinstance(widget, QLineEdit):  # of spin boxes too
            widget.returnPressed.connect(self.give_back)
        if widget.focusPolicy() != Qt.FocusPolicy.NoFocus:
            widget.installEventFilter(self)


def _has_focus(field: QWidget) -> bool:
    inner = field.focusProxy() or field
    return bool(inner.hasFocus() or field.isAncestorOf(QApplication.focusWidget() or inner.window()))


def _is_for_canvas(event: Any) -> bool:
    """Whether a key is one of the canvas's: what a list would search for, undo and redo, and help."""
    modifiers = event.modifiers()
    if event.key() == Qt.Key.Key_Z:
        return not modifiers & (Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier)
    text = event.text()
    printable = bool(text) and text.isprintable() and not text.isspace()
    return event.key() == Qt.Key.Key_F1 or (printable and not modifiers & _COMMAND)
