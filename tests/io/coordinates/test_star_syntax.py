"""The STAR syntax."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.io.coordinates.star_syntax import star_table_text, star_tables, star_value

Save = Callable[[str, str | bytes], Path]


def tables(path: Path) -> list[tuple[str, tuple[str, ...], list[list[str]]]]:
    return [(t.block, t.columns, [row for _, row in t.rows]) for t in star_tables(path)]


def test_blocks_loops_pairs_comments_and_quotes(save: Save) -> None:
    text = """# version 30001
data_general
_a 1
_b 'two words' # why

data_list # name

loop_ #
_x #1
# in between
_y #2

1 "a b"   # trailing
data_1.mrc it's

2 'c#d'
"""
    assert tables(save("a.star", text)) == [
        ("general", ("a", "b"), [["1", "two words"]]),
        ("list", ("x", "y"), [["1", "a b"], ["data_1.mrc", "it's"], ["2", "c#d"]]),
    ]


def test_rows_know_their_lines_and_may_be_skipped(save: Save) -> None:
    path = save("a.star", "data_a\nloop_\n_x\n1\n2\ndata_b\nloop_\n_y\n\n3\n")
    first, second = [table.block for table in star_tables(path)]
    assert (first, second) == ("a", "b")
    assert [list(table.rows) for table in star_tables(path)] == [[(4, ["1"]), (5, ["2"])], [(10, ["3"])]]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("loop_\n_x\n1\n", "line 1: text before the first data_"),
        ("data_\nloop_\n1 2\n", "line 2: loop_ without columns"),
        ("data_\nloop_\n_x\n_x\n", "line 4: column 'x' occurs twice"),
        ("data_\nloop_\n_x\n_y\n1 2\n3\n", "line 6: 1 value in a table of 2 columns"),
        ("data_\nvalue\n", "line 2: a value outside"),
        ("data_\n_x 1 2\n", "line 2: expected one label and one value"),
    ],
)
def test_damage_is_named_with_its_line(text: str, problem: str, save: Save) -> None:
    with pytest.raises(CoordinateFileError, match=problem):
        tables(save("a.star", text))


@pytest.mark.parametrize("value", ["plain", "two words", "#1", "_x", "it's", "data_x", "a#b"])
def test_values_are_quoted_where_they_must_be(value: str, save: Save) -> None:
    text = star_table_text("t", ("a", "b"), [f"{star_value(value)} 1"])
    assert tables(save("a.star", text)) == [("t", ("a", "b"), [[value, "1"]])]


def test_a_value_with_every_kind_of_quote_is_refused() -> None:
    with pytest.raises(ParameterError, match="cannot be written to a STAR file"):
        star_value("a \"b' c")
