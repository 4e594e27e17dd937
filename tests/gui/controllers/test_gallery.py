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


def _click(dock: Any, row: int) -> None:
    gallery = dock.correct.gallery
    where = gallery.visualRect(gallery.items.index(row)).center()
    QTest.mouseClick(gallery.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, where)


def test_a_click_rejects_and_another_takes_back(picked: Any, wait: Wait) -> None:
    items = _open(picked, wait, 2)
    number = int(items.ids[1])
    _click(picked, 1)
    assert picked.session.labels(picked.session.current).rows([number]).deleted.all()
    assert picked.canvas.picks.layer.data.tolist() == [[100, 500]], "the other one"
    wait(lambda: bool(items.rejected.any()))
    _click(picked, 1)
    assert len(picked.canvas.picks.layer.data) == 2


def test_a_second_click_before_the_first_is_shown_is_no_edit(picked: Any, wait: Wait) -> None:
    _open(picked, wait, 2)
    _click(picked, 0)
    _click(picked, 0)
    assert picked.session.labels(picked.session.current).deleted.sum() == 1
    picked.commands.undo()
    assert len(picked.canvas.picks.layer.data) == 2, "one step"


def test_a_particle_is_found_on_the_micrograph(picked: Any, wait: Wait) -> None:
    from napari_hydrapicker.gui.layers.canvas import camera_of

    items = _open(picked, wait, 2)
    picked.correct.gallery.picked_out.emit(int(items.ids[0]))
    assert tuple(camera_of(picked.viewer).center)[-2:] == (100, 500)


def test_closed_it_does_nothing(picked: Any, wait: Wait) -> None:
    items = _open(picked, wait, 2)
    QTest.mouseClick(picked.correct.show_gallery, Qt.MouseButton.LeftButton)
    picked.session.update(threshold=0.1)
    QTest.qWait(300)
    assert items.rowCount() == 2
