"""One optimisation step of all heads, against the whole loss differentiated at once."""

from __future__ import annotations

import copy

import pytest
import torch

from napari_hydrapicker.hydra import layers as head_module
from napari_hydrapicker.hydra.losses import bias_loss
from napari_hydrapicker.hydra.network import GENERIC, Architecture, HydraPicker
from napari_hydrapicker.training.optim import BiasForm, Descent

NAMES = ("a", "b", "c")


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> HydraPicker:
    monkeypatch.setattr(head_module, "STAGE_CHANNELS", (8, 8, 8, 8))
    torch.manual_seed(0)
    model = HydraPicker(Architecture(channels=4, groups=4, dropout=0.0))
    for name in NAMES:
        model.add_head(name)
        with torch.no_grad():
            for weight in model.head(name).parameters():
                weight += 0.01 * torch.randn_like(weight)
    return model


def detection(model: HydraPicker, name: str) -> torch.Tensor:
    images = torch.linspace(-1, 1, 2 * 32 * 48).reshape(2, 1, 32, 48)
    return model(images, name).square().mean()


def distance(model: HydraPicker, form: BiasForm) -> torch.Tensor:
    heads, generic = [model.head(name) for name in NAMES], model.head()
    if form == "norm":
        return bias_loss(heads, generic)
    squares = [
        (mine - general).square().sum()
        for head in heads
        for mine, general in zip(head.parameters(), generic.parameters(), strict=True)
    ]
    return torch.stack(squares).sum() / len(heads)


@pytest.mark.parametrize("form", ["norm", "squared"])
def test_it_descends_the_sum_of_detection_and_bias_losses(model: HydraPicker, form: BiasForm) -> None:
    reference = copy.deepcopy(model)
    plain = torch.optim.SGD(reference.parameters(), lr=0.05, momentum=0.9)
    descent = Descent(model, 0.9, 0.2, form)
    for name in ("b", "a", "b"):
        plain.zero_grad(set_to_none=False)  # gradients of 0, with which momentum goes on
        (detection(reference, name) + 0.2 * distance(reference, form)).backward()
        plain.step()
        expected = distance(model, form).item()
        detection(model, name).backward()
        assert descent.step(name, 0.05) == pytest.approx(expected, rel=1e-5)
        for (where, one), other in zip(
            model.named_parameters(), dict(reference.named_parameters()).values(), strict=True
        ):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6, msg=where)


def test_no_gradient_stays_in_memory(model: HydraPicker) -> None:
    descent = Descent(model, 0.9, 0.2)
    detection(model, "c").backward()
    descent.step("c", 0.05)
    assert all(weight.grad is None for weight in model.parameters())


def test_the_generic_head_moves_by_its_own_rate(model: HydraPicker) -> None:
    moved = {}
    for rate in (0.0, 1.0, 3.0):
        trained = copy.deepcopy(model)
        detection(trained, "a").backward()
        Descent(trained, 0.9, 0.2, generic_rate=rate).step("a", 0.05)
        pairs = zip(trained.head(GENERIC).parameters(), model.head(GENERIC).parameters(), strict=True)
        moved[rate] = sum(float((now - before).detach().square().sum()) for now, before in pairs) ** 0.5
    assert moved[0] == 0
    assert moved[3] == pytest.approx(3 * moved[1], rel=1e-3)
    assert moved[1] <= 0.05 * 0.2
