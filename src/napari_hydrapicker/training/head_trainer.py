"""One optimisation step of a new head over cached features; where memory is short the batches shrink."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from napari_hydrapicker.errors import OutOfMemoryError, is_out_of_memory
from napari_hydrapicker.hydra.anchors import REACH_WPX, Assignment, decode
from napari_hydrapicker.hydra.device import precision
from napari_hydrapicker.hydra.layers import Head
from napari_hydrapicker.hydra.losses import bias_loss, detection_loss
from napari_hydrapicker.training.features import Window, batch
from napari_hydrapicker.training.labelled_image import Marks
from napari_hydrapicker.training.steps import MAX_GRADIENT, annealed, follow, set_rate, warmed_up
from napari_hydrapicker.training.validation import DENSE_STRIDE


@dataclass(frozen=True)
class FewShotParameters:
    """How a new head is trained.

    Attributes
    ----------
    adapt_body
        Whether a copy of the body is trained with the head, which keeps it; None: where the network is the
        compact one, whose steps are cheap.
    steps, batch_size, crop_wpx
        Optimisation steps, each on so many crops of this side.
    learning_rate
        Of Adam at the start; it falls to 0 on half a cosine after `warmup_steps`.
    lambda_cls, lambda_bias
        Weights of the classification loss and of the distance to the generic head (Eq. 3.1).
    lambda_anchor
        Weight of the distance to the generic head's answer where a partial micrograph has no marks
        (`distillation_loss`); without it a few marks can make a head much worse than the generic one.
    ema_decay
        Of the running mean of the weights.
    share
        Of that mean in the head that is kept, the rest being the head started from (`few_shot.interpolated`).
        Where the body is adapted all of it is kept.
    validate_every, patience
        Steps between validations; training ends after so many of them without a better AP.
    memory_bytes
        Granted to the cached features.
    """

    adapt_body: bool | None = None
    steps: int = 160
    batch_size: int = 4
    crop_wpx: int = 192
    learning_rate: float = 1e-3
    warmup_steps: int = 10
    lambda_cls: float = 4.0
    lambda_bias: float = 0.01
    lambda_anchor: float = 2.0
    ema_decay: float = 0.97
    share: float = 0.75
    validate_every: int = 20
    patience: int = 3
    memory_bytes: int = 1_200_000_000
    seed: int = 0

    def rate(self, step: int) -> float:
        """Learning rate at a step: linear warm-up, then half a cosine."""
        if step < self.warmup_steps:
            return self.learning_rate * warmed_up(step, self.warmup_steps)
        return self.learning_rate * annealed(step - self.warmup_steps, max(1, self.steps - self.warmup_steps))


def distillation_loss(raw: Tensor, reference: Tensor, labels: Sequence[Assignment], stride: int) -> Tensor:
    """Difference of two heads' answers in the cells that are ignored, a scalar tensor.

    It is the Kullback-Leibler divergence of the probabilities of a particle, and the L1 distance of the
    centres in units of a cell's reach, weighed with the probability that the reference gives to a particle
    there; both summed, and divided by the number of particles that the reference expects (at least 1).

    Parameters
    ----------
    raw, reference
        ``(B, 3, h, w)`` of the head in training, and of the one it is held to, which gets no gradient.
    labels
        One for each image: which cells are ignored.
    stride
        Of the answers, 16 or 8.
    """
    logit, centres = decode(raw, stride)
    known, places = (one.detach() for one in decode(reference, stride))
    chance = torch.sigmoid(known)
    free = torch.stack([one.ignore for one in labels]).float()  # (B, h, w)
    cross = functional.binary_cross_entropy_with_logits(logit, chance, reduction="none")
    entropy = functional.binary_cross_entropy_with_logits(known, chance, reduction="none")
    away = (centres - places).abs().sum(dim=-1) / REACH_WPX
    return ((cross - entropy + chance * away) * free).sum() / (chance * free).sum().clamp(min=1)


class HeadTrainer:
    """The new head, the running mean of its weights, and one optimisation step.

    Parameters
    ----------
    generic, start
        The head to be held to (Eq. 3.4), and the one to start from; both stay as they are.
    cached
        Features to train on.
    p
        How it is trained.
    """

    def __init__(self, generic: Head, start: Head, cached: Sequence[Window], p: FewShotParameters) -> None:
        self._generic, self._cached, self._p = generic, cached, p
        self.head = copy.deepcopy(start).requires_grad_(True).train()
        self.head = self.head.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.mean = copy.deepcopy(self.head).requires_grad_(False).eval()
        self._optimiser = torch.optim.Adam(self.head.parameters(), lr=p.learning_rate)
        self._device = next(self.head.parameters()).device
        torch.manual_seed(p.seed)

    def step(self, number: int) -> float:
        """Do a step, and return its loss; if memory is short with smaller batches or crops from then on.

        Raises
        ------
        OutOfMemoryError
            If not even one small crop fits into memory.
        """
        while True:
            try:
                return self._step(number)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Outside the handler, whose traceback would keep the tensors of the failed try alive.
            self._optimiser.zero_grad(set_to_none=True)
            for state in self._optimiser.state.values():
                if "exp_avg_sq" not in state:  # memory ran out while it was set up
                    state.clear()
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
        follow(self.mean, self.head, number, p.ema_decay)
        return float(loss.detach())

    def _loss(self, features: Tensor, marks: Sequence[Marks]) -> Tensor:
        p = self._p
        features = features.contiguous(memory_format=torch.channels_last)
        with precision(self._device):
            raw = self.head.dense(features).float()
        grid = raw.shape[2], raw.shape[3]
        labels = [one.assignment(grid, DENSE_STRIDE).to(self._device) for one in marks]
        loss = detection_loss(raw, labels, DENSE_STRIDE, p.lambda_cls).total
        loss = loss + p.lambda_bias * bias_loss([self.head], self._generic)
        partial = [i for i, one in enumerate(marks) if not one.complete]
        if partial:
            with torch.no_grad(), precision(self._device):
                reference = self._generic.dense(features[partial]).float()
            unmarked = distillation_loss(raw[partial], reference, [labels[i] for i in partial], DENSE_STRIDE)
            loss = loss + p.lambda_anchor * unmarked
        return loss


def _smaller(p: FewShotParameters) -> FewShotParameters:
    if p.batch_size > 1:
        return replace(p, batch_size=p.batch_size // 2)
    if p.crop_wpx > 64:
        return replace(p, crop_wpx=p.crop_wpx // 2 // 16 * 16)
    raise OutOfMemoryError(
        "training a head does not fit into memory, even on one small crop: close other programs, "
        "or train on another device (cpu)"
    )
