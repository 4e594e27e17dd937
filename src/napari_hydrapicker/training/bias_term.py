"""The gradient of the bias loss (Eq. 3.4), head by head, without a graph over all heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.linalg import vector_norm

from napari_hydrapicker.hydra.losses import TINY

BiasForm = Literal["norm", "squared"]


@torch.no_grad()
def bias_gradient(
    head: nn.Module, generic: nn.Module, form: BiasForm = "norm", out: Sequence[Tensor] | None = None
) -> tuple[Tensor, Sequence[Tensor]]:
    """One head's term of the bias loss, and its gradient with respect to the head's weights.

    The gradient with respect to the generic head's weights is the negative of it. Differentiating all
    terms at once would keep the differences of all heads, as large as the heads themselves.

    Parameters
    ----------
    head, generic
        Built alike.
    form
        "norm": ``||W_S - W_G||`` (Eq. 3.4, smoothed at 0 as in `hydra.losses.bias_loss`), with a gradient
        of length 1 at any distance. "squared": ``||W_S - W_G||^2``, with one of twice the distance.
    out
        Tensors like the parameters that the gradient is written to; new ones by default.

    Returns
    -------
    term, gradient
        A scalar, and one tensor for each parameter of the head, in their order.
    """
    weights, general = list(head.parameters()), list(generic.parameters())
    gradient = [torch.empty_like(w) for w in weights] if out is None else out
    for mine, its, difference in zip(weights, general, gradient, strict=True):
        torch.sub(mine, its, out=difference)
    distance = vector_norm(torch.stack([vector_norm(one) for one in gradient]))
    length = torch.sqrt(distance**2 + TINY**2)
    for one in gradient:
        one.mul_(2 if form == "squared" else 1 / length)
    return distance**2 if form == "squared" else length - TINY, gradient
