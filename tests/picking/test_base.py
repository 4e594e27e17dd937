"""What all pickers leave out."""

from __future__ import annotations

import numpy as np
import pytest

from napari_hydrapicker.imaging.prepare import Prepared
from napari_hydrapicker.picking.base import Candidates, doubt, kept, usable, within_border
from napari_hydrapicker.picking.parameters import PickParameters
from napari_hydrapicker.picks import Picks

SHAPE = (60, 100)


@pytest.mark.parametrize(
    ("yx", "border", "expected"),
    [
        ((-0.5, 99.5), 0, True),
        ((-0.6, 50), 0, False),
        ((30, 99.6), 0, False),
        ((70, 50), 0, False),
        ((10, 89), 10, True),
        ((9.9, 50), 10, False),
        ((30, 89.1), 10, False),
        ((49, 10), 10, True),
    ],
)
def test_centres_inside_of_a_border(yx: tuple[float, float], border: float, expected: bool) -> None:
    assert within_border(np.array([yx]), SHAPE, border).tolist() == [expected]


def test_places_under_a_mask() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[20, 80] = True
    places = np.array([[20.4, 79.6], [20.6, 80.0], [80.0, 20.0]])
    assert usable(places, mask).tolist() == [True, False, False]


def test_places_off_the_mask_follow_its_edge() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[-1] = True
    assert usable(np.array([[75.0, 40.0], [-3.0, 40.0]]), mask).tolist() == [True, False]


def test_no_centres() -> None:
    nothing = np.empty((0, 2))
    assert within_border(nothing, SHAPE, 3.0).shape == usable(nothing, np.ones(SHAPE, bool)).shape == (0,)


def view() -> Prepared:
    """A micrograph of 240 x 400 pixels of 2 Angstrom, at a quarter of its size; its right third is masked."""
    mask = np.ones(SHAPE, bool)
    mask[:, 66:] = False
    return Prepared(np.zeros(SHAPE, np.float32), mask, (240, 400), 2.0)


FOUND = [  # row, column on the view, probability, and why it is left out with the parameters below
    (30, 20, 0.9, ""),
    (30, 25, 0.8, "20 px from a better one"),
    (30, 40, 0.7, ""),
    (5, 40, 0.95, "in the border"),
    (40, 80, 0.99, "masked"),
    (50, 20, 0.04, "below the floor"),
]


@pytest.mark.parametrize(
    ("changed", "floor", "rows"),
    [
        ({}, 0.05, [0, 2]),
        ({}, 0.01, [0, 2, 5]),
        ({"border_angstrom": 0}, 0.05, [3, 0, 2]),
        ({"min_distance_angstrom": 39}, 0.05, [0, 1, 2]),
        ({"min_distance_angstrom": 161}, 0.05, [0]),
    ],
)
def test_what_is_no_pick_is_left_out(changed: dict[str, float], floor: float, rows: list[int]) -> None:
    found = np.array([one[:3] for one in FOUND], float)
    parameters = PickParameters(**{"diameter_angstrom": 126, "border_angstrom": 48, **changed})
    picks = kept(Candidates(view(), found[:, :2], found[:, 2]), parameters, 2.0, floor)
    np.testing.assert_allclose(picks.yx, 4 * found[rows, :2])
    np.testing.assert_allclose(picks.score, found[rows, 2], rtol=1e-6)
    assert picks.diameter_px == 63


def test_of_nothing_nothing_is_kept() -> None:
    nothing = Candidates(view(), np.empty((0, 2)), np.empty(0))
    assert len(kept(nothing, PickParameters(diameter_angstrom=126), 2.0)) == 0


@pytest.mark.parametrize(
    ("scores", "expected"), [([], 1.0), ([1.0, 1.0], 0.0), ([0.5], 0.5), ([0.9, 0.1], 0.18)]
)
def test_doubt(scores: list[float], expected: float) -> None:
    picks = Picks(np.zeros((len(scores), 2)), np.array(scores, np.float32))
    assert doubt(picks) == pytest.approx(expected)
