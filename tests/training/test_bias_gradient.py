"""The bias term's gradient against automatic differentiation of Eq. 3.4."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_hydrapicker.hydra.losses import bias_loss
from napari_hydrapicker.training.optim import BiasForm, bias_gradient


def small(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.GroupNorm(3, 3), nn.Conv2d(3, 1, 1))


def length(gradient: list[torch.Tensor]) -> float:
    return float(torch.cat([part.flatten() for part in gradient]).norm())


def test_it_is_that_of_the_paper() -> None:
    generic, heads = small(0), [small(1), small(2)]
    bias_loss(heads, generic).backward()
    made = [bias_gradient(head, generic) for head in heads]
    assert sum(float(term) for term, _ in made) / 2 == pytest.approx(bias_loss(heads, generic).item())
    for head, (_, gradient) in zip(heads, made, strict=True):
        for weight, part in zip(head.parameters(), gradient, strict=True):
            torch.testing.assert_close(part / 2, weight.grad)
    for i, weight in enumerate(generic.parameters()):
        torch.testing.assert_close(-(made[0][1][i] + made[1][1][i]) / 2, weight.grad)


@pytest.mark.parametrize(("form", "ratio"), [("norm", 1), ("squared", 3)])
def test_how_it_grows_with_the_distance(form: BiasForm, ratio: float) -> None:
    generic, near, far = small(0), small(0), small(0)
    with torch.no_grad():
        for a, b in zip(near.parameters(), far.parameters(), strict=True):
            a += 0.1
            b += 0.3
    (term, gradient), (further, steeper) = (bias_gradient(head, generic, form) for head in (near, far))
    assert length(steeper) / length(gradient) == pytest.approx(ratio, rel=1e-4)
    assert float(further / term) == pytest.approx(3 if form == "norm" else 9, rel=1e-4)
    if form == "norm":
        assert length(gradient) == pytest.approx(1, rel=1e-4)
        assert float(term) == pytest.approx(0.1 * sum(w.numel() for w in near.parameters()) ** 0.5, rel=1e-4)


@pytest.mark.parametrize("form", ["norm", "squared"])
def test_equal_heads_feel_nothing(form: BiasForm) -> None:
    term, gradient = bias_gradient(small(0), small(0), form)
    assert float(term) == length(gradient) == 0
