"""Phase 1: one generic head on all data sets (thesis, sections 3.2 and 4.3)."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from napari_hydrapicker.errors import WeightsError
from napari_hydrapicker.hydra.network import HydraPicker
from napari_hydrapicker.training import loop
from napari_hydrapicker.training.batches import Batch, StepBatches
from napari_hydrapicker.training.checkpoint import load_checkpoint, read_progress, save_checkpoint
from napari_hydrapicker.training.loop import LogRow, TrainingLog
from napari_hydrapicker.training.processes import Team
from napari_hydrapicker.training.sources import Crop, Source
from napari_hydrapicker.training.steps import (
    MAX_GRADIENT,
    channels_last,
    follow,
    loss_of,
    set_rate,
    shares_of,
    sparing_unlabelled,
    to_device,
    warmed_up,
)
from napari_hydrapicker.training.validation import validation_ap


@dataclass(frozen=True)
class SingleHeadParameters:
    """How phase 1 is run.

    The loss is taken on the half-cell-shifted passes too (stride 8), as picking uses them. The learning rate
    rises for `warmup_steps`, stays, and falls to 0 over the last `cooldown_steps` (Hu et al., "MiniCPM",
    2024): a training can go on for as long as it gets better, and be cooled down from any checkpoint.
    From step `trusted_from` on, what the running mean of the weights is sure is a particle is not taught as
    background where labels may be missing; a training that starts from a trained network has it at 0.
    """

    steps: int = 20000
    batch_size: int = 4
    crop_wpx: int = 192
    learning_rate: float = 1e-3
    weight_decay: float = 1e-3
    warmup_steps: int = 100
    cooldown_steps: int = 1000
    lambda_cls: float = 4.0
    ema_decay: float = 0.998
    trusted_from: int = 2000
    validate_every: int = 500
    checkpoint_every: int = 100
    seed: int = 0

    def rate(self, step: int) -> float:
        """Learning rate at `step`."""
        cooldown = min(self.cooldown_steps, self.steps // 2)  # a short training is cooled down over its half
        left = (self.steps - step) / max(1, cooldown)
        return self.learning_rate * warmed_up(step, self.warmup_steps) * min(1.0, left)


@dataclass(frozen=True)
class Progress:
    """What training reports: step, its loss (mean since the last report), AP by validation set or None.

    `seconds` are of this run, `left` is an estimate of how many it still takes.
    """

    step: int
    steps: int
    loss: float
    localisation: float
    seconds: float
    left: float = math.nan
    validation_ap: Mapping[str, float] | None = None


def train_single_head(
    model: HydraPicker,
    sources: Sequence[Source],
    weights: Sequence[float],
    validation: Mapping[str, Sequence[Crop]],
    folder: Path,
    parameters: SingleHeadParameters | None = None,
    report: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    minutes: float = math.inf,
    processes: int = 1,
    workers: int = 0,
    device: torch.device | None = None,
) -> HydraPicker:
    """Train body and generic head; goes on from ``folder/checkpoint.safetensors`` where there is one.

    Parameters
    ----------
    sources, weights
        Data sets and how often each is drawn, relative to one another; a batch holds one data set.
    validation : mapping of str to sequence of Crop
        Held-out images by set; the averaged weights with the best mean of the sets' APs are returned.
    minutes : float
        Stop, with a checkpoint, after so long.
    processes, device
        Processes that share every batch (`processes.Team`), and what they compute on; that of the model by
        default. Of several on GPUs the model is to be on the CPU still.
    workers
        Processes that make batches ahead, for each of them; 0: batches are made between the steps.

    Raises
    ------
    ParameterError
        If there is no data set, or their number differs from that of the weights.
    WeightsError
        If the checkpoint in `folder` is damaged or of another training.
    """
    p = parameters or SingleHeadParameters()
    shares = shares_of(sources, weights)
    folder.mkdir(parents=True, exist_ok=True)
    phase = _SingleHead(model, validation, folder, p)
    first, begun = phase.resume(), time.monotonic()

    def work(team: Team) -> None:
        batches = StepBatches(sources, shares, p.batch_size, p.crop_wpx, p.seed, team.part)
        phase.join(team, batches.ahead(first, p.steps, workers))

        def send(now: loop.Report[dict[str, float]]) -> None:
            phase.keep_log(now)
            left = (p.steps - now.step) * now.seconds / max(1, now.step - first)
            loss, localisation = now.losses
            report(Progress(now.step, p.steps, loss, localisation, now.seconds, left, now.figures))

        def stop() -> bool:
            return team.agree(cancelled() or time.monotonic() - begun > 60 * minutes)

        loop.run(phase, first, send if team.leads else lambda _: None, stop)

    if first < p.steps:
        Team.run(work, processes, p.batch_size, device)
    return phase.take_best()


class _SingleHead:
    """The network, the running mean of its weights, and the best such mean so far, on disk."""

    def __init__(
        self,
        model: HydraPicker,
        validation: Mapping[str, Sequence[Crop]],
        folder: Path,
        p: SingleHeadParameters,
    ) -> None:
        self._validation, self._p = validation, p
        self.steps, self.validate_every = p.steps, p.validate_every
        self._device = next(model.parameters()).device
        self._model = channels_last(model)
        self._averaged = copy.deepcopy(self._model)
        self._both = torch.nn.ModuleDict({"model": self._model, "averaged": self._averaged})
        self._optimiser = torch.optim.AdamW(
            self._model.parameters(), lr=p.learning_rate, weight_decay=p.weight_decay
        )
        self._best_ap, self._core_seconds, self._begun = -1.0, 0.0, time.process_time()
        self._path, self._best_path = folder / "checkpoint.safetensors", folder / "best.safetensors"
        self._log = TrainingLog(folder / "log.csv", tuple(validation))

    def resume(self) -> int:
        """Go back to the checkpoint, if there is one; returns the number of steps done."""
        if not self._path.exists():
            self._log.begin(0)
            return 0
        if "heads" in read_progress(self._path):
            raise WeightsError(f"{self._path}: a checkpoint of the multi-head phase; choose another folder")
        progress = load_checkpoint(self._path, self._both, self._optimiser)
        self._core_seconds = float(progress.get("core_seconds", 0.0))
        if self._best_path.exists():
            self._best_ap = float(read_progress(self._best_path)["ap"])
        self._log.begin(int(progress["step"]))
        return int(progress["step"])

    def join(self, team: Team, batches: Iterator[Batch]) -> None:
        """Train from now on with the other processes of a team."""
        self._team, self._batches = team, batches
        self._device = team.device(self._device)
        self._forward = team.share(self._model)
        self._averaged.to(self._device)
        to_device(self._optimiser, self._device)
        self._begun = time.process_time()

    def step(self, number: int) -> tuple[float, float]:
        p = self._p
        images, crops = next(self._batches)
        images = images.to(self._device)
        if number >= p.trusted_from:
            crops = sparing_unlabelled(self._averaged, images, crops)
        set_rate(self._optimiser, p.rate(number))
        self._forward.train()
        loss = loss_of(self._forward, images, crops, p.lambda_cls, divisor=self._team.positives)
        self._optimiser.zero_grad(set_to_none=True)
        self._team.backward(loss.total)
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), MAX_GRADIENT)
        self._optimiser.step()
        follow(self._averaged, self._model, number, p.ema_decay)
        done = number + 1
        if done % p.checkpoint_every == 0 and done % p.validate_every:
            self._save(done)
        total, localisation = self._team.mean(torch.stack([loss.total, loss.localisation]).detach()).tolist()
        return total, localisation

    def check(self, done: int) -> dict[str, float]:
        """Validate the averaged weights, keep them if they are the best, and write the checkpoint."""
        figures: dict[str, float] = {}
        if self._team.leads:
            figures = {name: validation_ap(self._averaged, crops) for name, crops in self._validation.items()}
            ap = float(np.mean(list(figures.values()))) if figures else 0.0
            # With nothing held out the last state is the best guess.
            if ap > self._best_ap or not figures:
                self._best_ap = ap
                save_checkpoint(self._best_path, self._averaged, None, {"ap": ap, "step": done, **figures})
        self._save(done)
        self._team.wait()
        return figures

    def _save(self, done: int) -> None:
        if self._team.leads:
            spent = self._core_seconds + self._team.size * (time.process_time() - self._begun)
            progress = {"step": done, "core_seconds": spent, "parameters": asdict(self._p)}
            save_checkpoint(self._path, self._both, self._optimiser, progress)

    def keep_log(self, now: loop.Report[dict[str, float]]) -> None:
        """Write a row of the log, and draw its curve, after a validation."""
        if now.figures is None:
            return
        hours = float(read_progress(self._path)["core_seconds"]) / 3600
        rate = self._p.rate(now.step - 1)
        self._log.add(LogRow(now.step, hours, now.losses[0], now.losses[1], rate, now.figures))
        self._log.plot(self._log.path.with_suffix(".png"))

    def take_best(self) -> HydraPicker:
        """Read the best weights, which other processes may have found."""
        best = copy.deepcopy(self._averaged)
        load_checkpoint(self._best_path, best)
        return best
