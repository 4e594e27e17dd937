"""Consensus: several lists of picks of one micrograph joined into one, with votes and a joint score.

`consensus` joins lists; `JointPicker` is several pickers, and picks of another program, as one.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import expit

from napari_hydrapicker.errors import MicrographError, ParameterError
from napari_hydrapicker.imaging.rescale import pixel_angstrom
from napari_hydrapicker.io.coordinates.folder import Key, LeftOutWarning, read_folder
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.io.names import NameFinder, micrograph_path
from napari_hydrapicker.picking.base import MIN_SCORE, Picker, load_picker
from napari_hydrapicker.picking.parameters import ConsensusSpec, PickParameters
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.wording import counted

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
    shares = [one.masked_share for one in lists.values() if one.masked_share is not None]
    picks = Picks(
        yx[order], score[order], diameter_px=float(np.median(diameters)) if diameters else None,
        masked_share=min(shares, default=None),  # what all leave out, as far as is known
    )  # fmt: skip
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


@dataclass(frozen=True, eq=False)
class ImportedPicks:
    """The picks in a file or folder, by micrograph.

    Attributes
    ----------
    path : Path
        The file or folder.
    picks : dict of Key to Picks
        Scores are probabilities or absent.
    remark : str
        What the user should know of it; "" for nothing.
    from_lower_edge : frozenset of str
        Paths of the micrographs whose rows count from the lower edge (row - height), until that is known.
    """

    path: Path
    picks: dict[Key, Picks]
    remark: str = ""
    from_lower_edge: frozenset[str] = frozenset()
    _finder: NameFinder[Key] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_finder", NameFinder({key: key.path for key in self.picks}))

    @classmethod
    def read(cls, path: Path, before_each: Callable[[], object] | None = None) -> Self:
        """Read a coordinate file of any format, or all in a folder.

        If scores are no probabilities, all are left out. `before_each` is called before each file of a
        folder; what it raises ends the reading.

        Raises
        ------
        CoordinateFileError
            If it is missing, damaged or without coordinates.
        """
        asked: set[str] = set()

        def no_height(name: str) -> tuple[int, int]:
            asked.add(name)
            return 0, 0

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LeftOutWarning)  # of other files that happen to be there
            picks = read_folder(path, no_height, before_each)
        turned = frozenset(asked)
        if all(are_probabilities(one) for one in picks.values()):
            return cls(path, picks, from_lower_edge=turned)
        without = {
            key: replace(one, score=np.full(len(one), np.nan, np.float32)) for key, one in picks.items()
        }
        remark = f"{path}: its scores are no probabilities: each of its picks counts as 1"
        return cls(path, without, remark, turned)

    def of(self, name: str, shape: tuple[int, int] | None = None) -> Picks:
        """Return the picks of a micrograph.

        Parameters
        ----------
        name : str
            Its name, or all of its path (`Micrograph.full_name`).
        shape : (int, int), optional
            Its rows and columns, for files that count y from the lower edge.

        Raises
        ------
        MicrographError
            If there are none, several sub-folders have some, or the height is needed and not given.
        """
        keys = self._finder.candidates(name)
        short = micrograph_path(name).rpartition("/")[2]
        if not keys:
            some = ", ".join(sorted({key.name for key in self.picks})[:3])
            raise MicrographError(
                f"{short}: the imported picks in {self.path} have no such micrograph ({some} …)"
            )
        if len(keys) > 1:
            folders = " and ".join(sorted(key.folder or "." for key in keys)[:2])
            raise MicrographError(
                f"{short}: {self.path} has it in {folders}: choose one of these sub-folders"
            )
        if shape is None and self._counts_from_below(keys[0]):
            raise MicrographError(
                f"{short}: {self.path} counts y from the lower edge, and its height is not known"
            )
        return self.placed(keys[0], shape or (0, 0))

    def placed(self, key: Key, shape: tuple[int, int]) -> Picks:
        """Return the picks of one of the keys on a micrograph of `shape` (rows, columns), pixels."""
        picks = self.picks[key]
        if not self._counts_from_below(key):
            return picks
        return replace(picks, yx=picks.yx + np.array([shape[0], 0]))

    def _counts_from_below(self, key: Key) -> bool:
        return any(key.path == path or key.path.endswith(f"/{path}") for path in self.from_lower_edge)


@dataclass(frozen=True, eq=False)
class JointPicker:
    """Picks what its pickers, and picks of another program, agree on; the score is the joint score.

    As with `hydrapicker consensus` on what `hydrapicker pick` has written, each picker has a say from its own
    threshold on.

    Attributes
    ----------
    pickers : mapping of name to Picker
    imported : ImportedPicks or None
        Picks that there are already.
    votes : int
        Least number of lists that have a pick.

    Raises
    ------
    ParameterError
        If there are fewer than two lists, or fewer than votes are wanted.
    """

    pickers: Mapping[str, Picker]
    imported: ImportedPicks | None = None
    votes: int = 1

    def __post_init__(self) -> None:
        lists = len(self.pickers) + (self.imported is not None)
        if lists < 2:
            raise ParameterError("a consensus needs two lists of picks or more: choose another one to join")
        if not 1 <= self.votes <= lists:
            raise ParameterError(
                f"{counted(self.votes, 'vote')}: give a number from 1 to {lists}, that of the lists"
            )

    @property
    def threshold(self) -> float:
        """Joint score from which on picks are shown: all, for each was one that its own picker shows."""
        return 0.0

    @property
    def device(self) -> str:
        """What the first of the pickers computes on."""
        return next(iter(self.pickers.values())).device

    def pick_micrograph(
        self, micrograph: Micrograph, parameters: PickParameters, floor: float = MIN_SCORE
    ) -> Picks:
        """Pick a micrograph with each picker and join what they find: see `Picker.pick_micrograph`.

        `floor` is the least joint score.
        """
        pixel_size = pixel_angstrom(micrograph)
        lists: dict[str, Picks] = {}
        if self.imported is not None:  # first, for it is done in no time where the micrograph is missing
            lists["imported"] = self.imported.of(micrograph.full_name, micrograph.shape)
        for name, picker in self.pickers.items():
            found = picker.pick_micrograph(micrograph, parameters)
            lists[name] = found.above(picker.threshold)
        # What the user has painted holds for imported picks too.
        if parameters.use_mask and micrograph.mask is not None:
            lists = {name: one.select(micrograph.mask.is_usable(one.yx)) for name, one in lists.items()}
        try:
            joined = consensus(lists, JOIN_DIAMETERS * parameters.diameter_angstrom / pixel_size)
        except ParameterError as error:
            raise MicrographError(f"{micrograph.path}: {error}") from error
        return joined.select((joined.votes >= self.votes) & (joined.picks.score >= floor)).picks


def load(spec: ConsensusSpec, device: str = "auto") -> JointPicker:
    """Load the pickers of a consensus, and read the picks that take part: see `base.load_picker`."""
    imported = None if spec.imported is None else ImportedPicks.read(spec.imported)
    members: dict[str, Picker] = {one.kind: load_picker(one, device) for one in spec.members}
    return JointPicker(members, imported, spec.votes)
