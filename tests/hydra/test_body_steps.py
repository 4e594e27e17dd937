"""A body in steps of a byte from another."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from napari_hydrapicker.hydra.body_steps import SCALE, STEPS, body_from_steps, body_steps

BASE = {
    "a.weight": torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(0)).half(),
    "a.bias": torch.linspace(-1, 1, 6).half(),
}


def moved(size: float) -> dict[str, Tensor]:
    chance = torch.Generator().manual_seed(1)
    return {n: (t.float() + size * torch.randn(t.shape, generator=chance)).half() for n, t in BASE.items()}


@given(st.floats(1e-6, 1e3))
def test_each_weight_is_within_half_a_step(size: float) -> None:
    wanted = moved(size)
    made = body_from_steps(body_steps(wanted, BASE), BASE)
    for name, tensor in wanted.items():
        largest = float((tensor.float() - BASE[name].float()).abs().max())
        rounding = 2.0**-10 * tensor.float().abs().clamp(min=2.0**-14)
        error = (made[name].float() - tensor.float()).abs()
        assert bool((error <= max(largest / 126, 2.0**-24) / 1 + rounding).all())
        assert made[name].dtype == torch.float16


def test_an_unchanged_body_is_the_same_to_the_bit() -> None:
    made = body_from_steps(body_steps(BASE, BASE), BASE)
    assert all(torch.equal(made[name], BASE[name]) for name in BASE)


def test_one_byte_a_weight() -> None:
    steps = body_steps(moved(0.01), BASE)
    assert sum(t.nbytes for t in steps.values()) == sum(t.numel() for t in BASE.values()) + 2 * len(BASE)
    assert 63 <= steps["a.weight" + STEPS].abs().max() <= 127


def without_scale(tensors: dict[str, Tensor]) -> None:
    del tensors["a.bias" + SCALE]


def of_another_shape(tensors: dict[str, Tensor]) -> None:
    tensors["a.bias" + STEPS] = torch.zeros(5, dtype=torch.int8)


def in_single_precision(tensors: dict[str, Tensor]) -> None:
    tensors["a.bias" + STEPS] = torch.zeros(6)


@pytest.mark.parametrize("change", [without_scale, of_another_shape, in_single_precision])
def test_steps_that_do_not_fit(change: object) -> None:
    tensors = body_steps(moved(0.01), BASE)
    assert callable(change)
    change(tensors)
    with pytest.raises(ValueError, match=r"the steps of 'a\.bias' do not make up that layer"):
        body_from_steps(tensors, BASE)


def test_steps_of_a_layer_that_there_is_not() -> None:
    tensors = body_steps(moved(0.01), BASE) | {"b" + STEPS: torch.zeros(1, dtype=torch.int8)}
    with pytest.raises(ValueError, match=r"unknown tensor 'b\.steps'"):
        body_from_steps(tensors, BASE)
