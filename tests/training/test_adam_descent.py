"""Adam on body and heads, and a generic head in their middle."""

from __future__ import annotations

import copy
import itertools
from pathlib import Path

import pytest
import torch

from napari_hydrapicker.hydra import layers as head_module
from napari_hydrapicker.hydra.losses import bias_loss
from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.training.checkpoint import load_checkpoint, save_checkpoint
from napari_hydrapicker.training.optim import AdamDescent, to_median

NAMES = ("a", "b", "c")


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> HydraPicker:
    monkeypatch.setattr(head_module, "STAGE_CHANNELS", (8, 8, 8, 8))
    torch.manual_seed(0)
    model = HydraPicker(Architecture(channels=4, groups=4, dropout=0.0))
    for size, name in zip((0.01, 0.02, 0.3), NAMES, strict=True):
        model.add_head(name)
        with torch.no_grad():
            for weight in model.head(name).parameters():
                weight += size * torch.randn_like(weight)
    return model


def flat(model: HydraPicker, head: str) -> torch.Tensor:
    return torch.cat([w.detach().flatten() for w in model.head(head).parameters()])


def detection(model: HydraPicker, name: str) -> torch.Tensor:
    images = torch.linspace(-1, 1, 2 * 32 * 48).reshape(2, 1, 32, 48)
    return model(images, name).square().mean()


def bias(model: HydraPicker) -> float:
    return bias_loss([model.head(name) for name in NAMES], model.head()).item()


def test_the_generic_head_comes_to_the_least_bias_loss(model: HydraPicker) -> None:
    heads = [model.head(name) for name in NAMES]
    with torch.no_grad():
        for weight in model.head().parameters():
            weight += 0.5
    losses = []
    for _ in range(60):
        to_median(model.head(), heads)
        losses.append(bias(model))
    assert all(later <= earlier + 1e-6 for earlier, later in itertools.pairwise(losses))
    for weight in model.head().parameters():
        weight.requires_grad_(True)
    bias_loss(heads, model.head()).backward()
    slope = torch.cat([w.grad.flatten() for w in model.head().parameters() if w.grad is not None]).norm()
    assert slope < 0.02  # of at most 1
    distances = [float((flat(model, name) - flat(model, "generic")).norm()) for name in NAMES]
    assert distances[2] > 5 * distances[1]  # one head far off does not draw it after itself


def test_the_squared_form_rests_at_the_mean(model: HydraPicker) -> None:
    to_median(model.head(), [model.head(name) for name in NAMES], "squared")
    mean = torch.stack([flat(model, name) for name in NAMES]).mean(0)
    torch.testing.assert_close(flat(model, "generic"), mean)


def test_only_the_drawn_head_and_the_body_see_the_images(model: HydraPicker) -> None:
    before = copy.deepcopy(model)
    descent = AdamDescent(model, 0.1)
    expected = bias(model)
    detection(model, "b").backward()
    assert descent.step("b", 1e-3) == pytest.approx(expected, rel=1e-4)
    assert torch.equal(flat(model, "a"), flat(before, "a"))
    assert torch.equal(flat(model, "c"), flat(before, "c"))
    assert not torch.equal(flat(model, "b"), flat(before, "b"))
    assert not torch.equal(flat(model, "generic"), flat(before, "generic"))
    assert not torch.equal(model.body.stem[0].weight, before.body.stem[0].weight)
    assert all(weight.grad is None for weight in model.parameters())


def test_losses_fall_and_the_bias_term_holds_heads_together(model: HydraPicker) -> None:
    ends = {}
    for weight in (0.0, 3.0):
        trained = copy.deepcopy(model)
        descent = AdamDescent(trained, weight)
        start = sum(detection(trained, name).item() for name in NAMES)
        for step in range(60):
            name = NAMES[step % 3]
            detection(trained, name).backward()
            descent.step(name, 1e-3)
        assert sum(detection(trained, name).item() for name in NAMES) < start
        ends[weight] = bias(trained)
    assert ends[3.0] < 0.98 * ends[0.0]


def test_it_goes_on_from_a_checkpoint_before_every_head_was_drawn(model: HydraPicker, tmp_path: Path) -> None:
    def go_on(network: HydraPicker, descent: AdamDescent) -> torch.Tensor:
        for name in ("c", "a"):
            detection(network, name).backward()
            descent.step(name, 1e-3)
        return torch.cat([flat(network, name) for name in ("generic", *NAMES)])

    descent = AdamDescent(model, 0.1)
    detection(model, "a").backward()
    descent.step("a", 1e-3)
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, model, descent.optimiser, {})
    other = copy.deepcopy(model)
    resumed = AdamDescent(other, 0.1)
    load_checkpoint(path, other, resumed.optimiser)
    torch.testing.assert_close(go_on(other, resumed), go_on(model, descent))
