"""Classes of picks: from picks and micrographs to averages, and to which pick is in which class."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_hydrapicker.classes import averages, em
from napari_hydrapicker.classes.crops import (
    BOX_PX,
    DIAMETER_PX,
    choose_evenly,
    crop_pixel_angstrom,
    cut,
    normalise_crops,
)
from napari_hydrapicker.classes.em import Alignment, References
from napari_hydrapicker.classes.junk import Evidence, bright_width, structure_around
from napari_hydrapicker.errors import ParameterError, check_positive
from napari_hydrapicker.io.ctf import Ctf, ctf_of, read_ctf
from napari_hydrapicker.io.lists import MicrographsLike, open_given
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.io.names import match_names
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.wording import counted

MAX_PICKS = 3000
"""Of how many picks the classes are made; the others are put into them afterwards."""
MAX_CLASSES = 200
_PICKS_PER_CLASS = 50
_USUAL_CLASSES = (4, 30)
_FEWEST_PICKS = 20

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much; what it raises ends the work."""


@dataclass(frozen=True, eq=False)
class Members:
    """The picks of one micrograph in their classes.

    Attributes
    ----------
    micrograph : Micrograph
    picks : Picks
        All of its picks.
    label : ndarray of int, shape (N,)
        Number of the class that each is in, from 1; 0 for none.
    confidence : ndarray of float32, shape (N,)
        Probability of that class.
    psi_degrees : ndarray of float32, shape (N,)
        As RELION's rlnAnglePsi: the average is turned by minus that, from x to y, to lie on the particle.
    offset_px : ndarray of float64, shape (N, 2)
        (row, column) from the pick to where the middle of the average lies, micrograph pixels.
    """

    micrograph: Micrograph
    picks: Picks
    label: NDArray[np.int64]
    confidence: NDArray[np.float32]
    psi_degrees: NDArray[np.float32]
    offset_px: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PickClass:
    """One class.

    Attributes
    ----------
    number : int
        From 1; the largest class comes first.
    size : int
        How many picks are in it.
    average : ndarray of float32, shape (BOX_PX, BOX_PX)
        Light on dark.
    resolution_angstrom : float
        To which averages of two halves of its picks, aligned apart, agree (Fourier ring correlation 0.5);
        infinite where they agree at no detail.
    confidence : float
        Mean probability of its picks to be in it.
    mean_score : float
        Of the picker for its picks; NaN where picks have none.
    doubts : tuple of str
        Why the class may be no particle: a suggestion (`junk`).
    """

    number: int
    size: int
    average: NDArray[np.float32]
    resolution_angstrom: float
    confidence: float
    mean_score: float
    doubts: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Classes:
    """All classes, and their picks.

    Attributes
    ----------
    classes : list of PickClass
        By falling size.
    members : list of Members
        One a micrograph.
    pixel_size_angstrom : float
        Of the averages.
    """

    classes: list[PickClass]
    members: list[Members]
    pixel_size_angstrom: float

    @property
    def doubtful(self) -> list[int]:
        """Numbers of the classes that may be no particles."""
        return [one.number for one in self.classes if one.doubts]

    def picks_of(self, numbers: Sequence[int]) -> dict[str, Picks]:
        """Return the picks in some classes, by their micrographs' names."""
        return {
            one.micrograph.name: one.picks.select(np.isin(one.label, list(numbers))) for one in self.members
        }


def classify(
    picks: Mapping[str, Picks],
    micrographs: MicrographsLike,
    diameter_angstrom: float,
    *,
    classes: int | None = None,
    max_picks: int = MAX_PICKS,
    assign_all: bool = True,
    ctf: str | Path | None = None,
    light: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Classes:
    """Sort picks into classes by what their images look like, turned and moved onto one another.

    Parameters
    ----------
    picks : mapping of str to Picks
        By the micrographs' names, as `read_picks` returns them.
    micrographs : Micrograph, path, or a sequence of them
        Files, folders, patterns and RELION's or cryoSPARC's lists.
    diameter_angstrom : float
        The particle's long diameter.
    classes : int, optional
        How many; by default one for each 50 of the picks that they are made of, from 4 to 30.
    max_picks : int
        Of how many picks the classes are made, drawn evenly from all micrographs.
    assign_all : bool
        Whether the other picks are put into the classes afterwards; otherwise they are in none.
    ctf : path, optional
        A list that states the micrographs' defocus, as RELION's micrographs_ctf.star or cryoSPARC's
        exposures: phases are flipped.
    light : bool
        Particles are light on the micrographs.
    seed : int
        The same seed gives the same classes.
    progress : callable, optional
        See `Progress`.

    Raises
    ------
    MicrographError, CoordinateFileError
        If a micrograph or the list of defocus cannot be read.
    ParameterError
        If a parameter is out of its range, no micrograph has picks, or there are too few picks.

    Examples
    --------
    >>> from napari_hydrapicker.simulation.sample import simulate
    >>> made = simulate(shape=(600, 900), seed=1)
    >>> found = classify({made.name: made.picks}, made.micrograph, 180, classes=2)
    >>> len(found.classes) <= 2, sum(one.size for one in found.classes) == len(made.picks)
    (True, True)
    >>> kept = found.picks_of([1])  # for `write_picks`
    """
    pairs = _matched(picks, open_given(micrographs))
    known = [one for one, _ in pairs]
    listed = None if ctf is None else ctf_of(known, read_ctf(ctf))
    if listed is not None and not any(listed):
        raise ParameterError(f"`ctf`: {ctf} lists none of the micrographs with picks")
    return classify_opened(
        pairs, diameter_angstrom, classes=classes, max_picks=max_picks, assign_all=assign_all, ctf=listed,
        light=light, seed=seed, progress=progress,
    )  # fmt: skip


def classify_opened(
    pairs: Sequence[tuple[Micrograph, Picks]],
    diameter_angstrom: float,
    *,
    classes: int | None = None,
    max_picks: int = MAX_PICKS,
    assign_all: bool = True,
    ctf: Sequence[Ctf | None] | None = None,
    light: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Classes:
    """Sort picks into classes, as `classify` does, with each micrograph's picks and defocus beside it."""
    check_positive(diameter_angstrom=diameter_angstrom)
    if classes is not None and not 2 <= classes <= MAX_CLASSES:
        raise ParameterError(f"`classes`: {classes} is not a number from 2 to {MAX_CLASSES}")
    if max_picks < _FEWEST_PICKS:
        raise ParameterError(f"`max_picks`: {max_picks} is not a number from {_FEWEST_PICKS}")
    total = sum(len(own) for _, own in pairs)
    if total < _FEWEST_PICKS:
        raise ParameterError(
            f"{counted(total, 'pick')} on {counted(len(pairs), 'micrograph')}: classes need {_FEWEST_PICKS}"
        )
    number = classes or int(np.clip(min(total, max_picks) // _PICKS_PER_CLASS, *_USUAL_CLASSES))
    if number * 5 > total:
        raise ParameterError(
            f"`classes`: {number} of {counted(total, 'pick')}; choose a fifth of the picks or fewer"
        )
    report = progress or (lambda what, done, of: None)
    work = _Work(list(pairs), ctf or [None] * len(pairs), diameter_angstrom, light, report)
    return work.run(number, max_picks, assign_all, seed)


def _matched(picks: Mapping[str, Picks], known: list[Micrograph]) -> list[tuple[Micrograph, Picks]]:
    match = match_names({i: one.full_name for i, one in enumerate(known)}, {name: name for name in picks})
    match.check_unambiguous("micrographs", "picks")
    pairs = [(known[i], picks[name]) for i, name in match.pairs if len(picks[name])]
    if not pairs:
        ours, theirs = (
            ", ".join(list(names)[:3]) or "none" for names in ([one.name for one in known], picks)
        )
        raise ParameterError(f"`micrographs`: none has picks; they are {ours}, and picks are of {theirs}")
    return pairs


@dataclass(eq=False)
class _Work:
    """One run: the micrographs with their picks and defocus, and what is found."""

    pairs: list[tuple[Micrograph, Picks]]
    ctf: Sequence[Ctf | None]
    diameter_angstrom: float
    light: bool
    progress: Progress
    found: list[Members] = field(default_factory=list)

    def run(self, number: int, max_picks: int, assign_all: bool, seed: int) -> Classes:
        chosen = choose_evenly([len(own) for _, own in self.pairs], max_picks, seed)
        images, centre, ends = self._cut(chosen, "cutting out")
        alignment, references = em.classify_images(
            images, centre, number, seed, progress=lambda done, of: self.progress("classifying", done, of)
        )
        self.progress("comparing halves", 0, 1)
        correlation, radii = averages.half_correlations(images, alignment, references, seed)
        means = averages.class_averages(images, alignment, number).numpy()
        resolution = [
            averages.resolution_angstrom(averages.resolution_of(one, radii), self.diameter_angstrom)
            for one in correlation
        ]
        learnt = torch.bincount(alignment.label, minlength=number).numpy()
        self.found = self._members(chosen, alignment, centre, ends)
        if assign_all:
            self._assign_others(chosen, references)
        return self._sorted(means, resolution, learnt)

    def _cut(
        self, chosen: Sequence[NDArray[np.int64]], what: str
    ) -> tuple[torch.Tensor, torch.Tensor, NDArray[np.int64]]:
        """Cut the chosen picks of each micrograph out; returns where each one's end among all too."""
        images, rests = [], []
        for i, ((micrograph, own), index, ctf) in enumerate(zip(self.pairs, chosen, self.ctf, strict=True)):
            self.progress(what, i, len(self.pairs))
            if len(index):
                image, rest = cut(
                    micrograph, own.select(index), self.diameter_angstrom, ctf=ctf, light=self.light
                )
                images.append(image)
                rests.append(rest)
        ends = np.cumsum([len(index) for index in chosen])
        crops = normalise_crops(np.concatenate(images))
        return torch.from_numpy(crops), torch.from_numpy(np.concatenate(rests)).float(), ends

    def _members(
        self,
        chosen: Sequence[NDArray[np.int64]],
        alignment: Alignment,
        rest: torch.Tensor,
        ends: NDArray[np.int64],
    ) -> list[Members]:
        offset = (em.recentred(alignment) - rest).numpy().astype(np.float64)
        found = []
        for (micrograph, own), index, end in zip(self.pairs, chosen, ends, strict=True):
            part = slice(end - len(index), end)
            one = Members(
                micrograph, own, np.zeros(len(own), np.int64), np.zeros(len(own), np.float32),
                np.zeros(len(own), np.float32), np.zeros((len(own), 2)),
            )  # fmt: skip
            size = micrograph.pixel_size_angstrom
            assert size is not None  # or cutting would have failed
            _fill(one, index, alignment, part, offset, crop_pixel_angstrom(self.diameter_angstrom) / size)
            found.append(one)
        return found

    def _assign_others(self, chosen: Sequence[NDArray[np.int64]], references: References) -> None:
        """Put the picks that the classes were not made of into them, a micrograph at a time."""
        for i, ((micrograph, own), index) in enumerate(zip(self.pairs, chosen, strict=True)):
            self.progress("sorting the others", i, len(self.pairs))
            others = np.setdiff1d(np.arange(len(own)), index)
            if not len(others):
                continue
            image, rest = cut(
                micrograph, own.select(others), self.diameter_angstrom, ctf=self.ctf[i], light=self.light
            )
            centre = torch.from_numpy(rest).float()
            alignment = em.assign(torch.from_numpy(normalise_crops(image)), centre, references)
            offset = (em.recentred(alignment) - centre).numpy().astype(np.float64)
            size = micrograph.pixel_size_angstrom
            assert size is not None
            scale = crop_pixel_angstrom(self.diameter_angstrom) / size
            _fill(self.found[i], others, alignment, slice(None), offset, scale)

    def _sorted(
        self, means: NDArray[np.float32], resolution: Sequence[float], learnt: NDArray[np.int64]
    ) -> Classes:
        """Number the classes by falling size, and say what is known of each."""
        label = np.concatenate([one.label for one in self.found])
        confidence = np.concatenate([one.confidence for one in self.found])
        score = np.concatenate([one.picks.score for one in self.found])
        sizes = np.bincount(label, minlength=len(means) + 1)[1:]
        order = np.argsort(-sizes, kind="stable")
        order = order[sizes[order] > 0]
        renamed = np.zeros(len(means) + 1, np.int64)
        renamed[order + 1] = np.arange(1, len(order) + 1)
        classes = []
        for number, k in enumerate(order.tolist(), 1):
            own = label == k + 1
            detail = self.diameter_angstrom / resolution[k]
            evidence = Evidence(
                detail,
                structure_around(means[k]),
                bright_width(means[k]),
                int(learnt[k]),
                float(learnt.mean()),
            )
            scored = score[own][~np.isnan(score[own])]
            classes.append(
                PickClass(
                    number, int(sizes[k]), means[k], resolution[k], float(confidence[own].mean()),
                    float(scored.mean()) if len(scored) else math.nan, tuple(evidence.reasons),
                )
            )  # fmt: skip
        for one in self.found:
            one.label[:] = renamed[one.label]
        return Classes(classes, self.found, crop_pixel_angstrom(self.diameter_angstrom))


def _fill(
    one: Members,
    index: NDArray[np.int64],
    alignment: Alignment,
    part: slice,
    offset: NDArray[np.float64],
    scale: float,
) -> None:
    """Enter what was found of some picks of a micrograph; `scale` is micrograph pixels per crop's."""
    one.label[index] = alignment.label[part].numpy() + 1
    one.confidence[index] = alignment.confidence[part].numpy()
    one.psi_degrees[index] = -np.degrees((alignment.angle[part].numpy() + np.pi) % (2 * np.pi) - np.pi)
    one.offset_px[index] = offset[part] * scale


__all__ = ["BOX_PX", "DIAMETER_PX", "Classes", "Members", "PickClass", "classify"]
