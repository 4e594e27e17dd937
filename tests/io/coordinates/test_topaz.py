"""Topaz's coordinate tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picks import Picks

Save = Callable[[str, str | bytes], Path]


def test_columns_in_any_order_extensions_and_missing_scores(save: Save) -> None:
    text = "score\timage_name\tdiameter\ty_coord\tx_coord\n"
    text += "3.5\ta.mrc\t9\t7\t5\nnan\tb 2\t9\t1\t2\n-1\ta.mrc\t9\t8\t6\n"
    picks = formats.read(save("all.txt", text))
    assert list(picks) == ["a", "b 2"]
    np.testing.assert_array_equal(picks["a"].yx, [[7, 5], [8, 6]])
    np.testing.assert_array_equal(picks["a"].score, [3.5, -1])
    assert np.isnan(picks["b 2"].score).all()


def test_a_table_without_scores_or_tabs_or_a_last_value(save: Save) -> None:
    assert len(formats.read(save("a.txt", "image_name x_coord y_coord\nm 5 7\n"))["m"]) == 1
    text = "image_name\tx_coord\ty_coord\tscore\nm\t5\t7\t\nm\t6\t8\t0.5\n"
    np.testing.assert_array_equal(formats.read(save("b.txt", text))["m"].score, [np.nan, 0.5])


def test_pandas_reads_it_as_topaz_does(tmp_path: Path, three_picks: Picks) -> None:
    two = {"a": three_picks, "007": three_picks.select([0])}
    (path,) = formats.write(two, tmp_path / "picks.txt", "topaz")
    table = pd.read_csv(path, sep="\t", dtype={"image_name": str})
    assert list(table.columns) == ["image_name", "x_coord", "y_coord", "score"]
    assert table["image_name"].tolist() == ["a", "a", "a", "007"]
    assert table["x_coord"].tolist() == [600, 0, 46, 600]
    assert table["y_coord"].tolist() == [10, 399, 123, 10]
    np.testing.assert_allclose(table["score"], [0.875, np.nan, 1e-7, 0.875])
    assert table["x_coord"].dtype == table["y_coord"].dtype == np.int64


def test_without_scores_there_is_no_score_column(tmp_path: Path) -> None:
    (path,) = formats.write({"a": Picks(np.array([[1.0, 2.0]]))}, tmp_path, "topaz")
    assert path.read_text() == "image_name\tx_coord\ty_coord\na\t2\t1\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("image_name\tx_coord\n", "line 1: no column y_coord"),
        ("image_name\tx_coord\ty_coord\na\t1\n", "line 2: 2 values under a header of 3"),
        ("image_name\tx_coord\ty_coord\na\t1\t1e99\n", "line 2: '1e99' is no usable coordinate"),
        ("\n\n", "is empty"),
    ],
)
def test_damage_is_named_with_its_line(text: str, problem: str, save: Save) -> None:
    with pytest.raises(CoordinateFileError, match=problem):
        formats.read(save("a.txt", text), "topaz")
