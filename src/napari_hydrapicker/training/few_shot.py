"""Phase 3: a new head for one protein from a few corrected micrographs (thesis, section 4.5)."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from napari_hydrapicker.errors import OutOfMemoryError, ParameterError
from napari_hydrapicker.hydra.head import Head
from napari_hydrapicker.hydra.losses import bias_loss, detection_loss
from napari_hydrapicker.hydra.model import HydraPicker
from napari_hydrapicker.picking.dense import is_out_of_memory
from napari_hydrapicker.training.corrections import CorrectedMicrograph, Marks
from napari_hydrapicker.training.feature_cache import Window, batch, cached_windows, precision, windows
from napari_hydrapicker.training.head_validation import HeadScores, score_head
from napari_hydrapicker.training.steps import MAX_GRADIENT, annealed, set_rate, warmed_up
from napari_hydrapicker.training.validation import DENSE_STRIDE


@dataclass(frozen=True)
class FewShotParameters:
    """How a new head is trained.

    Attributes
    ----------
    steps, batch_size, crop_wpx
        Optimisation steps, each on so many crops of this side.
    learning_rate
        Of Adam at the start; it falls to 0 on half a cosine after `warmup_steps`.
    lambda_cls, lambda_bias
        Weights of the classification loss and of the distance to the generic head (Eq. 3.1).
    ema_decay
        Of the running mean of the weights, which is what is kept.
    validate_every, patience
        Steps between validations; training ends after so many of them without a better AP.
    memory_bytes
        Granted to the cached features.
    """

    steps: int = 120
    batch_size: int = 4
    crop_wpx: int = 192
    learning_rate: float = 3e-4
    warmup_steps: int = 10
    lambda_cls: float = 4.0
    lambda_bias: float = 0.01
    ema_decay: float = 0.97
    validate_every: int = 20
    patience: int = 3
    memory_bytes: int = 1_200_000_000
    seed: int = 0

    def rate(self, step: int) -> float:
        """Learning rate at a step: linear warm-up, then half a cosine."""
        if step < self.warmup_steps:
            return self.learning_rate * warmed_up(step, self.warmup_steps)
        return self.learning_rate * annealed(step - self.warmup_steps, max(1, self.steps - self.warmup_steps))


@dataclass(frozen=True)
class FewShotProgress:
    """What the training tells while it runs.

    Attributes
    ----------
    stage
        "features" while they are computed, then "training".
    done, total
        Of that stage.
    loss
        Mean since the last report; NaN in the first stage.
    validation_ap
        Where it was just measured.
    """

    stage: str
    done: int
    total: int
    seconds: float
    loss: float = math.nan
    validation_ap: float | None = None


@dataclass(frozen=True, eq=False)
class FewShotResult:
    """The new head, and how it compares with the one that it started from.

    Attributes
    ----------
    head
        In evaluation mode, float32, on the CPU.
    before, after
        Scores of the generic and of the new head on the held-out windows, or on those trained on where
        nothing is held out.
    held_out
        Whether the scores are of held-out micrographs.
    steps, seconds
        Steps after which the head was best, and the time the whole training took.
    cancelled
        Whether it was broken off.
    """

    head: Head
    before: HeadScores
    after: HeadScores
    held_out: bool
    steps: int
    seconds: float
    cancelled: bool

    @property
    def better(self) -> bool | None:
        """Whether the new head is better on held-out corrections; None where nothing is held out."""
        return self.after.ap > self.before.ap if self.held_out else None


def train_head(
    model: HydraPicker,
    training: Sequence[CorrectedMicrograph],
    held_out: Sequence[CorrectedMicrograph] = (),
    parameters: FewShotParameters | None = None,
    start: Head | None = None,
    report: Callable[[FewShotProgress], None] = lambda progress: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> FewShotResult:
    """Train a new head; body and generic head stay as they are.

    Parameters
    ----------
    model
        The network, on the device to compute on.
    training, held_out
        Corrected micrographs as this network's input; the second choose when to stop.
    start
        Head to start from; the generic one by default.
    report, cancelled
        Told of the progress, and asked whether to stop, several times a second.

    Raises
    ------
    ParameterError
        If there is no micrograph to train on, or no particle is marked on any.
    OutOfMemoryError
        If not even one small crop fits into memory.
    """
    p = parameters or FewShotParameters()
    if not any(len(one.marks.yx) for one in training):
        raise ParameterError("no particle is marked on the corrected micrographs; mark some first")
    begun = time.monotonic()
    generic = model.head()
    first = start or generic

    def featured(done: int, total: int) -> None:
        report(FewShotProgress("features", done, total, time.monotonic() - begun))

    model.eval()
    checks = [w for one in held_out for w in windows(model, one) if not cancelled()]
    cached = cached_windows(model, training, p.memory_bytes, featured, cancelled)
    checks = checks or cached[: len(cached) // 8 or 1]
    before = score_head(first, checks)
    trainer = _Trainer(generic, first, cached, p)
    best, best_scores, best_step, stale = first, before, 0, 0
    losses: list[float] = []
    step = 0
    while step < p.steps and not cancelled() and stale < p.patience:
        losses.append(trainer.step(step))
        step += 1
        ap = None
        if step % p.validate_every == 0 or step == p.steps:
            scores = score_head(trainer.mean, checks)
            ap = scores.ap
            stale = stale + 1 if held_out else 0
            # Without held-out micrographs the AP says nothing of new ones: the last state is taken.
            if best_step == 0 or ap > best_scores.ap or not held_out:
                best, best_scores, best_step, stale = copy.deepcopy(trainer.mean), scores, step, 0
        if step % 5 == 0 or ap is not None:
            seconds = time.monotonic() - begun
            report(FewShotProgress("training", step, p.steps, seconds, float(np.mean(losses)), ap))
            losses = []
    seconds = time.monotonic() - begun
    head = copy.deepcopy(best).float().cpu().eval().requires_grad_(False)
    return FewShotResult(head, before, best_scores, bool(held_out), best_step, seconds, cancelled())


class _Trainer:
    """The new head, the running mean of its weights, and one optimisation step."""

    def __init__(self, generic: Head, start: Head, cached: Sequence[Window], p: FewShotParameters) -> None:
        self._generic, self._cached, self._p = generic, cached, p
        self.head = copy.deepcopy(start).requires_grad_(True).train()
        self.head = self.head.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.mean = copy.deepcopy(self.head).requires_grad_(False).eval()
        self._optimiser = torch.optim.Adam(self.head.parameters(), lr=p.learning_rate)
        self._device = next(self.head.parameters()).device
        torch.manual_seed(p.seed)

    def step(self, number: int) -> float:
        """Do a step; with smaller batches, then smaller crops, from then on if memory is short."""
        while True:
            try:
                return self._step(number)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Outside the handler, whose traceback would keep the tensors of the failed try alive.
            self._optimiser.zero_grad(set_to_none=True)
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
            self._p = _smaller(self._p)

    def _step(self, number: int) -> float:
        p = self._p
        rng = np.random.default_rng((p.seed, number))
        features, marks = batch(self._cached, rng, p.batch_size, p.crop_wpx)
        loss = self._loss(features.to(self._device), marks)
        set_rate(self._optimiser, p.rate(number))
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.head.parameters(), MAX_GRADIENT)
        self._optimiser.step()
        decay = min(p.ema_decay, (1 + number) / (10 + number))
        with torch.no_grad():
            for mean, now in zip(self.mean.parameters(), self.head.parameters(), strict=True):
                mean.lerp_(now, 1 - decay)
        return float(loss.detach())

    def _loss(self, features: Tensor, marks: Sequence[Marks]) -> Tensor:
        p = self._p
        with precision(self._device):
            raw = self.head.dense(features.contiguous(memory_format=torch.channels_last))
        grid = raw.shape[2], raw.shape[3]
        labels = [one.assignment(grid, DENSE_STRIDE).to(self._device) for one in marks]
        detection = detection_loss(raw.float(), labels, DENSE_STRIDE, p.lambda_cls)
        return detection.total + p.lambda_bias * bias_loss([self.head], self._generic)


def _smaller(p: FewShotParameters) -> FewShotParameters:
    if p.batch_size > 1:
        return replace(p, batch_size=p.batch_size // 2)
    if p.crop_wpx > 64:
        return replace(p, crop_wpx=p.crop_wpx // 2 // 16 * 16)
    raise OutOfMemoryError(
        "training a head does not fit into memory, even on one small crop: close other programs, "
        "or train on another device (cpu)"
    )
