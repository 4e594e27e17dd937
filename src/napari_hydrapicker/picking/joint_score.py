"""The score of a consensus, from those lists that have a pick there and those that have none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]

DOUBT = 0.01
"""No list is believed beyond this: neither a score nor a silence is nearer to certainty."""
_ROUNDING = 1e-9


def joint_score(probability: Floats, weight: Floats) -> Floats:
    """Probability that a cluster is a particle, from those who see it and those who do not.

    The log-odds of the lists that have a pick are averaged. Each list k that has none multiplies the odds
    by ``1 - c_k``, the chance that it misses a particle: its coverage ``c_k`` is the share of what the
    others have, counted by their probability, that it has too. So the silence of a list that finds nearly
    everything weighs much, and that of one that finds half says little.

    Parameters
    ----------
    probability : ndarray, shape (K, L)
        Each list's score in each cluster, NaN where it is silent; no row is all NaN. Scores count as at
        least `DOUBT` and at most 1 - `DOUBT`, and so does the chance to miss.
    weight : ndarray, shape (L,)
        A list's share in the average, and the power of its silence.

    Returns
    -------
    ndarray, shape (K,)
        Between 0 and 1.
    """
    votes = ~np.isnan(probability)
    p = np.clip(np.where(votes, probability, 0.5), DOUBT, 1 - DOUBT)
    mean_log_odds = np.sum(np.log(p / (1 - p)) * votes * weight, axis=1) / np.sum(votes * weight, axis=1)
    miss = np.maximum(1 - _coverage(np.where(votes, p, 0.0), votes, weight), DOUBT)
    log_odds = mean_log_odds + np.sum(np.where(votes, 0.0, np.log(miss) * weight), axis=1)
    return np.asarray(expit(log_odds))


def _coverage(p: Floats, votes: NDArray[np.bool_], weight: Floats) -> Floats:
    """Each list's share, shape (L,), of what the others have; below it by one pick, for few say little."""
    others = np.sum(votes * weight, axis=1, keepdims=True) - votes * weight
    mass = np.sum(p * weight, axis=1, keepdims=True) - p * weight
    mean = np.divide(mass, others, out=np.zeros_like(p), where=others > _ROUNDING * weight.sum())
    return np.asarray(np.sum(mean * votes, axis=0) / (1 + np.sum(mean, axis=0)))
