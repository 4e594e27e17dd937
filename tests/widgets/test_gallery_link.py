"""Gallery, canvas and session in step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

Wait = Callable[..., None]


def _open(dock: Any, wait: Wait, n: int) -> Any:
    if not dock.correct.show_gallery.isChecked():
        QTest.mouseClick(dock.correct.show_gallery, Qt.MouseButton.LeftButton)
    items = dock.correct.gallery.items
    wait(lambda: items.rowCount() == n)
    return items


def test_the_gallery_shows_what_the_threshold_shows(picked: Any, wait: Wait) -> None:
    items = _open(picked, wait, 2)
    assert items.scores.tolist() == sorted(items.scores.tolist(), reverse=True)
    picked.session.update(threshold=0.1)
    wait(lambda: items.rowCount() == 3)


def test_a_click_rejects_and_another_takes_back(picked: Any, wait: Wait) -> None:
    items = _open(picked, wait, 2)
    number = int(items.ids[0])
    picked.correct.gallery.toggled.emit(number, True)
    assert picked.session.labels(picked.session.current).rows([number]).deleted.all()
    assert len(picked.canvas.picks.layer.data) == 1
    wait(lambda: bool(items.rejected.any()))
    picked.correct.gallery.toggled.emit(number, False)
    assert len(picked.canvas.picks.layer.data) == 2


def test_a_particle_is_found_on_the_micrograph(picked: Any, wait: Wait) -> None:
    from napari_hydrapicker.widgets.canvas import camera_of

    items = _open(picked, wait, 2)
    picked.correct.gallery.picked_out.emit(int(items.ids[0]))
    assert tuple(camera_of(picked.viewer).center)[-2:] == (100, 500)


def test_closed_it_does_nothing(picked: Any, wait: Wait) -> None:
    items = _open(picked, wait, 2)
    QTest.mouseClick(picked.correct.show_gallery, Qt.MouseButton.LeftButton)
    picked.session.update(threshold=0.1)
    QTest.qWait(300)
    assert items.rowCount() == 2
