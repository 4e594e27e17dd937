"""Phase 3: a new head for one protein from a few corrected micrographs (thesis, section 4.5)."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import torch

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.anchors import BOX_WPX, CELL_WPX
from napari_hydrapicker.hydra.layers import Head
from napari_hydrapicker.hydra.network import GENERIC, HydraPicker
from napari_hydrapicker.imaging.normalise import pad_with_noise
from napari_hydrapicker.picking.hydra import predict
from napari_hydrapicker.training.annotated_micrograph import is_gain
from napari_hydrapicker.training.features import Window, cached_windows, pixel_windows, windows
from napari_hydrapicker.training.head_trainer import FewShotParameters, HeadTrainer
from napari_hydrapicker.training.labelled_image import LabelledImage
from napari_hydrapicker.training.steps import SURE_LOGIT
from napari_hydrapicker.training.validation import (
    HeadScores,
    decode_picks,
    distance_to,
    merged,
    score_tiles,
)

UNKNOWN: Final = 1.0  # no two average precisions differ by more
__all__ = ["FewShotParameters", "FewShotProgress", "FewShotResult", "train_head"]
_REPORT_EVERY = 5  # steps
_SHARE_UNKNOWN = 0.05  # of the marked particles: so many more that the generic head is sure of are a doubt
_SHARE_APART = 0.25  # of the particles of a single micrograph, that are held out
_FEWEST_APART = 6  # particles, of which AP says something
_CUT_WPX = 16


def interpolated(first: Head, second: Head, share: float) -> Head:
    """Return a new head whose weights are ``(1 - share) * first + share * second``.

    Parameters
    ----------
    first, second
        Heads of one architecture; they stay as they are. In all but its weights the new one is as the second.
    share
        0 gives the first head's weights, 1 the second's, bit for bit.
    """
    made = copy.deepcopy(second)
    with torch.no_grad():
        for weight, begun in zip(made.parameters(), first.parameters(), strict=True):
            weight.copy_(torch.lerp(begun, weight, share))
    return made


def jackknife_error(before: Sequence[HeadScores], after: Sequence[HeadScores]) -> float:
    """Standard error of the difference of two heads' AP, by leaving out one part after the other (jackknife).

    Parameters
    ----------
    before, after
        Scores of the two heads on the same parts, in the same order: tiles (`validation.score_tiles`),
        or whole micrographs.

    Returns
    -------
    float
        `UNKNOWN` where there are less than two.
    """
    n = len(before)
    if n < 2:
        return UNKNOWN
    kept = [[i for i in range(n) if i != without] for without in range(n)]
    gains = [merged([after[i] for i in some]).ap - merged([before[i] for i in some]).ap for some in kept]
    return float(np.sqrt((n - 1) * np.var(gains)))


@dataclass(frozen=True)
class FewShotProgress:
    """What the training reports while it runs.

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
    by_area
        Whether a part of the only micrograph was held out, by a first head, in the place of a micrograph.
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
    by_area: bool = False

    @property
    def conclusive(self) -> bool:
        """Whether the scores say how well the heads pick: those of complete held-out micrographs do."""
        return self.held_out and not self.marks_only

    @property
    def better(self) -> bool | None:
        """Whether the new head is better on held-out corrections; None where these do not tell."""
        return is_gain(self.before.ap, self.after.ap, self.error) if self.conclusive else None


def train_head(
    model: HydraPicker,
    training: Sequence[LabelledImage],
    held_out: Sequence[LabelledImage] = (),
    parameters: FewShotParameters | None = None,
    start: Head | None = None,
    report: Callable[[FewShotProgress], None] = lambda progress: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> FewShotResult:
    """Train a new head; the network's body and generic head stay as they are.

    Where a copy of the body is trained with it (`FewShotParameters.adapt_body`) it is an `AdaptedHead`.

    Where the generic head is sure of much that nobody has marked or deleted, a second head is trained that is
    not taught it as background (`spared`), and the better one on the held-out micrographs is kept: labels may
    leave particles out, or be right and what looks like them be dirt.

    The head that is checked and kept is a blend of the trained one and the one started from, with the share
    that the parameters say. The share is not chosen on the held-out micrographs: with one or two of them AP
    differs more by chance than from share to share.

    Of a single complete micrograph a part is held out (`split_by_area`): a first head, trained on the rest,
    tells how long to train and what is gained; the one that is returned is trained on all of it for as long.

    Parameters
    ----------
    model
        The network, on the device to compute on.
    training, held_out
        Corrected micrographs as this network's input; the second choose when to stop.
    start
        Head to start from; the generic one by default.
    report, cancelled
        Called with the progress, and asked whether to stop, several times a second.

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
    if p.adapt_body is None:
        p = replace(p, adapt_body=model.architecture.kind == "compact")
    generic = model.adapted() if p.adapt_body else model.head()
    job = _Job(model.eval(), p, generic, start or generic, report, cancelled, begun)
    parts = split_by_area(training[0]) if len(training) == 1 and not held_out else None
    if parts is None:
        return job.with_better_labels(training, held_out)[0]
    rest, apart = parts
    first, labels = job.with_better_labels([rest], [apart], after=p.steps)
    if first.cancelled:
        return first
    whole = replace(job, p=replace(p, steps=first.steps), done=p.steps, total=p.steps + first.steps)
    last = whole.run([spared(model, training[0])] if labels == "spared" else training)
    seconds = time.monotonic() - begun
    return replace(first, head=last.head, seconds=seconds, cancelled=last.cancelled, by_area=True)


def spared(model: HydraPicker, micrograph: LabelledImage) -> LabelledImage:
    """Ignore what the generic head is sure is a particle, and was neither marked nor deleted.

    Those who label a micrograph leave particles out; taught as background, they teach doubt of all that look
    like them. Of a partial micrograph only the marks count anyway.
    """
    marks = micrograph.marks
    if not marks.complete:
        return micrograph
    image, _ = pad_with_noise(micrograph.image, CELL_WPX)
    raw, _ = predict(model, image, GENERIC)
    found, _ = decode_picks(raw, image.shape, marks.yx, marks.unusable_yx, min_logit=SURE_LOGIT)
    gap = np.minimum(distance_to(found, marks.yx), distance_to(found, marks.negative_yx))
    unknown = found[gap > BOX_WPX / 2]
    return replace(micrograph, marks=replace(marks, unusable_yx=np.concatenate([marks.unusable_yx, unknown])))


def split_by_area(micrograph: LabelledImage) -> tuple[LabelledImage, LabelledImage] | None:
    """Split a complete micrograph into a part to train on, and one to hold out, of at least a quarter.

    The cut runs across the longer side, at a multiple of 16 working pixels, where it leaves a quarter of the
    particles. None where that would be too few to tell anything.
    """
    marks, shape = micrograph.marks, micrograph.image.shape
    if not marks.complete or _SHARE_APART * len(marks.yx) < _FEWEST_APART:
        return None
    axis = int(np.argmax(shape))
    places = np.sort(marks.yx[:, axis])
    middle = float(places[int((1 - _SHARE_APART) * len(places))])
    cut = int(middle // _CUT_WPX) * _CUT_WPX
    if not _CUT_WPX <= cut <= shape[axis] - 2 * _CUT_WPX:
        return None
    sizes = [list(shape), list(shape)]
    sizes[0][axis], sizes[1][axis] = cut, shape[axis] - cut
    corner = [0, 0]
    corner[axis] = cut
    rest = micrograph.part((0, 0), (sizes[0][0], sizes[0][1]))
    apart = micrograph.part((corner[0], corner[1]), (sizes[1][0], sizes[1][1]))
    return rest, apart


@dataclass(frozen=True)
class _Job:
    """What does not change from one training of a head to the next.

    `done` and `total` are the steps before this one, and of all; by default of this one.
    """

    model: HydraPicker
    p: FewShotParameters
    generic: Head
    first: Head
    report: Callable[[FewShotProgress], None]
    cancelled: Callable[[], bool]
    begun: float
    done: int = 0
    total: int | None = None

    def with_better_labels(
        self, training: Sequence[LabelledImage], held_out: Sequence[LabelledImage], after: int = 0
    ) -> tuple[FewShotResult, Literal["as marked", "spared"]]:
        """Train with the labels as they are, and without what they may lack; return the better, and which.

        `after` is the number of steps that will follow.
        """
        labels = [spared(self.model, one) for one in training]
        unknown = sum(len(one.marks.unusable_yx) for one in labels)
        unknown -= sum(len(one.marks.unusable_yx) for one in training)
        marked = sum(len(one.marks.yx) for one in training)
        is_conclusive = bool(held_out) and all(one.marks.complete for one in held_out)
        runs = 2 if is_conclusive and unknown > _SHARE_UNKNOWN * marked else 1
        job = replace(self, total=runs * self.p.steps + after)
        first = job.run(training, held_out)
        if runs == 1 or first.cancelled:
            return first, "as marked"
        second = replace(job, done=self.p.steps).run(labels, held_out)
        if second.cancelled or second.after.ap > first.after.ap:
            return second, "spared"
        return first, "as marked"

    def run(self, training: Sequence[LabelledImage], held_out: Sequence[LabelledImage] = ()) -> FewShotResult:
        """Train on some micrographs, and check on others."""
        model, p, cancelled = self.model, self.p, self.cancelled

        def report(
            stage: str, done: int, total: int, loss: float = math.nan, ap: float | None = None
        ) -> None:
            if stage == "training":
                done, total = done + self.done, self.total or total
            self.report(FewShotProgress(stage, done, total, time.monotonic() - self.begun, loss, ap))

        def shown(one: LabelledImage) -> Iterator[Window]:
            return pixel_windows(one) if p.adapt_body else windows(model, one)

        checks = [w for one in held_out for w in shown(one) if not cancelled()]
        if p.adapt_body:
            cached = [w for one in training for w in pixel_windows(one, turned=True)]
        else:
            cached = cached_windows(
                model, training, p.memory_bytes, lambda *done: report("features", *done), cancelled
            )
        checks = checks or [w for one in training for w in shown(one)]
        marks_only = not all(one.marks.complete for one in held_out or training)
        begun_with = score_tiles(self.first, checks)
        best = _Best(self.first, begun_with, bool(held_out) and not marks_only)
        before = best.scores
        report("training", 0, p.steps, ap=before.ap)
        _descend(HeadTrainer(self.generic, self.first, cached, p), best, checks, p, report, cancelled)
        head = copy.deepcopy(best.head).float().cpu().eval().requires_grad_(False)
        return FewShotResult(
            head, before, best.scores, jackknife_error(begun_with, best.tiles), bool(held_out), best.step,
            time.monotonic() - self.begun, cancelled(), marks_only,
        )  # fmt: skip


class _Best:
    """The best head so far on held-out micrographs, or the last one where these do not tell."""

    def __init__(self, head: Head, tiles: list[HeadScores], conclusive: bool) -> None:
        self.head, self.tiles, self.scores, self.step = head, tiles, merged(tiles), 0
        self.stale = 0  # checks since
        self._conclusive = conclusive

    def offer(self, head: Head, tiles: list[HeadScores], step: int) -> float:
        """Keep a head if it is better, the first new one always; returns its AP."""
        scores = merged(tiles)
        # AP on micrographs trained on, or on some marks, says nothing of new ones: the last head is taken.
        if self.step == 0 or scores.ap > self.scores.ap or not self._conclusive:
            self.head, self.tiles, self.scores, self.step, self.stale = head, tiles, scores, step, 0
        else:
            self.stale += 1
        return scores.ap


def _descend(
    trainer: HeadTrainer,
    best: _Best,
    checks: Sequence[Window],
    p: FewShotParameters,
    report: Callable[[str, int, int, float, float | None], None],
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
            head = interpolated(first, trainer.mean, 1.0 if p.adapt_body else p.share)
            ap = best.offer(head, score_tiles(head, checks), step)
        if step % _REPORT_EVERY == 0 or ap is not None:
            report("training", step, p.steps, float(np.mean(losses)), ap)
            losses = []
