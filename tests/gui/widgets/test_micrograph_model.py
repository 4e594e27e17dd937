"""The table's model: order, filter, edits."""

import math
from collections.abc import Iterator

import pytest
from qtpy.QtCore import Qt

from napari_hydrapicker.gui.widgets.micrograph_model import (
    MISSING,
    NAME,
    PICKS,
    PIXEL,
    SCORE,
    STATE_ROLE,
    USE,
    MicrographFilter,
    MicrographModel,
    TableRow,
)

ROWS = [
    TableRow(1, "m10", 7, 0.5, "picked", 1.5),
    TableRow(2, "m2", 30, 0.9, "complete", None),
    TableRow(3, "m1", 0, math.nan, "new", 1.5),
]


@pytest.fixture
def model(qapp_exists: None) -> Iterator[MicrographModel]:
    """Three rows."""
    made = MicrographModel()
    made.set_rows(ROWS)
    yield made
    made.deleteLater()


def _names(proxy: MicrographFilter) -> list[str]:
    return [proxy.index(i, NAME).data() for i in range(proxy.rowCount())]


@pytest.mark.parametrize(
    ("column", "order"),
    [(NAME, ["m1", "m2", "m10"]), (PICKS, ["m1", "m10", "m2"]), (SCORE, ["m1", "m10", "m2"])],
)
def test_names_sort_naturally_and_numbers_as_numbers(
    model: MicrographModel, column: int, order: list[str]
) -> None:
    proxy = MicrographFilter(model)
    proxy.sort(column, Qt.SortOrder.AscendingOrder)
    assert _names(proxy) == order
    proxy.deleteLater()


def test_rows_are_filtered_by_name_and_status(model: MicrographModel) -> None:
    proxy = MicrographFilter(model)
    proxy.set_filter("M1", "")
    assert sorted(_names(proxy)) == ["m1", "m10"]
    proxy.set_filter("m1", "picked")
    assert _names(proxy) == ["m10"]
    proxy.deleteLater()


def test_cells_read_well(model: MicrographModel) -> None:
    text = [[model.index(r, c).data() for c in range(6)] for r in range(3)]
    assert text == [
        ["m10", "7", "0.50", "picked", "", "1.5"],
        ["m2", "30", "0.90", "complete", "", "?"],
        ["m1", "", "", "new", "", "1.5"],
    ]
    assert model.data(model.index(1, PIXEL), STATE_ROLE) == MISSING


def test_a_typed_pixel_size_is_passed_on(model: MicrographModel) -> None:
    heard: list[tuple[int, float]] = []
    model.pixel_size_edited.connect(lambda number, size: heard.append((number, size)))
    place = model.index(1, PIXEL)
    assert model.flags(place) & Qt.ItemFlag.ItemIsEditable
    assert not model.flags(model.index(1, NAME)) & Qt.ItemFlag.ItemIsEditable
    told: list[str] = []
    model.problem.connect(told.append)
    taken = [model.setData(place, text) for text in ("1,25", "wide", "-1", "nan", "5.36 Å")]
    assert taken == [True, False, True, False, True]
    assert heard == [(2, 1.25), (2, -1.0), (2, 5.36)], "whether it can be is the session's to say"
    assert told == [
        "'wide' is not a pixel size: enter a number, in Å",
        "'nan' is not a pixel size: enter a number, in Å",
    ]


def test_a_pixel_size_that_is_shown_rounded_does_not_become_the_rounded_one(model: MicrographModel) -> None:
    model.update_rows([TableRow(1, "m10", 7, 0.5, "picked", 1.23456)])
    heard: list[tuple[int, float]] = []
    model.pixel_size_edited.connect(lambda number, size: heard.append((number, size)))
    place = model.index(0, PIXEL)
    assert not model.setData(place, place.data())
    assert heard == []


def test_only_rows_that_changed_are_drawn_again(model: MicrographModel) -> None:
    drawn: list[tuple[int, int]] = []
    model.dataChanged.connect(lambda first, last, *_: drawn.append((first.row(), last.row())))
    model.update_rows(ROWS)
    model.update_rows([TableRow(2, "m2", 31, 0.9, "complete", None), TableRow(99, "x", 0, 0, "new", None)])
    assert drawn == [(1, 1)]
    assert model.index(1, PICKS).data() == "31"


def test_what_a_micrograph_was_used_for(model: MicrographModel) -> None:
    model.update_rows([TableRow(2, "m2", 30, 0.9, "complete", None, "validation")])
    assert model.index(1, USE).data() == "valid"
    assert "validation" in model.data(model.index(1, NAME), Qt.ItemDataRole.ToolTipRole)
    assert model.data(model.index(0, NAME), Qt.ItemDataRole.ToolTipRole) == "m10"
