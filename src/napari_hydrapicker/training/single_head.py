"""Phase 1: one generic head on all data sets (thesis, sections 3.2 and 4.3)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from napari_hydrapicker.errors import WeightsError
from napari_hydrapicker.hydra.model import HydraPicker
from napari_hydrapicker.training import loop
from napari_hydrapicker.training.checkpoint import load_checkpoint, read_progress, save_checkpoint
from napari_hydrapicker.training.sources import Crop, Source
from napari_hydrapicker.training.steps import (
    MAX_GRADIENT,
    annealed,
    batch_of,
    channels_last,
    loss_of,
    set_rate,
    shares_of,
    warmed_up,
)
from napari_hydrapicker.training.validation import validation_ap


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
            return self.learning_rate * warmed_up(step, self.warmup_steps)
        cycle = self.cycle_steps or max(1, self.steps - self.warmup_steps)
        return self.learning_rate * annealed(step - self.warmup_steps, cycle)


@dataclass(frozen=True)
class Progress:
    """What training reports: step, its loss (mean since the last report), validation AP or None."""

    step: int
    steps: int
    loss: float
    localisation: float
    seconds: float
    validation_ap: float | None = None


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
    WeightsError
        If the checkpoint in `folder` is damaged or of another training.
    """
    p = parameters or SingleHeadParameters()
    phase = _SingleHead(model, sources, weights, validation, folder, p)

    def told(now: loop.Report[float]) -> None:
        report(Progress(now.step, p.steps, now.losses[0], now.losses[1], now.seconds, now.figures))

    loop.run(phase, phase.resume(), told, cancelled, minutes)
    return phase.best


class _SingleHead:
    """The network, the running mean of its weights, and the best such mean so far."""

    def __init__(
        self,
        model: HydraPicker,
        sources: Sequence[Source],
        weights: Sequence[float],
        validation: Sequence[Crop],
        folder: Path,
        p: SingleHeadParameters,
    ) -> None:
        self._shares = shares_of(sources, weights)
        self._sources, self._validation, self._folder, self._p = sources, validation, folder, p
        self.steps, self.validate_every = p.steps, p.validate_every
        self._device = next(model.parameters()).device
        self._model = channels_last(model)
        self._averaged = copy.deepcopy(self._model)
        self._both = torch.nn.ModuleDict({"model": self._model, "averaged": self._averaged})
        self._optimiser = torch.optim.Adam(self._model.parameters(), lr=p.learning_rate)
        self.best, self._best_ap = copy.deepcopy(self._averaged), -1.0
        self._path, self._best_path = folder / "checkpoint.safetensors", folder / "best.safetensors"

    def resume(self) -> int:
        """Go back to the checkpoint, if there is one; returns the number of steps done."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._path.exists():
            return 0
        if "heads" in read_progress(self._path):
            raise WeightsError(f"{self._path}: a checkpoint of the multi-head phase; choose another folder")
        done = int(load_checkpoint(self._path, self._both, self._optimiser)["step"])
        self._best_ap = float(load_checkpoint(self._best_path, self.best)["ap"])
        return done

    def step(self, number: int) -> tuple[float, float]:
        p, model = self._p, self._model
        rng = np.random.default_rng((p.seed, number))
        source = self._sources[rng.choice(len(self._sources), p=self._shares)]
        images, crops = batch_of(source, rng, p.batch_size, p.crop_wpx)
        set_rate(self._optimiser, p.rate(number))
        model.train()
        loss = loss_of(model, images.to(self._device), crops, p.lambda_cls)
        self._optimiser.zero_grad(set_to_none=True)
        loss.total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT)
        self._optimiser.step()
        decay = min(p.ema_decay, (1 + number) / (10 + number))
        with torch.no_grad():
            for mean, now in zip(self._averaged.parameters(), model.parameters(), strict=True):
                mean.lerp_(now, 1 - decay)
        return loss.total.item(), loss.localisation.item()

    def check(self, done: int) -> float:
        ap = validation_ap(self._averaged, self._validation)
        # With nothing held out the last state is the best guess.
        if ap > self._best_ap or not self._validation:
            self._best_ap, self.best = ap, copy.deepcopy(self._averaged)
            save_checkpoint(self._best_path, self.best, None, {"ap": ap, "step": done})
        progress = {"step": done, "parameters": asdict(self._p)}
        save_checkpoint(self._path, self._both, self._optimiser, progress)
        return ap
