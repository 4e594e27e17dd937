"""Consensus: several lists of picks of one micrograph joined into one, with votes and a joint score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import expit

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picks import Picks

Floats = NDArray[np.float64]

DOUBT = 0.01
"""No list is believed beyond this: neither a score nor a silence is nearer to certainty."""
_ROUNDING = 1e-9

Indices = NDArray[np.intp]
JOIN_DIAMETERS = 0.25
"""Distance up to which picks join, particle diameters: the farthest that picks count as the same."""


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


@dataclass(frozen=True, eq=False)
class Consensus:
    """Picks that stand for clusters of picks, by falling joint score.

    Attributes
    ----------
    picks : Picks
        K centres with their joint score.
    votes : ndarray of intp, shape (K,)
        How many lists have a pick in the cluster.
    names : tuple of str
        The lists, in the order they were given.
    member : ndarray of intp, shape (K, len(names))
        The cluster's pick in each list, -1 where the list is silent.
    """

    picks: Picks
    votes: Indices
    names: tuple[str, ...]
    member: Indices

    def select(self, which: NDArray[np.bool_]) -> Consensus:
        """Return the clusters where `which`, shape (K,), is true."""
        return Consensus(self.picks.select(which), self.votes[which], self.names, self.member[which])


@dataclass(frozen=True, eq=False)
class _Pool:
    """All picks of all lists in one order that does not depend on the order they came in; arrays (N,)."""

    yx: Floats
    score: Floats
    weight: Floats
    list_of: Indices
    index: Indices


def consensus(
    lists: Mapping[str, Picks], distance_px: float, weights: Mapping[str, float] | None = None
) -> Consensus:
    """Join the picks of several lists.

    The centre of a cluster is the mean of its picks weighted by score and by list; for its score see
    `joint_score`. A pick without a score counts as certain.

    Parameters
    ----------
    lists : mapping of name to Picks
        Picks of one micrograph, in its pixels; scores are probabilities or absent.
    distance_px : float
        Greatest distance of two picks of one cluster, pixels.
    weights : mapping of name to float, optional
        How much each list counts; 1 for lists that are not named.

    Raises
    ------
    ParameterError
        If there are no lists, the distance or a weight is not a positive number, a weight is for no
        list, or a score is not between 0 and 1.
    """
    weight = _checked(lists, distance_px, weights or {})
    # All sums run over the lists by name, so that not even rounding depends on the order given.
    names = sorted(lists)
    pool = _pool([lists[name] for name in names], np.array([weight[name] for name in names]))
    clusters = _clusters(pool, distance_px)
    yx = np.empty((len(clusters), 2))
    probability = np.full((len(clusters), len(names)), np.nan)
    member = np.full(probability.shape, -1, np.intp)
    for row, cluster in enumerate(clusters):
        yx[row] = _centre(pool.yx[cluster], pool.weight[cluster] * pool.score[cluster])
        probability[row, pool.list_of[cluster]] = pool.score[cluster]
        member[row, pool.list_of[cluster]] = pool.index[cluster]
    score = joint_score(probability, np.array([weight[name] for name in names])).astype(np.float32)
    order = np.lexsort((yx[:, 1], yx[:, 0], -score))
    member = member[order][:, [names.index(name) for name in lists]]
    diameters = [one.diameter_px for one in lists.values() if one.diameter_px is not None]
    picks = Picks(yx[order], score[order], diameter_px=float(np.median(diameters)) if diameters else None)
    return Consensus(picks, np.count_nonzero(member >= 0, axis=1), tuple(lists), member)


def _checked(
    lists: Mapping[str, Picks], distance_px: float, weights: Mapping[str, float]
) -> dict[str, float]:
    """Return each list's weight."""
    if not lists:
        raise ParameterError("a consensus needs at least one list of picks")
    if not (math.isfinite(distance_px) and distance_px > 0):
        raise ParameterError(f"the distance must be a positive number of pixels, not {distance_px:g}")
    for name, weight in weights.items():
        if name not in lists:
            raise ParameterError(f"there is a weight for {name}, but no such list of picks")
        if not (math.isfinite(weight) and weight > 0):
            raise ParameterError(f"the weight of {name} must be a positive number, not {weight:g}")
    for name, picks in lists.items():
        if not are_probabilities(picks):
            raise ParameterError(f"scores of {name} are not between 0 and 1: leave them out")
    return {name: float(weights.get(name, 1.0)) for name in lists}


def are_probabilities(picks: Picks) -> bool:
    """Whether all scores lie between 0 and 1, or are absent."""
    return not bool(((picks.score < 0) | (picks.score > 1)).any())


def _pool(lists: Sequence[Picks], weight: Floats) -> _Pool:
    lengths = [len(one) for one in lists]
    yx = np.concatenate([one.yx for one in lists])
    score = np.concatenate([one.score for one in lists]).astype(np.float64)
    score[np.isnan(score)] = 1.0
    list_of = np.repeat(np.arange(len(lists)), lengths)
    order = np.lexsort((list_of, -score, yx[:, 1], yx[:, 0]))
    index = np.concatenate([np.arange(n) for n in lengths])
    return _Pool(yx[order], score[order], weight[list_of[order]], list_of[order], index[order])


def _clusters(pool: _Pool, distance_px: float) -> list[Indices]:
    """Join picks into clusters, closest pairs first; return the sorted members of each."""
    members = [[i] for i in range(len(pool.yx))]
    cluster_of = list(range(len(members)))
    list_of = pool.list_of.tolist()
    for i, j in _close_pairs(pool, distance_px):
        one, other = members[cluster_of[i]], members[cluster_of[j]]
        if one is other or {list_of[k] for k in one} & {list_of[k] for k in other}:
            continue
        # Pairs within a cluster are fine already: only those between the two can be too far apart.
        if _distances(pool.yx[one][:, None], pool.yx[other][None]).max() > distance_px:
            continue
        for k in other:
            cluster_of[k] = cluster_of[i]
        one.extend(other)
        other.clear()
    return [np.array(sorted(cluster), np.intp) for cluster in members if cluster]


def _close_pairs(pool: _Pool, distance_px: float) -> list[tuple[int, int]]:
    """Pairs of picks of different lists within the distance, the closest first."""
    if len(pool.yx) < 2:
        return []
    # A hair more, for the tree rounds distances in its own way.
    pairs = cKDTree(pool.yx).query_pairs(distance_px * (1 + _ROUNDING), output_type="ndarray")
    pairs = pairs[pool.list_of[pairs[:, 0]] != pool.list_of[pairs[:, 1]]]
    apart = _distances(pool.yx[pairs[:, 0]], pool.yx[pairs[:, 1]])
    pairs, apart = pairs[apart <= distance_px], apart[apart <= distance_px]
    order = np.lexsort((pairs[:, 1], pairs[:, 0], apart))
    return [(i, j) for i, j in pairs[order].tolist()]


def _distances(a: Floats, b: Floats) -> Floats:
    offset = a - b
    return np.asarray(np.hypot(offset[..., 0], offset[..., 1]))


def _centre(yx: Floats, share: Floats) -> Floats:
    """Weighted mean of centres, shape (n, 2); the plain mean if no pick has any weight."""
    total = math.fsum(share)
    return yx.mean(axis=0) if total <= 0 else np.asarray((yx * (share / total)[:, None]).sum(axis=0))
