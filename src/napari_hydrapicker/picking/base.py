"""What every picker can do, how one is loaded, and the end of picking, which is the same for all: `kept`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.parameters import PickerSpec, PickParameters
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


class View(Protocol):
    """A micrograph as a picker looks at it, in its own pixels, as `prepare.Prepared`."""

    @property
    def image(self) -> NDArray[np.float32]:
        """Grey levels, shape (H, W), particles dark."""
        ...

    @property
    def mask(self) -> NDArray[np.bool_]:
        """True, shape (H, W), where particles can be."""
        ...

    @property
    def shape_px(self) -> tuple[int, int]:
        """Shape of the micrograph."""
        ...

    def to_px(self, yx: ArrayLike, /) -> NDArray[np.float64]:
        """Places (N, 2) on the view as places on the micrograph."""
        ...


@dataclass(frozen=True, eq=False)
class Candidates:
    """All that a picker sees on a micrograph, of which `kept` makes its picks.

    Attributes
    ----------
    view : View
        What it has looked at.
    yx : ndarray, shape (N, 2)
        Centres (row, column) in pixels of the view.
    probability : ndarray of float64, shape (N,)
        Of a particle.
    """

    view: View
    yx: NDArray[np.float64]
    probability: NDArray[np.float64]


def kept(
    found: Candidates, parameters: PickParameters, pixel_size_angstrom: float, floor: float = MIN_SCORE
) -> Picks:
    """Leave out what is no pick: this is the end of picking, whatever picks.

    Parameters
    ----------
    found : Candidates
        All that a picker sees.
    parameters : PickParameters
        Its border, mask and least distance act here.
    pixel_size_angstrom : float
        Of the micrograph.
    floor : float
        Least probability.

    Returns
    -------
    Picks
        By falling score, in pixels of the micrograph.
    """
    view = found.view
    yx_px = view.to_px(found.yx)
    keep = found.probability >= floor
    keep &= within_border(yx_px, view.shape_px, parameters.border_px(pixel_size_angstrom))
    keep[keep] &= usable(found.yx[keep], view.mask)
    yx_px, score = yx_px[keep], found.probability[keep]
    best = nms(yx_px, score, parameters.distance_px(pixel_size_angstrom))
    diameter_px = parameters.diameter_angstrom / pixel_size_angstrom
    masked_share = 1 - float(np.mean(view.mask))
    return Picks(
        yx_px[best], score[best].astype(np.float32), diameter_px=diameter_px, masked_share=masked_share
    )


class Picker(Protocol):
    """Finds particles on micrographs.

    The module of a picker in this folder is called as its kind, and has a function ``load(spec, device)``.
    """

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


def load_picker(spec: PickerSpec, device: str = "auto") -> Picker:
    """Load what a specification names.

    Particles are taken for dark where their contrast is to be found out: see `survey.look_first`.

    Parameters
    ----------
    spec
        What to pick with.
    device
        "auto", "cpu", "cuda" or "mps".

    Raises
    ------
    WeightsError
        If a file is none of ours or is damaged, or the head belongs to another network.
    ParameterError
        If there is no such head or device, tiles cannot have this size, or a consensus has too few members.
    CoordinateFileError
        If picks of another program cannot be read.
    """
    # Imported when it is needed: torch takes a second or two to load.
    picker: Picker = import_module(f"napari_hydrapicker.picking.{spec.kind}").load(spec, device)
    return picker


def doubt(picks: Picks) -> float:
    """Share of the picks, weighed with their probability, that should be wrong; 1 without any.

    It is the sum of p (1 - p) over the sum of p. Near 0 where particles are plain; above one half the picks
    are not to be trusted: the diameter may be wrong, the contrast turned over, or nothing be there.
    """
    score = np.asarray(picks.score, np.float64)
    expected = score.sum()
    return float((score * (1 - score)).sum() / expected) if expected > 0 else 1.0


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
