"""Points stay on what they mark, whichever way a non-square image is turned."""

from __future__ import annotations

import numpy as np
import pytest

from napari_hydrapicker.imaging.augment import BALANCED, TURNS, turn


@pytest.mark.parametrize("which", range(TURNS))
def test_points_stay_on_their_pixels(which: int) -> None:
    image = np.arange(5 * 8, dtype=np.float32).reshape(5, 8)
    rows, cols = np.array([0, 3, 4, 2]), np.array([0, 7, 1, 5])
    yx = np.stack([rows, cols], axis=1).astype(np.float64)
    turned, (moved,) = turn(image, [yx], which)
    assert sorted(turned.shape) == [5, 8]
    at = moved.astype(int)
    np.testing.assert_array_equal(turned[at[:, 0], at[:, 1]], image[rows, cols])
    assert turned.flags.c_contiguous


def test_all_turns_differ_and_0_changes_nothing() -> None:
    image = np.arange(9, dtype=np.float32).reshape(3, 3)
    made = [turn(image, [], which)[0].tobytes() for which in range(TURNS)]
    assert len(set(made)) == TURNS
    assert made[0] == image.tobytes()


def test_points_off_the_pixel_grid_and_no_points() -> None:
    image = np.zeros((4, 10), np.float32)
    _, (moved, none) = turn(image, [np.array([[0.25, 9.5]]), np.empty((0, 2))], 4 + 1)
    # The transposed image has 10 rows: row 9.5 of it, flipped, is row -0.5.
    np.testing.assert_allclose(moved, [[-0.5, 0.25]])
    assert none.shape == (0, 2)


@pytest.mark.parametrize("count", [2, 4, 6, 8])
def test_balanced_turns_cancel_a_constant_offset(count: int) -> None:
    image = np.zeros((5, 8), np.float32)
    here, beside = np.array([[2.0, 3.0]]), np.array([[2.3, 3.7]])
    differences = [np.subtract(*turn(image, [beside, here], which)[1]) for which in BALANCED[:count]]
    np.testing.assert_allclose(np.sum(differences, axis=0), 0, atol=1e-9)
    assert sorted(BALANCED) == list(range(TURNS))
