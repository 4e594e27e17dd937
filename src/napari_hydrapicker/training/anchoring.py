"""Holds a new head to the generic head's answer where nobody has said what is there.

On a partial micrograph a few marks count and thousands of cells do not. The labels alone leave a head free to
answer anything in these, and it can come to pick far worse than it began. So it is held there to what the
generic head answers: not as a label, but as Eq. 3.4 holds its weights to the generic head's, in picks
(Li and Hoiem, "Learning without forgetting", 2016, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from napari_hydrapicker.hydra.anchors import REACH_WPX, Assignment, decode


def anchor_loss(raw: Tensor, reference: Tensor, labels: Sequence[Assignment], stride: int) -> Tensor:
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
