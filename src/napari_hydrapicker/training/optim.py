"""Optimising all heads at once: the gradient of the bias loss (Eq. 3.4), by torch's SGD and Adam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.linalg import vector_norm

from napari_hydrapicker.hydra.layers import Head
from napari_hydrapicker.hydra.losses import TINY
from napari_hydrapicker.hydra.network import GENERIC, HydraPicker
from napari_hydrapicker.training.steps import set_rate

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


class Descent:
    """Stochastic gradient descent with momentum on detection losses and the bias loss (Eq. 3.4).

    Parameters
    ----------
    model
        With all its heads.
    momentum, lambda_bias, bias_form
        As in `MultiHeadParameters`.
    generic_rate
        Learning rate of the generic head as a multiple of the others'.
    """

    def __init__(
        self,
        model: HydraPicker,
        momentum: float,
        lambda_bias: float,
        bias_form: BiasForm = "norm",
        generic_rate: float = 1.0,
    ) -> None:
        self._lambda_bias, self._form, self._generic_rate = lambda_bias, bias_form, generic_rate
        self._generic = model.head()
        self._heads = {name: model.head(name) for name in model.head_names if name != GENERIC}
        others = [*model.body.parameters(), *(w for head in self._heads.values() for w in head.parameters())]
        groups = [{"params": others}, {"params": list(self._generic.parameters())}]
        self._gradient: list[Tensor] = []
        self._towards: list[Tensor] = []
        self.optimiser = torch.optim.SGD(groups, lr=0.0, momentum=momentum)

    def step(self, drawn: str, rate: float) -> float:
        """Do a step; returns the bias loss before it.

        `optimiser` moves what has a gradient, so that heads are given theirs one after another. All are
        of the weights before the step: a head's depends on itself and on the generic head, which comes
        last.

        Parameters
        ----------
        drawn
            The head that, with the body, has gradients of the detection losses. They are gone afterwards.
        rate
            Learning rate.
        """
        set_rate(self.optimiser, rate)
        self.optimiser.param_groups[1]["lr"] = rate * self._generic_rate
        if not self._towards:  # the weights may have gone to another device until now
            # Memory that every step uses again: asking the system for it would take longer than the sums.
            self._gradient, self._towards = (
                [torch.empty_like(w) for w in self._generic.parameters()] for _ in range(2)
            )
        for sum_ in self._towards:
            sum_.zero_()
        terms = [self._step_head(name) for name in [drawn, *(n for n in self._heads if n != drawn)]]
        for weight, sum_ in zip(self._generic.parameters(), self._towards, strict=True):
            weight.grad = sum_
        self._apply()
        return torch.stack(terms).mean().item()

    def _step_head(self, name: str) -> torch.Tensor:
        """Move a head; the pull on the generic head is added to the others'. Returns the bias loss's term."""
        head = self._heads[name]
        term, gradient = bias_gradient(head, self._generic, self._form, self._gradient)
        for weight, part, sum_ in zip(head.parameters(), gradient, self._towards, strict=True):
            part *= self._lambda_bias / len(self._heads)
            sum_ -= part
            weight.grad = part if weight.grad is None else weight.grad.add_(part)
        self._apply()
        return term

    def _apply(self) -> None:
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)


class AdamDescent:
    """Adam's steps on detection losses and the bias loss (Eq. 3.4), interchangeable with `Descent`.

    Only the head that is drawn moves, with the body: Adam would make steps of full length of the small
    gradient that the others have. Its part of the bias loss counts for all the times that it is not drawn,
    as often as the others are. The generic head is not descended to at all: given the heads, the place
    where the bias loss is least is their geometric median (their mean in the squared form), and every step
    brings it there.

    Parameters
    ----------
    model
        With all its heads.
    lambda_bias, bias_form
        As in `MultiHeadParameters`.
    """

    def __init__(self, model: HydraPicker, lambda_bias: float, bias_form: BiasForm = "norm") -> None:
        self._lambda_bias, self._form = lambda_bias, bias_form
        self._generic = model.head()
        self._heads = {name: model.head(name) for name in model.head_names if name != GENERIC}
        self._generic.requires_grad_(False)
        trained = [*model.body.parameters(), *(w for head in self._heads.values() for w in head.parameters())]
        self.optimiser = torch.optim.Adam(trained, lr=0.0)

    def step(self, drawn: str, rate: float) -> float:
        """Do a step; returns the bias loss before it.

        Parameters
        ----------
        drawn
            The head that, with the body, has gradients of the detection losses. They are gone afterwards.
        rate
            Learning rate.
        """
        heads = list(self._heads.values())
        before = _distances(heads, self._generic)
        head = self._heads[drawn]
        _, gradient = bias_gradient(head, self._generic, self._form)
        for weight, part in zip(head.parameters(), gradient, strict=True):
            part *= self._lambda_bias
            weight.grad = part if weight.grad is None else weight.grad.add_(part)
        set_rate(self.optimiser, rate)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        to_median(self._generic, heads, self._form)
        return float((before**2 if self._form == "squared" else before).mean())


@torch.no_grad()
def to_median(generic: Head, heads: list[Head], form: BiasForm = "norm") -> None:
    """Bring the generic head nearer to the least bias loss of the others (Weiszfeld's step), in place.

    In the squared form it is there at once: at the heads' mean.
    """
    if form == "squared":
        pull = torch.ones(len(heads))
    else:
        pull = 1 / torch.sqrt(_distances(heads, generic) ** 2 + TINY**2)
    shares = (pull / pull.sum()).tolist()
    for weights in zip(generic.parameters(), *(head.parameters() for head in heads), strict=True):
        mine, *others = weights
        sum_ = others[0] * shares[0]
        for other, part in zip(others[1:], shares[1:], strict=True):
            sum_.add_(other, alpha=part)
        mine.copy_(sum_)


@torch.no_grad()
def _distances(heads: list[Head], generic: Head) -> Tensor:
    """Euclidean distance of each head's weights from the generic head's, (N,)."""

    def distance(head: Head) -> Tensor:
        pairs = zip(head.parameters(), generic.parameters(), strict=True)
        length: Tensor = vector_norm(torch.stack([vector_norm(one - other) for one, other in pairs]))
        return length.cpu()

    return torch.stack([distance(head) for head in heads])
