"""What is done a moment later, and once however often it is asked for meanwhile."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer

AFTER_FRAME_MS = 30  # after a change of the canvas: its frame comes first, then the rest of the window


def once_after(ms: int, action: Callable[[], object], parent: QObject) -> QTimer:
    """Return a timer that does something `ms` milliseconds after it was last started."""
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(ms)
    timer.timeout.connect(action)
    return timer
