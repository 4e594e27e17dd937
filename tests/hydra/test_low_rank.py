"""Differences of low rank."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_hydrapicker.hydra.low_rank import LEFT, RIGHT, Layer, restored

BOTH = [torch.float16, torch.int8]


def difference(rank: int, size: float = 0.01) -> Tensor:
    chance = torch.Generator().manual_seed(rank)
    return size * torch.randn(12, rank, generator=chance) @ torch.randn(rank, 90, generator=chance)


@pytest.mark.parametrize("precision", BOTH)
@pytest.mark.parametrize("size", [1e-4, 0.01, 30.0])
def test_a_difference_is_made_again(precision: torch.dtype, size: float) -> None:
    wanted = difference(3, size)
    left, right = Layer.of(wanted).above(size, precision)
    assert (left.shape, right.shape, left.dtype, right.dtype) == ((12, 3), (3, 90), torch.float16, precision)
    base = torch.zeros(12, 10, 3, 3).half()
    made = restored({"w" + LEFT: left, "w" + RIGHT: right}, {"w": base})["w"]
    assert made.dtype == torch.float32
    error = (made.float().flatten(1) - wanted).norm() / wanted.norm()
    assert error < (0.02 if precision == torch.int8 else 2e-3)


def test_small_singular_values_are_left_out() -> None:
    wanted = difference(5)
    values = torch.linalg.svdvals(wanted)
    for kept in (0, 1, 4):
        left, right = Layer.of(wanted).above(float(values[kept]) * 1.0001)
        assert left.shape[1] == right.shape[0] == kept
        lost = torch.linalg.svdvals(wanted - left.float() @ right.float())[0]
        assert lost == pytest.approx(float(values[kept]), rel=0.01)


def test_what_is_whole_stays_so_and_what_has_no_factors_is_not_made() -> None:
    bias = torch.tensor([1.5, -2.0]).half()
    base = {"bias": torch.zeros(2).half(), "w": torch.ones(2, 3).half()}
    assert restored({"bias": bias}, base).keys() == {"bias"}
    assert torch.equal(restored({"bias": bias}, base)["bias"], bias)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (torch.zeros(2, 1).half(), None),
        (None, torch.zeros(1, 3).half()),
        (torch.zeros(2, 1).half(), torch.zeros(2, 3).half()),
        (torch.zeros(3, 1).half(), torch.zeros(1, 3).half()),
        (torch.zeros(2, 1).half(), torch.zeros(1, 4).half()),
        (torch.zeros(2).half(), torch.zeros(3).half()),
        (torch.zeros(2, 1), torch.zeros(1, 3).half()),
        (torch.zeros(2, 1).half(), torch.zeros(1, 3, dtype=torch.complex64)),
    ],
)
def test_factors_that_do_not_fit(left: Tensor | None, right: Tensor | None) -> None:
    given = {"w" + LEFT: left, "w" + RIGHT: right}
    tensors = {name: tensor for name, tensor in given.items() if tensor is not None}
    with pytest.raises(ValueError, match="the factors of 'w' do not make up that layer"):
        restored(tensors, {"w": torch.zeros(2, 3).half()})
