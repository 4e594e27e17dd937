"""Phase 3: a new head for one protein from a few corrected micrographs (thesis, section 4.5)."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.head import Head
from napari_hydrapicker.hydra.model import HydraPicker
from napari_hydrapicker.training.blending import blended
from napari_hydrapicker.training.corrections import CorrectedMicrograph
from napari_hydrapicker.training.feature_cache import cached_windows
from napari_hydrapicker.training.feature_windows import Window, windows
from napari_hydrapicker.training.few_shot_parameters import FewShotParameters
from napari_hydrapicker.training.head_gain import gain_error
from napari_hydrapicker.training.head_trainer import HeadTrainer
from napari_hydrapicker.training.head_validation import HeadScores, score_tiles, together
from napari_hydrapicker.training.holding_out import is_gain

__all__ = ["FewShotParameters", "FewShotProgress", "FewShotResult", "train_head"]

_TOLD_EVERY = 5  # steps


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
        Where it was just measured; after 0 steps it is that of the head started from.
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
    error
        Standard error of the difference of their AP.
    held_out
        Whether the scores are of held-out micrographs.
    steps, seconds
        Steps after which the head was best, and the time the whole training took.
    cancelled
        Whether it was broken off.
    marks_only
        Whether some of the micrographs scored are partial: the scores are of the marks alone there.
    """

    head: Head
    before: HeadScores
    after: HeadScores
    error: float
    held_out: bool
    steps: int
    seconds: float
    cancelled: bool
    marks_only: bool = False

    @property
    def telling(self) -> bool:
        """Whether the scores say how well the heads pick: those of complete held-out micrographs do."""
        return self.held_out and not self.marks_only

    @property
    def better(self) -> bool | None:
        """Whether the new head is better on held-out corrections; None where these do not tell."""
        return is_gain(self.before.ap, self.after.ap, self.error) if self.telling else None


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

    The head that is checked and kept is a blend of the trained one and the one started from, with the share
    that the parameters say. The share is not chosen on the held-out micrographs: with one or two of them AP
    differs more by chance than from share to share.

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

    def tell(stage: str, done: int, total: int, loss: float = math.nan, ap: float | None = None) -> None:
        report(FewShotProgress(stage, done, total, time.monotonic() - begun, loss, ap))

    model.eval()
    checks = [w for one in held_out for w in windows(model, one) if not cancelled()]
    cached = cached_windows(
        model, training, p.memory_bytes, lambda done, total: tell("features", done, total), cancelled
    )
    checks = checks or cached[: len(cached) // 8 or 1]
    generic = model.head()
    first = start or generic
    marks_only = not all(one.marks.complete for one in held_out or training)
    begun_with = score_tiles(first, checks)
    best = _Best(first, begun_with, bool(held_out) and not marks_only)
    before = best.scores
    tell("training", 0, p.steps, ap=before.ap)
    _descend(HeadTrainer(generic, first, cached, p), best, checks, p, tell, cancelled)
    seconds = time.monotonic() - begun
    head = copy.deepcopy(best.head).float().cpu().eval().requires_grad_(False)
    error = gain_error(begun_with, best.tiles)
    return FewShotResult(
        head, before, best.scores, error, bool(held_out), best.step, seconds, cancelled(), marks_only
    )


class _Best:
    """The best head so far on held-out micrographs, or the last one where these do not tell."""

    def __init__(self, head: Head, tiles: list[HeadScores], telling: bool) -> None:
        self.head, self.tiles, self.scores, self.step = head, tiles, together(tiles), 0
        self.stale = 0  # checks since
        self._telling = telling

    def offer(self, head: Head, tiles: list[HeadScores], step: int) -> float:
        """Keep a head if it is better, the first new one always; returns its AP."""
        scores = together(tiles)
        # AP on micrographs trained on, or on some marks, says nothing of new ones: the last head is taken.
        if self.step == 0 or scores.ap > self.scores.ap or not self._telling:
            self.head, self.tiles, self.scores, self.step, self.stale = head, tiles, scores, step, 0
        else:
            self.stale += 1
        return scores.ap


def _descend(
    trainer: HeadTrainer,
    best: _Best,
    checks: Sequence[Window],
    p: FewShotParameters,
    tell: Callable[[str, int, int, float, float | None], None],
    cancelled: Callable[[], bool],
) -> None:
    """Train until the steps are done, or nothing has got better for too long."""
    first = best.head
    losses: list[float] = []
    step = 0
    while step < p.steps and not cancelled() and best.stale < p.patience:
        losses.append(trainer.step(step))
        step += 1
        ap = None
        if step % p.validate_every == 0 or step == p.steps:
            head = blended(first, trainer.mean, p.share)
            ap = best.offer(head, score_tiles(head, checks), step)
        if step % _TOLD_EVERY == 0 or ap is not None:
            tell("training", step, p.steps, float(np.mean(losses)), ap)
            losses = []
