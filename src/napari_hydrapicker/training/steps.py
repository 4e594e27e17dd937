"""What one optimisation step of the whole network is made of, in every phase.

Learning rates are functions of the step alone (`warmed_up`, `annealed`), not torch's schedulers: a training
that is resumed, perhaps with more steps, has no state of theirs to go back to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.anchors import BOX_WPX, assign
from napari_hydrapicker.hydra.device import precision
from napari_hydrapicker.hydra.losses import DetectionLoss, at_least_one, detection_loss
from napari_hydrapicker.hydra.network import GENERIC, HydraPicker
from napari_hydrapicker.training.sources import Crop, Source
from napari_hydrapicker.training.validation import DENSE_STRIDE, decode_picks, distance_to
from napari_hydrapicker.wording import counted

MAX_GRADIENT = 5.0  # longer gradients of the detection losses are cut to this norm
SURE_LOGIT = 0.0  # a probability of about 0.7, once calibrated


def shares_of(sources: Sequence[Source], weights: Sequence[float]) -> NDArray[np.float64]:
    """How often each data set is drawn, adding up to 1.

    Raises
    ------
    ParameterError
        If there is no data set, or their number differs from that of the weights.
    """
    if not sources or len(sources) != len(weights):
        raise ParameterError(
            f"{counted(len(sources), 'data set')} with {counted(len(weights), 'weight')}; give at least "
            "one each"
        )
    shares = np.asarray(weights, np.float64)
    return np.asarray(shares / shares.sum(), np.float64)


def channels_last(model: HydraPicker) -> HydraPicker:
    """Bring the weights into the order in memory that convolutions are fastest in."""
    return cast(HydraPicker, model.to(memory_format=torch.channels_last))  # type: ignore[call-overload]


def batch_of(
    source: Source, rng: np.random.Generator, n: int, size: int, part: slice = slice(None)
) -> tuple[Tensor, list[Crop]]:
    """Draw `n` crops of one data set, or a `part` of these, flipped and rotated at random.

    Images are (n, 1, size, size).


    Each crop has random numbers of its own, so that nobody needs to draw those before it.
    """
    crops = [source.crop(own, size).augmented(own) for own in rng.spawn(n)[part]]
    return torch.from_numpy(np.stack([c.image for c in crops])[:, None]), crops


def loss_of(
    model: HydraPicker,
    images: Tensor,
    crops: Sequence[Crop],
    lambda_cls: float,
    head: str = GENERIC,
    divisor: Callable[[Tensor], Tensor] = at_least_one,
) -> DetectionLoss:
    """Detection loss of a head on the four shifted grids (Eqs. 3.1 to 3.3); images (B, 1, H, W).

    `divisor` is that of `hydra.losses.detection_loss`.
    """
    device = images.device
    with precision(device):
        raw = model(images.contiguous(memory_format=torch.channels_last), head)
    raw = raw.float()
    grid = (raw.shape[2], raw.shape[3])
    labels = [
        assign(
            torch.as_tensor(c.yx.copy(), dtype=torch.float32, device=device), grid, DENSE_STRIDE,
            ignore_yx=torch.as_tensor(c.ignore_yx.copy(), dtype=torch.float32, device=device),
        )
        for c in crops
    ]  # fmt: skip
    return detection_loss(raw, labels, DENSE_STRIDE, lambda_cls, divisor)


def sparing_unlabelled(model: HydraPicker, images: Tensor, crops: Sequence[Crop]) -> list[Crop]:
    """Ignore what `model` is sure is a particle where not all particles are labelled.

    Those who label a micrograph miss particles, or leave them out; taught as background, they teach doubt of
    all that look like them. The model that is asked is the running mean of the one in training (Liu et al.,
    "Unbiased Teacher", 2021, whose teacher labels; this one only spares).

    Parameters
    ----------
    images, crops
        A batch (B, 1, H, W), and its labels; complete ones are returned as they are.
    """
    if all(crop.complete for crop in crops):
        return list(crops)
    device = images.device
    model.eval()
    with torch.inference_mode(), precision(device):
        raw = model(images.contiguous(memory_format=torch.channels_last)).float().cpu()
    spared = []
    for output, crop in zip(raw.split(1), crops, strict=True):
        centres, _ = decode_picks(output, crop.image.shape, crop.yx, np.empty((0, 2)), min_logit=SURE_LOGIT)
        unlabelled = centres[distance_to(centres, crop.yx) > BOX_WPX / 2]
        spared.append(crop if crop.complete else crop.ignoring(unlabelled))
    return spared


def follow(mean: nn.Module, model: nn.Module, step: int, decay: float) -> None:
    """Move a running mean of weights towards those of a model, after `step` steps faster than later.

    By torch's own formula, but not in its `AveragedModel`, whose names of weights ("module.") and count of
    steps would be others in checkpoints than those of the networks that are read from them.
    """
    average = get_ema_multi_avg_fn(min(decay, (1 + step) / (10 + step)))  # type: ignore[no-untyped-call]
    average(list(mean.parameters()), list(model.parameters()), step)


def warmed_up(step: int, warmup_steps: int) -> float:
    """Share of the learning rate at `step` of a linear warm-up, at most 1."""
    return min(1.0, (step + 1) / max(1, warmup_steps))


def annealed(step: int, cycle_steps: int) -> float:
    """Share of the learning rate at `step` of cosine annealing with warm restarts."""
    return 0.5 + 0.5 * math.cos(math.pi * (step % cycle_steps) / cycle_steps)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Use a learning rate from now on."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def to_device(optimiser: torch.optim.Optimizer, device: torch.device) -> None:
    """Bring an optimiser's state to where its weights have gone."""
    for state in optimiser.state.values():
        for name, value in state.items():
            if isinstance(value, Tensor) and name != "step":  # a counter, which torch keeps on the CPU
                state[name] = value.to(device)
