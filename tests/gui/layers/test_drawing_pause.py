"""Frames that are put off."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from napari.components import ViewerModel
from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QApplication, QWidget

from napari_hydrapicker.gui.layers.canvas import DrawingPause

Wait = Callable[..., None]


class _Watch(QObject):
    """Notes when a widget is drawn."""

    def __init__(self, heard: list[str]) -> None:
        super().__init__()
        self._heard = heard

    def eventFilter(self, watched: Any, event: Any) -> bool:
        if event.type() == QEvent.Type.Paint:
            self._heard.append("drawn")
        return False


def test_other_events_come_before_the_frame(wait: Wait) -> None:
    canvas, heard = QWidget(), []
    canvas.show()
    wait(lambda: canvas.isVisible())
    QApplication.processEvents()
    watch = _Watch(heard)
    canvas.installEventFilter(watch)
    viewer: Any = SimpleNamespace(window=SimpleNamespace(_qt_viewer=SimpleNamespace(canvas=_native(canvas))))
    pause = DrawingPause(viewer)
    for _ in range(2):  # it can be asked for again
        heard.clear()
        QTimer.singleShot(0, lambda: heard.append("something else"))
        pause.begin()
        pause.begin()
        canvas.update()
        wait(lambda: len(heard) >= 2)
        assert heard == ["something else", "drawn"]
        assert canvas.updatesEnabled()


def test_a_viewer_without_a_window_has_nothing_to_put_off(qapp_exists: None) -> None:
    viewer: Any = ViewerModel()
    DrawingPause(viewer).begin()


def test_the_canvas_is_drawn_again_after_a_step(hand: Any, picked: Any, wait: Wait) -> None:
    second = picked.session.records[1].id
    picked.session.set_current(second)
    wait(lambda: picked.canvas.micrograph_id == second)
    wait(hand.canvas.updatesEnabled)


def _native(widget: QWidget) -> Any:
    return SimpleNamespace(native=widget)
