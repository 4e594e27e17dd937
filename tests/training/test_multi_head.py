"""Phase 2 on two data sets that contradict each other, small enough to be learned in seconds."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from napari_hydrapicker.hydra import layers as head_module
from napari_hydrapicker.hydra.network import GENERIC, Architecture, HydraPicker
from napari_hydrapicker.training import steps
from napari_hydrapicker.training.multi_head import MultiHeadParameters, MultiHeadProgress, train_multi_head
from napari_hydrapicker.training.single_head import SingleHeadParameters, train_single_head
from napari_hydrapicker.training.sources import Crop

SIZE = 64


@dataclass(frozen=True)
class Discs:
    """Images of strong large and of faint small discs, of which one kind is labelled."""

    name: str

    def crop(self, rng: np.random.Generator, size: int) -> Crop:
        image = rng.normal(0, 0.3, (size, size)).astype(np.float32)
        rows, cols = np.ogrid[:size, :size]
        labelled = []
        for place in [(y, x) for y in (16.0, 44.0) for x in (16.0, 44.0)]:
            strong, there = rng.random() < 0.5, rng.random() < 0.75
            y, x = np.array(place) + rng.uniform(-4, 4, 2)
            if there:
                image[np.hypot(rows - y, cols - x) < (11 if strong else 7)] -= 3 if strong else 2
                labelled += [(y, x)] if strong == (self.name == "strong") else []
        return Crop(image, np.array(labelled).reshape(-1, 2), np.empty((0, 2)))

    def held_out(self, n: int = 10) -> list[Crop]:
        return [self.crop(np.random.default_rng(900 + i), SIZE) for i in range(n)]


SETS = [Discs("strong"), Discs("faint")]


@pytest.fixture(autouse=True)
def _small_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_module, "STAGE_CHANNELS", (32, 64, 64, 128))


def tiny(dropout: float = 0.0) -> HydraPicker:
    torch.manual_seed(0)
    return HydraPicker(Architecture(channels=8, groups=4, dropout=dropout))


def parameters(**changes: Any) -> MultiHeadParameters:
    values: dict[str, Any] = {
        "steps": 6, "batch_size": 2, "crop_wpx": SIZE, "warmup_steps": 5, "validate_every": 100,
        "learning_rate": 3e-4, "optimiser": "sgd",
    }  # fmt: skip
    return MultiHeadParameters(**(values | changes))


def train(folder: Path, model: HydraPicker | None = None, **options: Any) -> HydraPicker:
    p = parameters(**options.pop("changes", {}))
    validation = options.pop("validation", {})
    return train_multi_head(model or tiny(), SETS, [1.0, 1.0], validation, folder, p, **options)


def weights(model: HydraPicker, head: str) -> torch.Tensor:
    return torch.cat([w.detach().flatten() for w in model.head(head).parameters()])


@pytest.mark.parametrize(("optimiser", "rate"), [("sgd", 2e-3), ("adam", 1e-3)])
def test_specialised_heads_solve_what_the_generic_one_cannot(
    tmp_path: Path, optimiser: str, rate: float
) -> None:
    first = SingleHeadParameters(
        steps=60, batch_size=2, crop_wpx=SIZE, warmup_steps=5, validate_every=60, learning_rate=3e-3,
        ema_decay=0.9,
    )  # fmt: skip
    single = train_single_head(tiny(), SETS, [1.0, 1.0], {}, tmp_path / "1", first)
    reports: list[MultiHeadProgress] = []
    validation = {one.name: one.held_out() for one in SETS}
    # The data sets agree on where particles are; on which ones are particles the losses can tell.
    changes = {
        "steps": 150, "lambda_cls": 40.0, "momentum": 0.9, "learning_rate": rate, "validate_every": 150,
        "optimiser": optimiser,
    }  # fmt: skip
    train(tmp_path / "2", single, changes=changes, validation=validation, report=reports.append)
    assert [r.step for r in reports] == [*range(20, 150, 20), 150]
    assert all(r.ap is None for r in reports[:-1])
    ap = reports[-1].ap
    assert ap is not None
    assert min(ap.specialised.values()) > 0.75
    assert ap.generic < 0.6
    # Of two heads every place between them is a median, with Adam often one of them itself.
    gains = [ap.specialised[name] - ap.generic_there[name] for name in ("strong", "faint")]
    assert sum(gains) > 0.2
    assert optimiser == "adam" or min(gains) > 0.05
    assert reports[-1].bias > reports[0].bias > 0


def test_the_generic_head_learns_through_the_bias_term_alone(tmp_path: Path) -> None:
    start = tiny()
    held = weights(start, GENERIC)
    free = train(tmp_path / "free", copy.deepcopy(start), changes={"lambda_bias": 0.0})
    torch.testing.assert_close(weights(free, GENERIC), held, rtol=0, atol=0)
    for name in ("strong", "faint"):
        assert (weights(free, name) - held).norm() > 1e-3
    assert not torch.equal(next(free.body.parameters()), next(start.body.parameters()))
    tied = train(tmp_path / "tied", copy.deepcopy(start), changes={"lambda_bias": 0.1})
    moved = weights(tied, GENERIC) - held
    assert moved.norm() > 0
    mean = (weights(tied, "strong") + weights(tied, "faint")) / 2 - held
    assert torch.dot(moved, mean) > 0.5 * moved.norm() * mean.norm()


@pytest.mark.parametrize(("form", "strength"), [("norm", 3.0), ("squared", 100.0)])
def test_a_strong_bias_term_holds_the_heads_together(tmp_path: Path, form: str, strength: float) -> None:
    apart = {}
    for weight in (0.0, strength):
        changes = {"lambda_bias": weight, "bias_form": form, "steps": 12}
        model = train(tmp_path / str(weight), changes=changes)
        apart[weight] = float((weights(model, "strong") - weights(model, "faint")).norm())
    assert apart[strength] < 0.9 * apart[0.0]


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_an_interrupted_training_ends_as_one_that_was_not(tmp_path: Path, optimiser: str) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    how = {"optimiser": optimiser}
    one = train(whole, tiny(0.3), changes=how)
    count = iter(range(100))
    train(parts, tiny(0.3), changes=how, cancelled=lambda: next(count) == 2)
    steps: list[int] = []
    torch.manual_seed(99)
    other = train(parts, tiny(0.3), changes=how, report=lambda now: steps.append(now.step))
    assert steps == [6]
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    files = [load_file(folder / "checkpoint.safetensors") for folder in (whole, parts)]
    assert files[0].keys() == files[1].keys()
    for name, tensor in files[0].items():
        torch.testing.assert_close(files[1][name], tensor, rtol=1e-3, atol=1e-5, msg=name)


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    first = train(tmp_path)
    again = train(tmp_path, report=lambda now: pytest.fail("a step was done"))
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_data_sets_are_drawn_by_their_weights_and_heads_named_after_them(tmp_path: Path) -> None:
    sets = [Discs("never drawn"), Discs("strong")]
    start = tiny()
    held = weights(start, GENERIC)
    p = parameters(lambda_bias=0.0)
    model = train_multi_head(start, sets, [0.0, 2.0], {}, tmp_path, p)
    assert model.head_names == (GENERIC, "never-drawn", "strong")
    torch.testing.assert_close(weights(model, "never-drawn"), held, rtol=0, atol=0)
    assert not torch.equal(weights(model, "strong"), held)


def test_it_stops_in_time(tmp_path: Path) -> None:
    steps: list[int] = []
    train(tmp_path, minutes=1e-9, report=lambda now: steps.append(now.step))
    assert steps == [1]
    assert (tmp_path / "checkpoint.safetensors").is_file()


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_processes_that_share_a_batch_train_as_one_does(
    tmp_path: Path, optimiser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losses, the heads' distance, and all heads' weights, those that were not drawn too."""
    monkeypatch.setattr(steps, "precision", lambda _: nullcontext())  # bfloat16 rounds more than sums differ
    p = parameters(steps=4, batch_size=3, validate_every=2, optimiser=optimiser, learning_rate=1e-3)
    lines = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)

        def report(now: MultiHeadProgress, path: Path = tmp_path / f"{processes}.txt") -> None:
            with path.open("a") as file:  # it is another process that reports
                file.write(f"{now.step} {now.loss} {now.localisation} {now.bias}\n")

        validation = {one.name: one.held_out(1) for one in SETS}
        train_multi_head(tiny(), SETS, [1.0, 1.0], validation, folder, p, report, processes=processes)
        lines.append(np.loadtxt(tmp_path / f"{processes}.txt"))
    assert lines[0][:, 0].tolist() == [2, 4]
    np.testing.assert_allclose(lines[1], lines[0], rtol=1e-4, atol=1e-4)
    assert np.ptp(lines[0][:, 1]) > 0.02  # the curve is none that stands still
    alone, shared = (load_file(tmp_path / name / "checkpoint.safetensors") for name in "12")
    assert alone.keys() == shared.keys()
    for name in (n for n in alone if n.startswith("model.")):
        torch.testing.assert_close(shared[name], alone[name], rtol=1e-2, atol=1e-3, msg=name)
