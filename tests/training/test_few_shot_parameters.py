"""How a new head is trained."""

from __future__ import annotations

import itertools

import pytest

from napari_hydrapicker.training.head_trainer import FewShotParameters


def test_the_rate_warms_up_and_falls_to_nothing() -> None:
    p = FewShotParameters(steps=100, warmup_steps=10, learning_rate=1.0)
    rates = [p.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == 1.0
    assert rates[99] < 1e-3
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))
