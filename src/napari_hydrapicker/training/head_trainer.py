"""One optimisation step of a new head over cached features; where memory is short the batches shrink."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from napari_hydrapicker.errors import OutOfMemoryError
from napari_hydrapicker.hydra.device import is_out_of_memory, precision
from napari_hydrapicker.hydra.head import Head
from napari_hydrapicker.hydra.losses import bias_loss, detection_loss
from napari_hydrapicker.training.anchoring import anchor_loss
from napari_hydrapicker.training.corrections import Marks
from napari_hydrapicker.training.feature_cache import batch
from napari_hydrapicker.training.feature_windows import Window
from napari_hydrapicker.training.few_shot_parameters import FewShotParameters
from napari_hydrapicker.training.steps import MAX_GRADIENT, set_rate
from napari_hydrapicker.training.validation import DENSE_STRIDE


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
        decay = min(p.ema_decay, (1 + number) / (10 + number))
        with torch.no_grad():
            for mean, now in zip(self.mean.parameters(), self.head.parameters(), strict=True):
                mean.lerp_(now, 1 - decay)
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
            unmarked = anchor_loss(raw[partial], reference, [labels[i] for i in partial], DENSE_STRIDE)
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
