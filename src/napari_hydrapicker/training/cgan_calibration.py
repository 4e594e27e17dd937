"""From what marks are like to the probability that they are particles, fitted to held-out pairs."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from napari_hydrapicker.gan.score import Calibration

PRIOR_MARKS = 10
"""The usual calibration weighs as much as so many marks: a few alone would make a fit far too sure."""


def fit_calibration(
    strength: NDArray[np.float64],
    contrasts: NDArray[np.float64],
    truth: NDArray[np.bool_],
    usual: Calibration,
) -> Calibration:
    """Fit a logistic function by maximum likelihood, whose slopes are not negative.

    Parameters
    ----------
    strength, contrasts : ndarray, shape (N,)
        Of marks on held-out pairs: what `gan.score.probability` takes.
    truth : ndarray of bool, shape (N,)
        Whether there is a particle.
    usual : (float, float, float)
        Returned where there are fewer than ten marks, or all are true, or none is; otherwise weighed like
        `PRIOR_MARKS` marks.
    """
    if len(truth) < PRIOR_MARKS or truth.all() or not truth.any():
        return usual
    features = np.stack([strength, np.log(contrasts)], 1)
    middle, spread = features.mean(0), features.std(0)
    spread[spread == 0] = 1
    x = torch.from_numpy((features - middle) / spread)  # (N, 2)
    y = torch.from_numpy(truth.astype(np.float64))
    slopes = np.array(usual[:2]) * spread
    # Slopes are fitted as logarithms, which keeps them above 0.
    earlier = torch.tensor([*np.log(slopes), usual[2] + float(np.array(usual[:2]) @ middle)])
    parameters = earlier.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([parameters], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        logit = x @ parameters[:2].exp() + parameters[2]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logit, y)
        loss = loss + PRIOR_MARKS / len(truth) * (parameters - earlier).square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    fitted = parameters.detach().numpy()
    of_strength, of_contrast = (np.exp(fitted[:2]) / spread).tolist()
    constant = float(fitted[2]) - of_strength * middle[0] - of_contrast * middle[1]
    return of_strength, of_contrast, float(constant)
