"""Adam on body and heads, with the generic head always where the bias loss is least."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.linalg import vector_norm

from napari_hydrapicker.hydra.head import Head
from napari_hydrapicker.hydra.losses import TINY
from napari_hydrapicker.hydra.model import GENERIC, HydraPicker
from napari_hydrapicker.training.bias_term import BiasForm, bias_gradient
from napari_hydrapicker.training.steps import set_rate


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
