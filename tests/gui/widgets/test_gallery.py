"""The gallery of crops."""

from collections.abc import Iterator

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_hydrapicker.gui.widgets.gallery import Gallery


@pytest.fixture
def gallery(qapp_exists: None) -> Iterator[Gallery]:
    """A gallery with three particles: numbers 4, 5, 6, the middle one best, the last one rejected."""
    made = Gallery()
    made.resize(330, 200)
    _fill(made, rejected=[False, False, True])
    made.show()
    yield made
    made.close()
    made.deleteLater()


def _fill(gallery: Gallery, rejected: list[bool]) -> None:
    crops = np.stack([np.full((48, 48), grey, np.uint8) for grey in (50, 120, 250)])
    gallery.set_items(np.array([4, 5, 6]), crops, np.array([0.5, 0.9, 0.1], np.float32), np.array(rejected))


def _click(gallery: Gallery, row: int, button: Qt.MouseButton = Qt.MouseButton.LeftButton) -> None:
    where = gallery.visualRect(gallery.items.index(row)).center()
    QTest.mouseClick(gallery.viewport(), button, Qt.KeyboardModifier.NoModifier, where)


def test_a_click_rejects_the_best_first_and_takes_the_last_back(gallery: Gallery) -> None:
    heard: list[tuple[int, bool]] = []
    gallery.toggled.connect(lambda number, reject: heard.append((number, reject)))
    for row in range(3):
        _click(gallery, row)
    assert heard == [(5, True), (4, True), (6, False)]


def test_a_right_click_finds_the_particle(gallery: Gallery) -> None:
    heard: list[int] = []
    gallery.picked_out.connect(heard.append)
    _click(gallery, 1, Qt.MouseButton.RightButton)
    assert heard == [4]


def test_accepted_and_rejected_look_different(gallery: Gallery) -> None:
    def corner(row: int) -> tuple[int, int]:
        rect = gallery.visualRect(gallery.items.index(row))
        colour = gallery.viewport().grab().toImage().pixelColor(rect.left() + 3, rect.center().y())
        return colour.red(), colour.green()

    (red, green), (red_bad, green_bad) = corner(0), corner(2)
    assert green > red
    assert red_bad > green_bad
    _fill(gallery, rejected=[False, True, False])
    red, green = corner(0)
    assert red > green


def test_what_the_mouse_rests_on_says_its_score(gallery: Gallery) -> None:
    assert "0.90" in gallery.items.data(gallery.items.index(0), Qt.ItemDataRole.ToolTipRole)


@pytest.mark.parametrize("width", [330, 250, 40])
def test_a_row_fills_the_width(gallery: Gallery, width: int) -> None:
    gallery.set_items(
        np.arange(40), np.zeros((40, 48, 48), np.uint8), np.ones(40, np.float32), np.zeros(40, bool)
    )
    gallery.resize(width, 200)
    QTest.qWait(150)  # Qt lays it out when nothing else is left to do
    cells = [gallery.visualRect(gallery.items.index(i)) for i in range(40)]
    first = [cell for cell in cells if cell.center().y() == cells[0].center().y()]
    room, side = gallery.viewport().width(), 48 + 6
    assert len(first) == max(1, room // side), "as many in a row as fit"
    assert len({cell.width() for cell in cells}) == 1
    if width > side:
        left, right = first[0].center().x(), room - first[-1].center().x()
        assert abs(left - right) <= len(first) + 1, "no empty strip is left at one side"
        assert left < side


def test_ten_thousand_particles_are_drawn_only_as_far_as_seen(gallery: Gallery) -> None:
    n = 10_000
    gallery.set_items(
        np.arange(n),
        np.zeros((n, 48, 48), np.uint8),
        np.linspace(1, 0, n, dtype=np.float32),
        np.zeros(n, bool),
    )
    assert gallery.items.rowCount() == n
    _click(gallery, 0)
