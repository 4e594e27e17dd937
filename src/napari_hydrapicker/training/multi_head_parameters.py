"""How the multi-head phase is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_hydrapicker.training.bias_term import BiasForm
from napari_hydrapicker.training.steps import annealed, warmed_up


@dataclass(frozen=True)
class MultiHeadParameters:
    """How phase 2 is run.

    Attributes
    ----------
    steps, batch_size, crop_wpx
        Optimisation steps, each on so many crops of this side of one data set.
    optimiser
        "adam", with the generic head kept where the bias loss is least, or "sgd" as in the thesis.
    learning_rate
        It rises over `warmup_steps` and falls to 0 on half a cosine, so that the heads come to rest.
    momentum, generic_rate
        Of "sgd": its momentum, and the generic head's learning rate as a multiple of the others', which
        changes how soon that head follows the others, not where it comes to rest.
    lambda_cls, lambda_bias
        Weights of the classification and of the bias loss (Eq. 3.1).
    bias_form
        "norm" as in Eq. 3.4, or "squared".
    validate_every
        Steps between validations.
    """

    steps: int = 4000
    batch_size: int = 4
    crop_wpx: int = 368
    optimiser: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 1e-4
    momentum: float = 0.98
    warmup_steps: int = 100
    generic_rate: float = 1.0
    lambda_cls: float = 4.0
    lambda_bias: float = 0.1
    bias_form: BiasForm = "norm"
    validate_every: int = 250
    seed: int = 0

    def rate(self, step: int) -> float:
        """Learning rate at `step`: linear warm-up times half a cosine."""
        return self.learning_rate * warmed_up(step, self.warmup_steps) * annealed(step, self.steps)
