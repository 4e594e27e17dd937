"""The training losses (thesis, section 3.2, Eqs. 3.1 to 3.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.anchors import REACH_WPX, Assignment, decode
from napari_hydrapicker.wording import counted

GAMMA = 2.0
ALPHA = 0.25
TINY = 1e-6  # smooths the norm of Eq. 3.4 where a head still equals the generic one


class DetectionLoss(NamedTuple):
    """The detection part of Eq. 3.1; every part is a scalar tensor, normalised by the positives.

    Attributes
    ----------
    total
        ``localisation + lambda_cls * classification``.
    localisation, classification
        Eqs. 3.2 and 3.3, unweighted.
    positives
        Number of positive cells in the batch.
    """

    total: Tensor
    localisation: Tensor
    classification: Tensor
    positives: Tensor


def focal_loss(
    logits: Tensor,
    positive: Tensor,
    ignore: Tensor | None = None,
    gamma: float = GAMMA,
    alpha: float = ALPHA,
) -> Tensor:
    """Focal classification loss, summed over all cells (Eq. 3.3, with its 1/2).

    Parameters
    ----------
    logits
        ``(...)`` logits of "a particle is here".
    positive, ignore
        ``(...)`` bool; ignored cells count nothing.
    gamma
        How strongly easy cells are played down.
    alpha
        Weight of particles; background weighs ``1 - alpha``.
    """
    logits = logits.float()
    right = torch.where(positive, logits, -logits)  # logit of the correct class
    weight = torch.where(positive, alpha, 1 - alpha)
    loss = -0.5 * weight * torch.sigmoid(-right).pow(gamma) * functional.logsigmoid(right)
    if ignore is not None:
        loss = loss.masked_fill(ignore, 0.0)
    return loss.sum()


def localisation_loss(centres: Tensor, targets: Tensor, positive: Tensor) -> Tensor:
    """L1 distance of the positive cells' centres to their particles', summed (Eq. 3.2).

    It is in units of a cell's reach (12 wpx), hence dimensionless and of the order of 1 a positive.

    Parameters
    ----------
    centres, targets
        ``(..., 2)`` yx in wpx, decoded and true.
    positive
        ``(...)`` bool.
    """
    distance = (centres.float() - targets).abs().sum(dim=-1) / REACH_WPX
    return distance.masked_fill(~positive, 0.0).sum()


def bias_loss(heads: Sequence[nn.Module], generic: nn.Module) -> Tensor:
    """Mean distance between the heads' weights and the generic head's (Eq. 3.4).

    The distance is the L2 norm over all weights of a head together. Heads start equal to the generic
    one, where the norm has no gradient; it is smoothed there, so that both are 0.

    Raises
    ------
    ParameterError
        If there are no heads, or one is built differently from the generic head.
    """
    if not heads:
        raise ParameterError("The bias loss needs at least one head beside the generic one.")
    reference = dict(generic.named_parameters())
    return torch.stack([_distance(head, reference) for head in heads]).mean()


def _distance(head: nn.Module, reference: dict[str, nn.Parameter]) -> Tensor:
    weights = dict(head.named_parameters())
    if {k: v.shape for k, v in weights.items()} != {k: v.shape for k, v in reference.items()}:
        raise ParameterError("A head differs from the generic head in its layers: they cannot be compared.")
    squares = [(weights[name] - reference[name]).float().square().sum() for name in reference]
    return torch.sqrt(torch.stack(squares).sum() + TINY**2) - TINY


def at_least_one(positives: Tensor) -> Tensor:
    """What a batch's losses are divided by: its number of positive cells, or 1."""
    return positives.clamp(min=1)


def detection_loss(
    raw: Tensor,
    assignments: Sequence[Assignment],
    stride: int,
    lambda_cls: float,
    divisor: Callable[[Tensor], Tensor] = at_least_one,
) -> DetectionLoss:
    """``l_loc + lambda_cls * l_cls`` of Eq. 3.1 for a batch, divided by its positives (at least 1).

    Parameters
    ----------
    raw
        ``(B, 3, h, w)`` from `HydraPicker.forward`.
    assignments
        One for each image, on the grid ``(h, w)``.
    stride
        16, or 8 for a dense answer.
    lambda_cls
        Weight of the classification loss.
    divisor
        Makes the divisor of the number of positives, where the batch is only a part of one.

    Raises
    ------
    ParameterError
        If the assignments do not fit the answer.
    """
    grids = {tuple(one.positive.shape) for one in assignments}
    if len(assignments) != len(raw) or grids != {tuple(raw.shape[-2:])}:
        raise ParameterError(
            f"The network answered {counted(len(raw), 'image')} on a grid of {tuple(raw.shape[-2:])}; given: "
            f"{counted(len(assignments), 'assignment')} on grids {sorted(grids)}."
        )
    logits, centres = decode(raw, stride)
    positive = torch.stack([one.positive for one in assignments])  # (B, h, w)
    ignore = torch.stack([one.ignore for one in assignments])
    targets = torch.stack([one.target_yx for one in assignments])  # (B, h, w, 2)
    positives = positive.sum()
    count = divisor(positives)
    localisation = localisation_loss(centres, targets, positive) / count
    classification = focal_loss(logits, positive, ignore) / count
    return DetectionLoss(localisation + lambda_cls * classification, localisation, classification, positives)
