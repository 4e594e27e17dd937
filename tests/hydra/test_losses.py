from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.anchors import assign, cell_centres
from napari_hydrapicker.hydra.losses import bias_loss, detection_loss, focal_loss, localisation_loss


def test_focal_loss_by_hand() -> None:
    logits = torch.tensor([math.log(3.0), math.log(3.0), -2.0])  # p = 0.75, 0.75, 0.1192
    positive = torch.tensor([True, False, False])
    background = 1 / (1 + math.exp(-2.0))
    expected = -0.5 * (
        0.25 * 0.25**2 * math.log(0.75)
        + 0.75 * 0.75**2 * math.log(0.25)
        + 0.75 * (1 - background) ** 2 * math.log(background)
    )
    assert focal_loss(logits, positive).item() == pytest.approx(expected, rel=1e-5)


def test_focal_loss_without_focus_is_half_the_cross_entropy() -> None:
    logits = torch.randn(5, 7)
    positive = torch.rand(5, 7) > 0.7
    plain = nn.functional.binary_cross_entropy_with_logits(logits, positive.float(), reduction="sum")
    loss = focal_loss(logits, positive, gamma=0.0, alpha=0.5)
    assert loss.item() == pytest.approx(0.25 * plain.item(), rel=1e-5)


def test_ignored_cells_cost_nothing() -> None:
    logits = torch.tensor([[1.0, -3.0], [50.0, 0.5]], requires_grad=True)
    positive = torch.tensor([[True, False], [False, False]])
    ignore = torch.tensor([[False, False], [True, False]])
    loss = focal_loss(logits, positive, ignore)
    loss.backward()
    assert logits.grad is not None
    assert logits.grad[1, 0] == 0
    assert loss.item() < focal_loss(logits, positive).item() - 15
    assert focal_loss(logits, positive, ~ignore & ignore).item() == focal_loss(logits, positive).item()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_focal_loss_stays_finite_at_extreme_logits(dtype: torch.dtype) -> None:
    logits = torch.tensor([-1e4, -100.0, 0.0, 100.0, 1e4] * 2, dtype=dtype, requires_grad=True)
    positive = torch.tensor([True] * 5 + [False] * 5)
    loss = focal_loss(logits, positive)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(0.5 * 10100, rel=0.02)
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert (logits.grad[:2] < 0).all()
    assert (logits.grad[-2:] > 0).all()


def test_localisation_loss_by_hand() -> None:
    targets = torch.zeros(2, 3, 2)
    centres = targets.clone()
    centres[0, 1] = torch.tensor([3.0, -6.0])
    centres[1, 2] = torch.tensor([1.0, 2.0])
    centres[1, 0] = 1000.0  # not positive
    positive = torch.zeros(2, 3, dtype=torch.bool)
    positive[0, 1] = positive[1, 2] = True
    assert localisation_loss(centres, targets, positive).item() == pytest.approx((9 + 3) / 12)


def linear(weight: float, bias: float) -> nn.Module:
    layer = nn.Linear(2, 1)
    nn.init.constant_(layer.weight, weight)
    nn.init.constant_(layer.bias, bias)
    return layer


def test_bias_loss_by_hand() -> None:
    generic = linear(0.0, 0.0)
    # sqrt(2^2 + 2^2 + 1^2) = 3 over weights and bias together, and sqrt(2 * 4^2 + 7^2) = 9.
    loss = bias_loss([linear(2.0, 1.0), linear(4.0, 7.0)], generic)
    assert loss.item() == pytest.approx((3 + 9) / 2, rel=1e-5)


def test_bias_loss_pulls_heads_and_generic_together() -> None:
    generic, head = linear(0.0, 0.0), linear(2.0, 1.0)
    bias_loss([head], generic).backward()
    assert head.bias.grad.item() == pytest.approx(1 / 3)
    assert generic.bias.grad.item() == pytest.approx(-1 / 3)


def test_bias_loss_of_equal_heads_is_zero_with_finite_gradients() -> None:
    generic, head = linear(0.5, 1.0), linear(0.5, 1.0)
    loss = bias_loss([head, head], generic)
    loss.backward()
    assert loss.item() == 0
    for parameter in (*head.parameters(), *generic.parameters()):
        assert parameter.grad is not None
        assert (parameter.grad == 0).all()


def test_bias_loss_refuses_what_cannot_be_compared() -> None:
    with pytest.raises(ParameterError, match="at least one head"):
        bias_loss([], linear(0.0, 0.0))
    with pytest.raises(ParameterError, match="differs"):
        bias_loss([nn.Linear(3, 1)], linear(0.0, 0.0))


def test_detection_loss_is_the_weighted_sum_over_the_positives() -> None:
    grid = (2, 3)
    cells = cell_centres(grid)
    raw = torch.zeros(2, 3, *grid, requires_grad=True)
    particles = [cells[1, 2] + torch.tensor([3.0, -2.0]), cells[0, 0]]
    assignments = [assign(torch.stack(particles), grid), assign(torch.empty(0, 2), grid)]
    loss = detection_loss(raw, assignments, stride=16, lambda_cls=5.0)
    assert loss.positives.item() == 2
    assert loss.localisation.item() == pytest.approx((5 / 12) / 2, rel=1e-5)
    cell = 0.5 * 0.25 * math.log(2)  # at p = 0.5
    assert loss.classification.item() == pytest.approx((2 * 0.25 * cell + 10 * 0.75 * cell) / 2, rel=1e-5)
    expected = loss.localisation.item() + 5 * loss.classification.item()
    assert loss.total.item() == pytest.approx(expected, rel=1e-6)
    loss.total.backward()
    assert raw.grad is not None
    assert raw.grad[0, 1, 1, 2] < 0  # the particle lies further down
    assert raw.grad[0, 2, 1, 2] > 0  # and further left
    assert (raw.grad[1, 1:] == 0).all()


def test_detection_loss_without_particles_is_background_only() -> None:
    raw = torch.zeros(1, 3, 2, 3, requires_grad=True)
    loss = detection_loss(raw, [assign(torch.empty(0, 2), (2, 3))], stride=16, lambda_cls=1.0)
    loss.total.backward()
    assert loss.localisation.item() == 0
    assert loss.classification.item() == pytest.approx(6 * 0.5 * 0.75 * 0.25 * math.log(2), rel=1e-5)
    assert raw.grad is not None
    assert raw.grad.isfinite().all()


def test_detection_loss_refuses_another_grid() -> None:
    raw = torch.zeros(1, 3, 2, 3)
    with pytest.raises(ParameterError, match=r"\(3, 2\)"):
        detection_loss(raw, [assign(torch.empty(0, 2), (3, 2))], stride=16, lambda_cls=1.0)
    with pytest.raises(ParameterError, match="2 assignments"):
        detection_loss(raw, [assign(torch.empty(0, 2), (2, 3))] * 2, stride=16, lambda_cls=1.0)
