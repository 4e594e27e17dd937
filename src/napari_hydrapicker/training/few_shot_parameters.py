"""How a new head is trained from a few corrected micrographs."""

from __future__ import annotations

from dataclasses import dataclass

from napari_hydrapicker.training.steps import annealed, warmed_up


@dataclass(frozen=True)
class FewShotParameters:
    """How a new head is trained.

    Attributes
    ----------
    steps, batch_size, crop_wpx
        Optimisation steps, each on so many crops of this side.
    learning_rate
        Of Adam at the start; it falls to 0 on half a cosine after `warmup_steps`.
    lambda_cls, lambda_bias
        Weights of the classification loss and of the distance to the generic head (Eq. 3.1).
    lambda_anchor
        Weight of the distance to the generic head's answer where a partial micrograph has no marks
        (`anchoring.anchor_loss`); without it a few marks can make a head much worse than the generic one.
    ema_decay
        Of the running mean of the weights.
    share
        Of that mean in the head that is kept, the rest being the head started from (`blending.blended`).
    validate_every, patience
        Steps between validations; training ends after so many of them without a better AP.
    memory_bytes
        Granted to the cached features.
    """

    steps: int = 120
    batch_size: int = 4
    crop_wpx: int = 192
    learning_rate: float = 1e-3
    warmup_steps: int = 10
    lambda_cls: float = 4.0
    lambda_bias: float = 0.01
    lambda_anchor: float = 2.0
    ema_decay: float = 0.97
    share: float = 0.75
    validate_every: int = 20
    patience: int = 3
    memory_bytes: int = 1_200_000_000
    seed: int = 0

    def rate(self, step: int) -> float:
        """Learning rate at a step: linear warm-up, then half a cosine."""
        if step < self.warmup_steps:
            return self.learning_rate * warmed_up(step, self.warmup_steps)
        return self.learning_rate * annealed(step - self.warmup_steps, max(1, self.steps - self.warmup_steps))
