"""How the cGAN's two networks are trained, and what a training reports."""

from __future__ import annotations

import math
from dataclasses import dataclass

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.gan.losses import LossName, adversarial_loss
from napari_hydrapicker.training.steps import annealed, warmed_up


@dataclass(frozen=True)
class CGanParameters:
    """How the networks are trained.

    Attributes
    ----------
    steps, batch_size
        Steps of each network, each on so many pairs.
    loss
        "mean-squared" (Eqs. 5 and 6) or "cross-entropy" (Eq. 1).
    adversarial_weight, data_weight
        Weights of the generator's two losses (w1 and w2 of Eq. 6). The paper does not state them; these
        are those of pix2pix, on which it builds.
    learning_rate, discriminator_rate
        Of Adam after `warmup_steps`; both fall to 0 on half a cosine.
    beta
        Adam's decay of the running mean of gradients, for both networks.
    check_every
        Steps between checkpoints.
    """

    steps: int = 4000
    batch_size: int = 4
    loss: LossName = "mean-squared"
    adversarial_weight: float = 1.0
    data_weight: float = 100.0
    learning_rate: float = 1e-3
    discriminator_rate: float = 2e-4
    beta: float = 0.5
    warmup_steps: int = 50
    check_every: int = 250
    seed: int = 0

    def share(self, step: int) -> float:
        """Share of the learning rates at a step."""
        if step < self.warmup_steps:
            return warmed_up(step, self.warmup_steps)
        return annealed(step - self.warmup_steps, max(1, self.steps - self.warmup_steps))


@dataclass(frozen=True)
class CGanProgress:
    """What training reports: losses are means since the last report.

    Attributes
    ----------
    step, steps
        Done, and in all.
    discriminator, adversarial, data
        The discriminator's loss, and the generator's two without their weights.
    seconds
        Since the training was started or gone on with.
    """

    step: int
    steps: int
    discriminator: float
    adversarial: float
    data: float
    seconds: float


def check_parameters(p: CGanParameters) -> None:
    """Refuse parameters that are out of range.

    Raises
    ------
    ParameterError
        Naming the first of them.
    """
    adversarial_loss(p.loss)
    for name in ("steps", "batch_size", "check_every"):
        if getattr(p, name) < 1:
            raise ParameterError(f"{name} of {getattr(p, name)}: give 1 or more")
    for name in ("adversarial_weight", "data_weight", "learning_rate", "discriminator_rate"):
        if not (math.isfinite(getattr(p, name)) and getattr(p, name) >= 0):
            raise ParameterError(f"{name} of {getattr(p, name)}: give a number of 0 or more")
