"""Things done once, a moment later."""

from __future__ import annotations

import time
from collections.abc import Callable

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QApplication

from napari_hydrapicker.gui.widgets.tasks import once_after

Wait = Callable[..., None]


def test_it_is_done_once_however_often_it_is_asked_for(wait: Wait) -> None:
    done: list[float] = []
    parent = QObject()
    timer = once_after(40, lambda: done.append(time.monotonic()), parent)
    assert not timer.isActive()
    for _ in range(3):
        timer.start()
    begun = time.monotonic()
    wait(lambda: bool(done))
    assert done[0] - begun > 0.035
    time.sleep(0.06)
    QApplication.processEvents()
    assert len(done) == 1
    timer.start()
    wait(lambda: len(done) == 2)
