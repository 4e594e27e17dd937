"""The losses of the two networks: mean squared (Kong et al., Eqs. 4 to 6), and cross-entropy (Eq. 1).

All take the discriminator's logits; its score is their tanh.
"""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from napari_hydrapicker.errors import ParameterError

LossName = Literal["mean-squared", "cross-entropy"]


class AdversarialLoss(Protocol):
    """What the networks minimise against one another; logits ``(B,)`` of true and of generated images."""

    def discriminator(self, true: Tensor, generated: Tensor) -> Tensor:
        """Loss of the discriminator, a scalar."""
        ...

    def generator(self, true: Tensor, generated: Tensor) -> Tensor:
        """Loss of the generator, a scalar."""
        ...


class MeanSquared:
    """Squared distances of scores from 1 and 0, and of one score from the other."""

    def discriminator(self, true: Tensor, generated: Tensor) -> Tensor:
        """``E[(D(x, y) - 1)^2] + E[D(G)^2]`` (Eq. 5)."""
        return (torch.tanh(true) - 1).square().mean() + torch.tanh(generated).square().mean()

    def generator(self, true: Tensor, generated: Tensor) -> Tensor:
        """``E[(D(x, y) - D(G))^2]`` (Eq. 6, first term). The true images' scores are no function of G."""
        return (torch.tanh(true).detach() - torch.tanh(generated)).square().mean()


class CrossEntropy:
    """Cross-entropy of the probability ``(1 + score) / 2`` that an image is true.

    That is the sigmoid of twice the logit, whose logarithm is finite and has a slope everywhere.
    """

    def discriminator(self, true: Tensor, generated: Tensor) -> Tensor:
        """``-E[log D(x, y)] - E[log(1 - D(G))]`` (Eq. 1)."""
        return -(logsigmoid(2 * true).mean() + logsigmoid(-2 * generated).mean())

    def generator(self, true: Tensor, generated: Tensor) -> Tensor:
        """``-E[log D(G)]``: as in pix2pix, since Eq. 1's own term has no slope where D is sure."""
        return -logsigmoid(2 * generated).mean()


def adversarial_loss(name: LossName) -> AdversarialLoss:
    """Return the loss of that name.

    Raises
    ------
    ParameterError
        If there is none.
    """
    losses: dict[str, AdversarialLoss] = {"mean-squared": MeanSquared(), "cross-entropy": CrossEntropy()}
    if name not in losses:
        raise ParameterError(f"there is no loss called {name!r}: choose from {', '.join(losses)}")
    return losses[name]


def data_loss(truth: Tensor, generated: Tensor) -> Tensor:
    """L1 distance of generated images from the true ones, ``(B, 1, H, W)`` each, per pixel (Eq. 4)."""
    return (truth - generated).abs().mean()
