"""The table with its filter, as it is clicked on."""

import time
from collections.abc import Iterator

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QStyleOptionViewItem

from napari_hydrapicker.gui.widgets.micrograph_model import FIRST_MORE, MORE, NAME, USE
from napari_hydrapicker.gui.widgets.micrograph_table import MicrographTable, TableRow


def _rows(n: int, picks: int = 5) -> list[TableRow]:
    return [TableRow(i, f"m{i}", picks, 0.5, "picked" if i % 2 else "new", 1.5) for i in range(1, n + 1)]


@pytest.fixture
def table(qapp_exists: None) -> Iterator[MicrographTable]:
    """A table on the screen."""
    made = MicrographTable()
    made.set_rows(_rows(12))
    made.resize(350, 400)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def _click(
    table: MicrographTable, row: int, key: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    where = table.view.visualRect(table.proxy.index(row, NAME)).center()
    QTest.mouseClick(table.view.viewport(), Qt.MouseButton.LeftButton, key, where)


def test_a_click_goes_to_a_micrograph(table: MicrographTable) -> None:
    heard: list[int] = []
    table.activated.connect(heard.append)
    _click(table, 9)
    assert heard == [10]
    _click(table, 10, Qt.KeyboardModifier.ControlModifier)
    assert table.selected_ids() == [10, 11]


def test_following_the_session_is_no_signal(table: MicrographTable) -> None:
    heard: list[int] = []
    table.activated.connect(heard.append)
    table.set_current(7)
    assert (heard, table.selected_ids()) == ([], [7])
    table.set_current(99)
    assert table.selected_ids() == [7]


def test_typing_filters(table: MicrographTable) -> None:
    QTest.keyClicks(table.text, "m1")
    assert table.proxy.rowCount() == 4
    table.status.setCurrentText("picked")
    assert table.proxy.rowCount() == 2


def test_five_thousand_rows_follow_a_slider(table: MicrographTable) -> None:
    table.set_rows(_rows(5000))
    start = time.process_time()
    table.update_rows(_rows(5000, picks=6))
    # A bound against quadratic work, not a figure: it takes some 20 ms.
    assert time.process_time() - start < 2
    assert table.proxy.index(4998, 1).data() == "6"


def test_a_filter_does_not_walk_the_user_on(table: MicrographTable) -> None:
    heard: list[int] = []
    table.activated.connect(heard.append)
    table.status.setCurrentText("picked")
    _click(table, 2)
    assert heard == [5]
    corrected = TableRow(5, "m5", 6, 0.5, "corrected", 1.5)
    table.update_rows([corrected])
    assert table.proxy.rowCount() == 5, "it has left the list"
    assert heard == [5], "and stays the current micrograph"
    _click(table, 2)
    assert heard == [5, 7], "the row that took its place can be clicked on"
    table.set_current(5)
    table.status.setCurrentText("all")
    assert (table.selected_ids(), heard) == ([5], [5, 7])
    QTest.keyClicks(table.text, "m12")
    assert (table.selected_ids(), heard) == ([], [5, 7])
    table.text.clear()
    assert (table.selected_ids(), heard) == ([5], [5, 7])


def _shown(table: MicrographTable, row: int) -> str:
    """What is written in a name's cell."""
    index, option = table.proxy.index(row, NAME), QStyleOptionViewItem()
    option.rect = table.view.visualRect(index)
    table.view.itemDelegateForIndex(index).initStyleOption(option, index)
    return str(option.text)


def test_long_names_show_in_what_they_differ(table: MicrographTable) -> None:
    names = [f"FoilHole_3001234_Data_2998765_2998766_20240213_112{i}6_fractions" for i in range(301, 313)]
    table.set_rows([TableRow(i, name, 5, 0.5, "new", 1.5) for i, name in enumerate(names)])
    shown = [_shown(table, row) for row in range(len(names))]
    assert shown[:2] == ["…1123016…", "…1123026…"], "whole numbers"
    assert len(set(shown)) == len(names)
    table.view.setColumnWidth(NAME, 900)
    assert _shown(table, 0) == names[0]


@pytest.mark.parametrize("names", [["a_long_name_" * 9], ["same_" * 30] * 2, ["x" * 90, "x" * 95]])
def test_names_without_a_part_of_their_own_are_shown_all_the_same(
    table: MicrographTable, names: list[str]
) -> None:
    table.set_rows([TableRow(i, name, 5, 0.5, "new", 1.5) for i, name in enumerate(names)])
    assert all(_shown(table, row) for row in range(len(names)))


def test_columns_are_chosen_and_a_filter_is_no_wish_for_widths(table: MicrographTable) -> None:
    entry = next(one for one in table.view.columns_menu().actions() if one.text() == "Doubt")
    entry.trigger()
    place = FIRST_MORE + [one.name for one in MORE].index("doubt")
    assert not table.view.isColumnHidden(place)
    with_doubt = table.view.columnWidth(NAME)
    QTest.keyClicks(table.text, "m1")
    table.resize(500, 400)
    QApplication.processEvents()
    assert table.view.columnWidth(NAME) > with_doubt, "the name follows the width still"
    table.view.show_column(place, False)
    assert table.view.isColumnHidden(place)


def test_the_name_has_the_room_of_a_column_that_says_nothing(table: MicrographTable) -> None:
    before = table.view.columnWidth(NAME)
    assert table.view.isColumnHidden(USE)
    table.update_rows([TableRow(1, "m1", 5, 0.5, "picked", 1.5, "training")])
    assert not table.view.isColumnHidden(USE)
    assert table.view.columnWidth(NAME) < before
    table.view.setColumnWidth(NAME, 250)
    table.resize(500, 400)
    assert table.view.columnWidth(NAME) == 250, "the user has widened it"
