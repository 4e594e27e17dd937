"""What every picker can do, and what all of them leave out."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.parameters import PickParameters
from napari_hydrapicker.picks import Picks

NMS_DISTANCE_WPX = 7.0
"""Least distance of two picks by default, working pixels: a third of the diameter."""

DOUBTFUL = 0.5  # doubt from which on picks are not to be trusted
MIN_SCORE = 0.01  # candidates of a lower probability are never listed


def nms(yx: ArrayLike, score: ArrayLike, distance: float = NMS_DISTANCE_WPX) -> NDArray[np.intp]:
    """Keep the best of picks that lie at most `distance` apart, greedily by falling score.

    Parameters
    ----------
    yx : ndarray, shape (N, 2)
    score : ndarray, shape (N,)
    distance : float
        In the units of `yx`.

    Returns
    -------
    ndarray of int, shape (K,)
        Indices of the picks kept, by falling score.
    """
    centres, scores = np.asarray(yx, np.float64).reshape(-1, 2), np.asarray(score)
    order = np.argsort(-scores, kind="stable")
    pairs = cKDTree(centres[order]).query_ball_point(centres[order], distance) if len(centres) else []
    alive = np.ones(len(order), bool)
    for i, near in enumerate(pairs):
        if alive[i]:
            later = np.asarray(near)
            alive[later[later > i]] = False
    return order[alive]


class Picker(Protocol):
    """Finds particles on micrographs."""

    @property
    def threshold(self) -> float:
        """Probability from which on picks are shown by default."""
        ...

    @property
    def device(self) -> str:
        """What it computes on, as torch calls it; of several pickers that of the first."""
        ...

    def pick_micrograph(
        self, micrograph: Micrograph, parameters: PickParameters, floor: float = MIN_SCORE
    ) -> Picks:
        """Read and pick a micrograph.

        Parameters
        ----------
        micrograph : Micrograph
            What to pick, with its pixel size, and what the user has painted as left out on it.
        parameters : PickParameters
            How to look at it.
        floor : float
            Least probability.

        Returns
        -------
        Picks
            Centres in micrograph pixels; scores are probabilities, falling.

        Raises
        ------
        MicrographError
            If the micrograph cannot be read or has no contrast.
        ParameterError
            If no pixel size is known, or a length is out of range.
        OutOfMemoryError
            If the work does not fit into memory.
        """
        ...


def doubt(picks: Picks) -> float:
    """Share of the picks, weighed with their probability, that should be wrong; 1 without any.

    It is the sum of p (1 - p) over the sum of p. Near 0 where particles are plain; above one half the picks
    are not to be trusted: the diameter may be wrong, the contrast turned over, or nothing be there.
    """
    score = np.asarray(picks.score, np.float64)
    expected = score.sum()
    return float((score * (1 - score)).sum() / expected) if expected > 0 else 1.0


def check_lengths(border_px: float, min_distance: float) -> None:
    """Refuse negative lengths, and what is no number.

    Raises
    ------
    ParameterError
        If the border or the least distance between picks is not 0 or more.
    """
    if not border_px >= 0:
        raise ParameterError(f"the border must be 0 or more, not {border_px:g} pixels")
    if not min_distance >= 0:
        raise ParameterError(f"the least distance must be 0 or more, not {min_distance:g}")


def within_border(
    yx_px: NDArray[np.float64], shape_px: tuple[int, int], border_px: float
) -> NDArray[np.bool_]:
    """Whether centres (N, 2) lie in the image; with a border, at least that far from its outermost pixels."""
    least = border_px if border_px > 0 else -0.5
    last = np.array(shape_px) - 1
    return np.asarray(((yx_px >= least) & (yx_px <= last - least)).all(axis=1))


def usable(yx: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether centres (N, 2), in pixels of a mask (H, W), lie where it is True."""
    rows, cols = np.clip(np.rint(yx).astype(np.intp), 0, np.array(mask.shape) - 1).T
    return np.asarray(mask[rows, cols])
