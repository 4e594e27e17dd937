"""Parameters of the cGAN's training."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.training.cgan import CGanParameters, check_parameters


def test_the_defaults_are_in_range() -> None:
    check_parameters(CGanParameters())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"loss": "hinge"}, "hinge"),
        ({"steps": 0}, "steps of 0"),
        ({"batch_size": 0}, "batch_size"),
        ({"data_weight": -1.0}, "data_weight of -1"),
        ({"learning_rate": float("nan")}, "learning_rate"),
    ],
)
def test_parameters_out_of_range(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        check_parameters(replace(CGanParameters(), **changes))  # type: ignore[arg-type]


def test_rates_rise_and_fall() -> None:
    p = CGanParameters(steps=101, warmup_steps=10)
    shares = [p.share(step) for step in range(p.steps)]
    assert shares[0] == pytest.approx(0.1)
    assert max(shares) == shares[10] == pytest.approx(1)
    assert shares[-1] < 0.01
