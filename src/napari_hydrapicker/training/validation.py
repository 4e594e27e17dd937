"""Average precision of a network on held-out crops, and the calibration of its scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from napari_hydrapicker.evaluation.curves import average_precision
from napari_hydrapicker.evaluation.matching import Criterion, match
from napari_hydrapicker.hydra.anchors import BOX_WPX, decode
from napari_hydrapicker.hydra.model import HydraPicker
from napari_hydrapicker.picking.suppress import SUPPRESSION_WPX, suppress
from napari_hydrapicker.training.sources import Crop

DENSE_STRIDE = 8


def candidates(
    model: HydraPicker, crop: Crop, distance_wpx: float = SUPPRESSION_WPX, floor: float = -7.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pick a crop: centres (N, 2) in working pixels and logits (N,), duplicates suppressed."""
    device = next(model.parameters()).device
    image = torch.from_numpy(crop.image)[None, None].to(device)
    model.eval()
    with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16):
        raw = model(image.contiguous(memory_format=torch.channels_last), dense=True).float()
    logit, yx = decode(raw, DENSE_STRIDE)
    scores, centres = logit[0].reshape(-1).cpu().numpy(), yx[0].reshape(-1, 2).cpu().numpy()
    limit = np.array(crop.image.shape) - 0.5
    keep = (scores > floor) & (centres > -0.5).all(axis=1) & (centres < limit).all(axis=1)
    scores, centres = scores[keep].astype(np.float64), centres[keep].astype(np.float64)
    if len(crop.ignore_yx) and len(centres):
        gap = np.linalg.norm(centres[:, None] - crop.ignore_yx[None], axis=2).min(axis=1)
        near = np.full(len(centres), np.inf)
        if len(crop.yx):
            near = np.linalg.norm(centres[:, None] - crop.yx[None], axis=2).min(axis=1)
        counted = (gap > BOX_WPX / 2) | (near < gap)
        scores, centres = scores[counted], centres[counted]
    kept = suppress(centres, scores, distance_wpx)
    return centres[kept], scores[kept]


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


def calibrate(logits: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Fit probability = sigmoid(a * logit + b) by maximum likelihood (Platt 1999), a > 0.

    Parameters
    ----------
    logits, truth : ndarray, shape (N,)
        Of validation picks.
    """
    if len(logits) < 10 or truth.all() or not truth.any():
        return 1.0, 0.0
    x = torch.from_numpy(np.asarray(logits, np.float64))
    y = torch.from_numpy(truth.astype(np.float64))
    parameters = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([parameters], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        logit = parameters[0].exp() * x + parameters[1]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logit, y)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    a, b = parameters.detach().tolist()
    return float(np.exp(a)), float(b)


def probability(logits: NDArray[np.float64], a: float, b: float) -> NDArray[np.float64]:
    """Calibrated probability of picks with these logits (N,)."""
    return np.asarray(1 / (1 + np.exp(-(a * logits + b))), np.float64)
