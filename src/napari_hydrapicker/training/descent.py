"""Gradient descent on all heads at once, with the memory for the gradients of two."""

from __future__ import annotations

import torch

from napari_hydrapicker.hydra.model import GENERIC, HydraPicker
from napari_hydrapicker.training.bias_term import BiasForm, bias_gradient
from napari_hydrapicker.training.steps import set_rate


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
        # Memory that every step uses again: asking the system for it would take longer than the sums.
        self._gradient, self._towards = (
            [torch.empty_like(w) for w in self._generic.parameters()] for _ in range(2)
        )
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
