"""Average precision of a network on held-out crops, and the calibration of its scores."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from napari_hydrapicker.evaluation.curves import average_precision
from napari_hydrapicker.evaluation.matching import Criterion, match
from napari_hydrapicker.hydra.anchors import BOX_WPX, decode
from napari_hydrapicker.hydra.device import precision
from napari_hydrapicker.hydra.model import GENERIC, HydraPicker
from napari_hydrapicker.picking.suppress import SUPPRESSION_WPX, suppress
from napari_hydrapicker.training.sources import Crop

DENSE_STRIDE = 8
PRIOR_PICKS = 10
FLOOR = -7.0  # logits below it are not candidates


def candidates(
    model: HydraPicker, crop: Crop, distance_wpx: float = SUPPRESSION_WPX, floor: float = FLOOR
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pick a crop: centres (N, 2) in working pixels and logits (N,), duplicates suppressed."""
    raw = dense_answer(model, crop.image)
    return read_answer(raw, crop.image.shape, crop.yx, crop.ignore_yx, distance_wpx, floor)


def dense_answer(model: HydraPicker, image: NDArray[np.float32], head: str = GENERIC) -> Tensor:
    """Raw dense answer (1, 3, h, w) of a head, float32 on the CPU, for an image (H, W)."""
    device = next(model.parameters()).device
    batch = torch.from_numpy(image)[None, None].to(device)
    model.eval()
    with torch.inference_mode(), precision(device):
        raw: Tensor = model(batch.contiguous(memory_format=torch.channels_last), head)
        return raw.float().cpu()


def read_answer(
    raw: Tensor,
    shape: tuple[int, ...],
    yx: NDArray[np.float64],
    ignore_yx: NDArray[np.float64],
    distance_wpx: float = SUPPRESSION_WPX,
    floor: float = FLOOR,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Picks in a dense answer (1, 3, h, w) for an image of `shape`: centres (N, 2) and logits (N,).

    Left out are picks nearer to a point of `ignore_yx` (M, 2) than to a particle of `yx` (K, 2).
    """
    logit, decoded = decode(raw, DENSE_STRIDE)
    scores, centres = logit[0].reshape(-1).cpu().numpy(), decoded[0].reshape(-1, 2).cpu().numpy()
    limit = np.array(shape) - 0.5
    keep = (scores > floor) & (centres > -0.5).all(axis=1) & (centres < limit).all(axis=1)
    scores, centres = scores[keep].astype(np.float64), centres[keep].astype(np.float64)
    if len(ignore_yx) and len(centres):
        gap, near = distance_to(centres, ignore_yx), distance_to(centres, yx)
        counted = (gap > BOX_WPX / 2) | (near < gap)
        scores, centres = scores[counted], centres[counted]
    kept = suppress(centres, scores, distance_wpx)
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
    logits: NDArray[np.float64],
    truth: NDArray[np.bool_],
    prior: tuple[float, float] | None = None,
    weight: NDArray[np.float64] | None = None,
) -> tuple[float, float]:
    """Fit probability = sigmoid(a * logit + b) by maximum likelihood (Platt 1999), a > 0.

    Parameters
    ----------
    logits, truth : ndarray, shape (N,)
        Of validation picks.
    prior : (float, float), optional
        An earlier (a, b), returned where there are too few picks, and otherwise weighed like
        `PRIOR_PICKS` picks: with few picks alone a fit would be far too sure.
    weight : ndarray, shape (N,), optional
        Of each pick, with a mean of 1; all count alike by default.
    """
    if len(logits) < 10 or truth.all() or not truth.any():
        return prior or (1.0, 0.0)
    x = torch.from_numpy(np.asarray(logits, np.float64))
    y = torch.from_numpy(truth.astype(np.float64))
    earlier = torch.tensor((math.log(prior[0]), prior[1]) if prior else (0.0, 0.0), dtype=torch.float64)
    strength = PRIOR_PICKS / len(logits) if prior else 0.0
    weights = torch.ones_like(x) if weight is None else torch.from_numpy(np.asarray(weight, np.float64))
    parameters = earlier.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([parameters], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        logit = parameters[0].exp() * x + parameters[1]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logit, y, weights)
        loss = loss + strength * (parameters - earlier).square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    a, b = parameters.detach().tolist()
    return float(np.exp(a)), float(b)


def calibrate_over(sets: Sequence[tuple[NDArray[np.float64], NDArray[np.bool_]]]) -> tuple[float, float]:
    """Calibrate as `calibrate` does, on several kinds of images that count alike, however many picks each
    has.

    Parameters
    ----------
    sets
        Logits (N,) and truth (N,) of the picks on each kind; those without any do not count.
    """
    sets = [(logits, truth) for logits, truth in sets if len(logits)]
    if not sets:
        return 1.0, 0.0
    total = sum(len(logits) for logits, _ in sets)
    weight = np.concatenate([np.full(len(logits), total / len(sets) / len(logits)) for logits, _ in sets])
    logits, truth = (np.concatenate(part) for part in zip(*sets, strict=True))
    return calibrate(logits, truth, weight=weight)


def probability(logits: NDArray[np.float64], a: float, b: float) -> NDArray[np.float64]:
    """Calibrated probability of picks with these logits (N,)."""
    return np.asarray(1 / (1 + np.exp(-(a * logits + b))), np.float64)
