"""Phase 1: one generic head on all data sets (thesis, sections 3.2 and 4.3)."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.anchors import assign
from napari_hydrapicker.hydra.losses import detection_loss
from napari_hydrapicker.hydra.model import HydraPicker
from napari_hydrapicker.training.checkpoint import load_checkpoint, save_checkpoint
from napari_hydrapicker.training.sources import Crop, Source
from napari_hydrapicker.training.validation import validation_ap

DENSE_STRIDE = 8


@dataclass(frozen=True)
class SingleHeadParameters:
    """How phase 1 is run.

    The loss is taken on the half-cell-shifted passes too (stride 8), as picking uses them: the body's
    features, nine tenths of the cost, then serve four grids instead of one.
    """

    steps: int = 20000
    batch_size: int = 4
    crop_wpx: int = 368
    learning_rate: float = 1e-3
    warmup_steps: int = 100
    cycle_steps: int = 0  # cosine annealing with warm restarts every so many steps; 0: one cycle
    lambda_cls: float = 4.0
    ema_decay: float = 0.995
    validate_every: int = 250
    seed: int = 0

    def rate(self, step: int) -> float:
        """Learning rate at `step`: linear warm-up, then cosine annealing with warm restarts."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        cycle = self.cycle_steps or max(1, self.steps - self.warmup_steps)
        return self.learning_rate * (
            0.5 + 0.5 * math.cos(math.pi * ((step - self.warmup_steps) % cycle) / cycle)
        )


@dataclass(frozen=True)
class Progress:
    """What training reports: step, its loss (mean since the last report), validation AP or None."""

    step: int
    steps: int
    loss: float
    localisation: float
    seconds: float
    validation_ap: float | None = None


def batch_of(source: Source, rng: np.random.Generator, n: int, size: int) -> tuple[Tensor, list[Crop]]:
    """Draw `n` crops of one data set, turned at random; images (n, 1, size, size)."""
    crops = [source.crop(rng, size).turned(rng) for _ in range(n)]
    return torch.from_numpy(np.stack([c.image for c in crops])[:, None]), crops


def loss_of(model: HydraPicker, images: Tensor, crops: Sequence[Crop], lambda_cls: float) -> Any:
    """Detection loss of the generic head on the four shifted grids (Eqs. 3.1 to 3.3)."""
    device = images.device
    with torch.autocast(device.type, dtype=torch.bfloat16):
        raw = model(images.contiguous(memory_format=torch.channels_last), dense=True)
    raw = raw.float()
    grid = (raw.shape[2], raw.shape[3])
    labels = [
        assign(
            torch.as_tensor(c.yx.copy(), dtype=torch.float32, device=device), grid, DENSE_STRIDE,
            ignore_yx=torch.as_tensor(c.ignore_yx.copy(), dtype=torch.float32, device=device),
        )
        for c in crops
    ]  # fmt: skip
    return detection_loss(raw, labels, DENSE_STRIDE, lambda_cls)


def train_single_head(
    model: HydraPicker,
    sources: Sequence[Source],
    weights: Sequence[float],
    validation: Sequence[Crop],
    folder: Path,
    parameters: SingleHeadParameters | None = None,
    report: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    minutes: float = math.inf,
) -> HydraPicker:
    """Train body and generic head; goes on from ``folder/checkpoint.safetensors`` where there is one.

    Parameters
    ----------
    sources, weights
        Data sets and how often each is drawn, relative to one another; a batch holds one data set.
    validation : sequence of Crop
        Held-out images; the averaged weights with the best AP on them are returned.
    minutes : float
        Stop, with a checkpoint, after so long.

    Raises
    ------
    ParameterError
        If there is no data set, or their number differs from that of the weights.
    """
    p = parameters or SingleHeadParameters()
    if not sources or len(sources) != len(weights):
        raise ParameterError(f"{len(sources)} data sets with {len(weights)} weights; give at least one each")
    device = next(model.parameters()).device
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = copy.deepcopy(model)
    both = torch.nn.ModuleDict({"model": model, "averaged": averaged})
    optimiser = torch.optim.Adam(model.parameters(), lr=p.learning_rate)
    best, best_ap, first = copy.deepcopy(averaged), -1.0, 0
    path, best_path = folder / "checkpoint.safetensors", folder / "best.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    if path.exists():
        first = int(load_checkpoint(path, both, optimiser)["step"])
        best_ap = float(load_checkpoint(best_path, best, torch.optim.SGD(best.parameters()))["ap"])
    share = np.asarray(weights, np.float64) / np.sum(weights)
    started, losses = time.monotonic(), []
    for step in range(first, p.steps):
        rng = np.random.default_rng((p.seed, step))
        source = sources[rng.choice(len(sources), p=share)]
        images, crops = batch_of(source, rng, p.batch_size, p.crop_wpx)
        for group in optimiser.param_groups:
            group["lr"] = p.rate(step)
        model.train()
        loss = loss_of(model, images.to(device), crops, p.lambda_cls)
        optimiser.zero_grad(set_to_none=True)
        loss.total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        decay = min(p.ema_decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, now in zip(averaged.parameters(), model.parameters(), strict=True):
                mean.lerp_(now, 1 - decay)
        losses.append((loss.total.item(), loss.localisation.item()))
        done = step + 1
        out_of_time = time.monotonic() - started > 60 * minutes
        last = done == p.steps or cancelled() or out_of_time
        ap = None
        if done % p.validate_every == 0 or last:
            ap = validation_ap(averaged, validation)
            if ap > best_ap or not validation:  # with nothing held out the last state is the best guess
                best_ap, best = ap, copy.deepcopy(averaged)
                save_checkpoint(best_path, best, torch.optim.SGD(best.parameters()), {"ap": ap, "step": done})
            save_checkpoint(path, both, optimiser, {"step": done, "parameters": asdict(p)})
        if done % 20 == 0 or last:
            total, where = np.mean(losses, axis=0)
            report(Progress(done, p.steps, total, where, time.monotonic() - started, ap))
            losses = []
        if last:
            break
    return best
