"""What all pickers leave out."""

from __future__ import annotations

import numpy as np
import pytest

from napari_hydrapicker.picking.base import doubt, usable, within_border
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


@pytest.mark.parametrize(
    ("scores", "expected"), [([], 1.0), ([1.0, 1.0], 0.0), ([0.5], 0.5), ([0.9, 0.1], 0.18)]
)
def test_doubt(scores: list[float], expected: float) -> None:
    picks = Picks(np.zeros((len(scores), 2)), np.array(scores, np.float32))
    assert doubt(picks) == pytest.approx(expected)
