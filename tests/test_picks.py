"""Picks and the conversions between (row, column), (x, y) and lower corners."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picks import Picks, Source

coordinate = st.floats(-1e5, 1e5, width=64)
centres = st.integers(0, 12).flatmap(lambda n: hnp.arrays(np.float64, (n, 2), elements=coordinate))
modest = settings(max_examples=50, deadline=None)


def test_x_is_the_column_and_y_the_row() -> None:
    picks = Picks.from_xy([100.0, 7.0], [3.0, 50.0], score=[0.5, 0.25])
    np.testing.assert_array_equal(picks.yx, [[3, 100], [50, 7]])
    np.testing.assert_array_equal(picks.x, [100, 7])
    np.testing.assert_array_equal(picks.y, [3, 50])
    assert (picks.source == Source.IMPORTED).all()


def test_boxes_are_lower_corners() -> None:
    picks = Picks.from_lower_corner([10.0, 20.0], [100.0, 200.0], [40, 40], [60, 60])
    np.testing.assert_array_equal(picks.yx, [[130, 30], [230, 40]])
    assert picks.diameter_px == 40
    assert Picks.from_lower_corner([], [], [], []).diameter_px is None


@modest
@given(centres, st.integers(1, 1000))
def test_lower_corners_there_and_back(yx: np.ndarray, box: int) -> None:
    picks = Picks(yx)
    x_low, y_low = picks.lower_corner(box)
    sides = np.full(len(yx), box)
    again = Picks.from_lower_corner(x_low, y_low, sides, sides)
    np.testing.assert_allclose(again.yx, yx.reshape(-1, 2), atol=1e-9)


@modest
@given(centres, st.integers(1, 20000))
def test_flipping_twice_changes_nothing_and_once_only_rows(yx: np.ndarray, height: int) -> None:
    picks = Picks(yx)
    flipped = picks.flipped_y(height)
    np.testing.assert_array_equal(flipped.x, picks.x)
    np.testing.assert_allclose(flipped.y + picks.y, height - 1)
    np.testing.assert_allclose(flipped.flipped_y(height).yx, picks.yx, atol=1e-9)


def test_flipping_moves_a_pixel_with_its_image() -> None:
    image = np.arange(35).reshape(5, 7)
    flipped = Picks([[1.0, 6.0]]).flipped_y(5)  # type: ignore[arg-type]
    row, col = flipped.yx[0].astype(int)
    assert image[::-1][row, col] == image[1, 6]


@modest
@given(hnp.arrays(np.float32, st.integers(0, 15), elements=st.floats(0, 1, width=32) | st.just(np.nan)))
def test_sorting_and_thresholds(score: np.ndarray) -> None:
    yx = np.stack([np.arange(len(score)), -np.arange(len(score))], axis=1)
    picks = Picks(yx, score)
    ordered = picks.sorted()
    known = ordered.score[~np.isnan(ordered.score)]
    assert (np.diff(known) <= 0).all()
    assert np.isnan(ordered.score[len(known) :]).all()
    for one, value in zip(ordered.yx, ordered.score, strict=True):
        np.testing.assert_equal(value, score[int(one[0])])
    kept = picks.above(0.5)
    assert len(kept) == np.sum(np.isnan(score) | (score >= 0.5))


def test_selecting_keeps_every_column_in_step() -> None:
    picks = Picks(np.arange(8.0).reshape(4, 2), np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 1, 2, 3]), 55.0)  # type: ignore[arg-type]
    chosen = picks.select([3, 1])
    np.testing.assert_array_equal(chosen.yx, [[6, 7], [2, 3]])
    np.testing.assert_allclose(chosen.score, [0.4, 0.2])
    assert chosen.source.tolist() == [Source.IMPORTED, Source.MANUAL]
    assert chosen.diameter_px == 55
    assert len(picks.select([])) == 0
    assert len(picks.select(picks.score > 0.25)) == 2


def test_picks_without_scores_come_from_the_picker() -> None:
    picks = Picks(np.zeros((2, 2)))
    assert np.isnan(picks.score).all()
    assert (picks.source == Source.PICKER).all()
    assert (picks.yx.dtype, picks.score.dtype, picks.source.dtype) == (np.float64, np.float32, np.int8)
    assert Picks([]).yx.shape == (0, 2)  # type: ignore[arg-type]


def test_picks_are_their_own_and_cannot_be_written_to() -> None:
    yx = np.zeros((2, 2))
    picks = Picks(yx)
    yx[:] = 9
    assert (picks.yx == 0).all()
    for column in (picks.yx, picks.score, picks.source):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1


@pytest.mark.parametrize(
    ("yx", "score", "source"),
    [
        ([[1.0, 2, 3]], None, None),
        ([1.0, 2], None, None),
        ([[np.nan, 1]], None, None),
        ([[np.inf, 1]], None, None),
        ([[1.0, 2]], [0.1, 0.2], None),
        ([[1.0, 2]], [[0.1]], None),
        ([[1.0, 2]], None, [0, 1]),
    ],
)
def test_columns_that_do_not_fit(yx: list, score: list | None, source: list | None) -> None:
    with pytest.raises(ParameterError):
        Picks(yx, score, source)  # type: ignore[arg-type]


def test_coordinates_that_do_not_pair_up() -> None:
    with pytest.raises(ParameterError, match="2 x coordinates, but 1"):
        Picks.from_xy([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("picks", "shown"),
    [
        (Picks(np.empty((0, 2))), "<0 picks>"),
        (Picks([[1, 2]], [0.5], diameter_px=60.5), "<1 pick, scores 0.50 to 0.50, diameter 60.5 px>"),
        (Picks([[1, 2], [3, 4]], [0.25, np.nan]), "<2 picks, scores 0.25 to 0.25>"),
    ],
)
def test_a_list_of_picks_is_shown_in_a_line(picks: Picks, shown: str) -> None:
    assert repr(picks) == shown
