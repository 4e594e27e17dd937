"""Average precision of networks and heads on held-out images, and the calibration of their scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import expit
from torch import Tensor

from napari_hydrapicker.evaluation.matching import Criterion, match
from napari_hydrapicker.evaluation.metrics import average_precision, best_f1
from napari_hydrapicker.hydra.anchors import BOX_WPX, decode
from napari_hydrapicker.hydra.device import precision
from napari_hydrapicker.hydra.layers import Head
from napari_hydrapicker.hydra.network import GENERIC, HydraPicker
from napari_hydrapicker.picking.base import NMS_DISTANCE_WPX, nms
from napari_hydrapicker.training.features import Window
from napari_hydrapicker.training.sources import Crop

DENSE_STRIDE = 8
PRIOR_PICKS = 10
MIN_LOGIT = -7.0  # logits below it are not candidates
F1_TOLERANCE = 0.005  # what a threshold may lose of the best mean F1, to show more

TILE_WPX: Final = 128
"""Side of the squares that have scores of their own: some dozens of particles."""


def candidates(
    model: HydraPicker, crop: Crop, distance_wpx: float = NMS_DISTANCE_WPX, min_logit: float = MIN_LOGIT
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pick a crop: centres (N, 2) in working pixels and logits (N,), duplicates suppressed."""
    raw = predict_dense(model, crop.image)
    return decode_picks(raw, crop.image.shape, crop.yx, crop.ignore_yx, distance_wpx, min_logit)


def predict_dense(model: HydraPicker, image: NDArray[np.float32], head: str = GENERIC) -> Tensor:
    """Raw dense output (1, 3, h, w) of a head, float32 on the CPU, for an image (H, W)."""
    device = next(model.parameters()).device
    batch = torch.from_numpy(image)[None, None].to(device)
    model.eval()
    with torch.inference_mode(), precision(device):
        raw: Tensor = model(batch.contiguous(memory_format=torch.channels_last), head)
        return raw.float().cpu()


def decode_picks(
    raw: Tensor,
    shape: tuple[int, ...],
    yx: NDArray[np.float64],
    ignore_yx: NDArray[np.float64],
    distance_wpx: float = NMS_DISTANCE_WPX,
    min_logit: float = MIN_LOGIT,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Picks in a dense output (1, 3, h, w) for an image of `shape`: centres (N, 2) and logits (N,).

    Left out are picks nearer to a point of `ignore_yx` (M, 2) than to a particle of `yx` (K, 2).
    """
    logit, decoded = decode(raw, DENSE_STRIDE)
    scores, centres = logit[0].reshape(-1).cpu().numpy(), decoded[0].reshape(-1, 2).cpu().numpy()
    limit = np.array(shape) - 0.5
    keep = (scores > min_logit) & (centres > -0.5).all(axis=1) & (centres < limit).all(axis=1)
    scores, centres = scores[keep].astype(np.float64), centres[keep].astype(np.float64)
    if len(ignore_yx) and len(centres):
        gap, near = distance_to(centres, ignore_yx), distance_to(centres, yx)
        counted = (gap > BOX_WPX / 2) | (near < gap)
        scores, centres = scores[counted], centres[counted]
    kept = nms(centres, scores, distance_wpx)
    return centres[kept], scores[kept]


def distance_to(centres: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each centre (N, 2) to the nearest of the points (M, 2); infinite if there is none."""
    if len(points) == 0:
        return np.full(len(centres), np.inf)
    return np.asarray(cKDTree(points).query(centres)[0], np.float64)


def pooled(model: HydraPicker, crops: Sequence[Crop]) -> tuple[NDArray[np.float64], NDArray[np.bool_], int]:
    """Logits and truth (box IoU > 0.6) of all picks of all crops, and the number of particles."""
    logits, truth, total = [np.empty(0)], [np.empty(0, bool)], 0
    for crop in crops:
        centres, scores = candidates(model, crop)
        logits.append(scores)
        truth.append(match(centres, scores, crop.yx, BOX_WPX, Criterion.IOU).is_true)
        total += len(crop.yx)
    return np.concatenate(logits), np.concatenate(truth), total


def validation_ap(model: HydraPicker, crops: Sequence[Crop]) -> float:
    """Average precision at box IoU 0.6 over all crops together; 0 without crops."""
    logits, truth, total = pooled(model, crops)
    return average_precision(logits, truth, total) if total else 0.0


def calibrate(
    logits: NDArray[np.float64], truth: NDArray[np.bool_], prior: tuple[float, float] | None = None
) -> tuple[float, float]:
    """Fit probability = sigmoid(a * logit + b) by maximum likelihood (Platt 1999), a > 0.

    Parameters
    ----------
    logits, truth : ndarray, shape (N,)
        Of validation picks.
    prior : (float, float), optional
        An earlier (a, b), returned where there are too few picks, and otherwise weighed like
        `PRIOR_PICKS` picks: with few picks alone a fit would be far too sure.
    """
    if len(logits) < 10 or truth.all() or not truth.any():
        return prior or (1.0, 0.0)
    x = torch.from_numpy(np.asarray(logits, np.float64))
    y = torch.from_numpy(truth.astype(np.float64))
    earlier = torch.tensor((math.log(prior[0]), prior[1]) if prior else (0.0, 0.0), dtype=torch.float64)
    strength = PRIOR_PICKS / len(logits) if prior else 0.0
    parameters = earlier.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([parameters], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        logit = parameters[0].exp() * x + parameters[1]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logit, y)
        loss = loss + strength * (parameters - earlier).square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    a, b = parameters.detach().tolist()
    return float(np.exp(a)), float(b)


def probability(logits: NDArray[np.float64], a: float, b: float) -> NDArray[np.float64]:
    """Calibrated probability of picks with these logits (N,)."""
    return np.asarray(expit(a * logits + b), np.float64)


@dataclass(frozen=True, eq=False)
class HeadScores:
    """Picks of a head on corrected windows.

    Attributes
    ----------
    logits, truth : ndarray, shape (N,)
        Of every pick that counts, and whether it is a marked particle (box IoU > 0.6).
    particles : int
        Number of marked particles.
    """

    logits: NDArray[np.float64]
    truth: NDArray[np.bool_]
    particles: int

    @property
    def ap(self) -> float:
        """Average precision; 0 without particles."""
        return average_precision(self.logits, self.truth, self.particles) if self.particles else 0.0

    @property
    def f1(self) -> float:
        """Best F1 over all thresholds; 0 without a true pick."""
        return best_f1(self.logits, self.truth, self.particles).f1 if self.truth.any() else 0.0

    def f1_at(self, thresholds: NDArray[np.float64], calibration: tuple[float, float]) -> NDArray[np.float64]:
        """F1 of the picks from each of these probabilities (T,) on, (T,); there are particles."""
        kept = probability(self.logits, *calibration) >= thresholds[:, None]
        return np.asarray(2 * (kept & self.truth).sum(axis=1) / (kept.sum(axis=1) + self.particles))

    def threshold(self, calibration: tuple[float, float], default: float) -> float:
        """Probability of the best F1, within 0.05 to 0.95; `default` without a true pick."""
        if not self.truth.any():
            return default
        found = best_f1(probability(self.logits, *calibration), self.truth, self.particles).threshold
        return float(np.clip(found, 0.05, 0.95))

    def calibration(self, prior: tuple[float, float]) -> tuple[float, float]:
        """Calibration of the scores, near to `prior` where there are few picks."""
        return calibrate(self.logits, self.truth, prior)


def merged(scores: Sequence[HeadScores]) -> HeadScores:
    """Scores on several images, or parts of them, as those on one."""
    return HeadScores(
        np.concatenate([np.empty(0), *(one.logits for one in scores)]),
        np.concatenate([np.empty(0, np.bool_), *(one.truth for one in scores)]),
        sum(one.particles for one in scores),
    )


def inclusive_threshold(images: Sequence[HeadScores], calibration: tuple[float, float]) -> float | None:
    """Lowest probability at which the mean F1 of the images is within `F1_TOLERANCE` of its best.

    Each image with particles counts alike: over all picks together the images with the most and the
    plainest particles would decide alone, and hide most of the faint ones. Of thresholds that are as good
    the lowest is taken: a false pick is seen, and falls out with the classes; one that is hidden is lost.

    Parameters
    ----------
    images
        Scores on each image; those without particles do not count.
    calibration
        (a, b) of the scores.

    Returns
    -------
    float or None
        Within 0.05 to 0.95; None if no image has particles.
    """
    asked = np.linspace(0.05, 0.95, 91)
    curves = [one.f1_at(asked, calibration) for one in images if one.particles]
    if not curves:
        return None
    mean = np.mean(curves, axis=0)
    return float(asked[np.argmax(mean >= mean.max() - F1_TOLERANCE)])


def score_head(head: Head, windows: Sequence[Window]) -> HeadScores:
    """Pick windows with a head and compare with the marks on them.

    On complete micrographs every pick counts that does not lie in the unusable area; on partial ones
    only those at a marked particle or at a deleted pick do.
    """
    return merged(score_tiles(head, windows))


def score_tiles(head: Head, windows: Sequence[Window]) -> list[HeadScores]:
    """Scores as of `score_head`, one for each square of `TILE_WPX` of all windows, in their order."""
    device = next(head.parameters()).device
    training = head.training
    head.eval()
    found: list[HeadScores] = []
    for window in windows:
        marks = window.marks
        with torch.inference_mode(), precision(device):
            features = window.features[None].to(device).float()  # half precision is not for every device
            raw = head.dense(features.contiguous(memory_format=torch.channels_last)).float()
        centres, scores = decode_picks(raw, window.shape, marks.yx, marks.unusable_yx)
        if not marks.complete:
            near = np.minimum(distance_to(centres, marks.yx), distance_to(centres, marks.negative_yx))
            centres, scores = centres[near <= BOX_WPX / 2], scores[near <= BOX_WPX / 2]
        found += _by_tile(window, centres, scores)
    head.train(training)
    return found


def _by_tile(window: Window, centres: NDArray[np.float64], scores: NDArray[np.float64]) -> list[HeadScores]:
    yx = window.marks.yx
    matched = match(centres, scores, yx, BOX_WPX, Criterion.IOU)
    places = centres.copy()
    places[matched.is_true] = yx[matched.truth_index[matched.is_true]]  # a pick goes with its particle
    rows, cols = (-(-side // TILE_WPX) for side in window.shape)

    def tile(at: NDArray[np.float64]) -> NDArray[np.float64]:
        row, col = np.clip(at // TILE_WPX, 0, (rows - 1, cols - 1)).T
        number: NDArray[np.float64] = row * cols + col
        return number

    of_pick, of_particle = tile(places), tile(yx)
    return [
        HeadScores(scores[of_pick == i], matched.is_true[of_pick == i], int(np.sum(of_particle == i)))
        for i in range(rows * cols)
    ]


@dataclass(frozen=True)
class MultiHeadAP:
    """Average precision at box IoU 0.6 of all heads.

    Attributes
    ----------
    generic
        Of the generic head on the images that are there for it, those of unseen particles, or without
        such on those of all data sets together.
    specialised
        Of each head on the held-out images of its own data set; data sets without such are left out.
    generic_there
        Of the generic head on the same images.
    """

    generic: float
    specialised: dict[str, float]
    generic_there: dict[str, float]

    @property
    def overall(self) -> float:
        """Mean of the generic head's AP and the specialised heads' mean AP: the best state has most of it."""
        if not self.specialised:
            return self.generic
        return (self.generic + sum(self.specialised.values()) / len(self.specialised)) / 2


def score_heads(model: HydraPicker, crops: Sequence[Crop], heads: Sequence[str]) -> dict[str, HeadScores]:
    """Pick all crops with each of the heads, and compare with their labels."""
    found: dict[str, list[HeadScores]] = {name: [] for name in heads}
    device = next(model.parameters()).device
    model.eval()
    for crop in crops:
        image = torch.from_numpy(crop.image)[None, None].to(device)
        with torch.inference_mode(), precision(device):
            features = model.features(image.contiguous(memory_format=torch.channels_last))
            outputs = {name: model.head(name).dense(features).float() for name in heads}
        for name, raw in outputs.items():
            centres, logits = decode_picks(raw, crop.image.shape, crop.yx, crop.ignore_yx)
            matched = match(centres, logits, crop.yx, BOX_WPX, Criterion.IOU)
            found[name].append(HeadScores(logits, matched.is_true, len(crop.yx)))
    return {name: merged(scores) for name, scores in found.items()}


def score_all(
    model: HydraPicker, validation: Mapping[str, Sequence[Crop]]
) -> dict[str, dict[str, HeadScores]]:
    """Scores on each data set's held-out images: of the generic head, and of its own if it has one.

    Parameters
    ----------
    validation
        Held-out images by head; under "generic" those of particles that no head is for.

    Returns
    -------
    dict
        By data set, then by head. Data sets without images are left out.
    """
    return {
        name: score_heads(model, crops, [GENERIC] if name == GENERIC else [GENERIC, name])
        for name, crops in validation.items()
        if crops
    }


def generic_scores(scores: Mapping[str, Mapping[str, HeadScores]]) -> HeadScores:
    """Of `score_all`, the generic head's on unseen particles, or without such on all data sets together."""
    own = scores.get(GENERIC)
    return own[GENERIC] if own else merged([one[GENERIC] for one in scores.values()])


def average_precisions(scores: Mapping[str, Mapping[str, HeadScores]]) -> MultiHeadAP:
    """The average precisions of `score_all`."""
    sets = {name: one for name, one in scores.items() if name != GENERIC}
    return MultiHeadAP(
        generic_scores(scores).ap,
        {name: one[name].ap for name, one in sets.items()},
        {name: one[GENERIC].ap for name, one in sets.items()},
    )
