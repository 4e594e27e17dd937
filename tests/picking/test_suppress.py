"""Suppression of duplicates."""

from __future__ import annotations

import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from napari_hydrapicker.picking.base import nms


def test_the_best_of_a_chain_suppresses_only_its_neighbours() -> None:
    yx = np.array([[0.0, 0.0], [0.0, 6.0], [0.0, 12.0], [50.0, 3.0]])
    # The middle one goes, so that the third, 12 away from the best, stays.
    assert nms(yx, [0.9, 0.8, 0.7, 0.95]).tolist() == [3, 0, 2]
    # Where the middle one is best, both its neighbours go.
    assert nms(yx, [0.8, 0.9, 0.7, 0.1]).tolist() == [1, 3]


def test_nothing_in_nothing_out() -> None:
    assert nms(np.empty((0, 2)), np.empty(0)).shape == (0,)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 80), st.floats(0.5, 30))
def test_kept_are_apart_and_the_others_lie_near_a_better_one(seed: int, n: int, distance: float) -> None:
    rng = np.random.default_rng(seed)
    yx, score = rng.uniform(0, 60, (n, 2)) * [1, 2], rng.normal(size=n)
    kept = nms(yx, score, distance)
    assert (np.diff(score[kept]) <= 0).all()
    assert len(kept) < 2 or pdist(yx[kept]).min() > distance
    for lost in set(range(n)) - set(kept.tolist()):
        near = np.linalg.norm(yx[kept] - yx[lost], axis=1) <= distance
        assert (score[kept][near] >= score[lost]).any()


def test_ten_thousand_candidates_take_a_fraction_of_a_second() -> None:
    rng = np.random.default_rng(0)
    yx, score = rng.uniform(0, 800, (10_000, 2)), rng.normal(size=10_000)
    start = time.perf_counter()
    kept = nms(yx, score)
    assert time.perf_counter() - start < 2
    assert 1000 < len(kept) < 10_000
