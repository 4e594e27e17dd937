"""How the multi-head phase is run."""

from __future__ import annotations

import pytest

from napari_hydrapicker.training.multi_head import MultiHeadParameters


def test_the_learning_rate_warms_up_and_falls_to_nothing() -> None:
    p = MultiHeadParameters(steps=1000, warmup_steps=10, learning_rate=1.0)
    assert p.rate(0) == pytest.approx(0.1)
    assert p.rate(500) == pytest.approx(0.5)
    assert p.rate(999) < 1e-5
