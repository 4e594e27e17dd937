"""What a few micrographs say about all: the contrast of their particles, and whether the stated diameter
fits.

A network trained on dark particles of one size in the image knows both: at the right contrast and diameter it
finds more that it is sure of than at any other.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_hydrapicker.errors import HydraPickerError, MicrographError, ParameterError
from napari_hydrapicker.imaging.scale import pixel_angstrom
from napari_hydrapicker.micrograph import Micrograph
from napari_hydrapicker.picking.hydra import Contrast, HydraNetPicker
from napari_hydrapicker.picking.picker import doubt
from napari_hydrapicker.picks import Picks

logger = logging.getLogger(__name__)

SURVEYED = 3  # micrographs
_MOST_ESTIMATED = 50  # micrographs, of which more are thinned out
_WORTH_IT = 4  # micrographs from which on several diameters are tried: that takes as long as picking ten
AROUND = (0.5, 0.71, 1.0, 1.41, 2.0)  # multiples of a stated diameter that are tried
ANYWHERE_ANGSTROM = tuple(round(80 * 2 ** (i / 2)) for i in range(8))  # tried where none is stated: 80 to 905
_FEWEST_PIXELS = 8.0  # of a particle, below which a diameter is not tried
_MOST_OF_IMAGE = 1 / 4  # of the shorter side, above which it is not
_FITS = 0.75  # of the best evidence is enough for a stated diameter
_TOLERANCE = 1.25  # ratio of the best to the stated diameter that is no contradiction
_CLEARLY = 3.0  # times the evidence for the other contrast
_NO_DOUBT = 0.35  # of picks on the first micrograph, below which it need not be turned over
_LEAST_EVIDENCE = 3.0  # confident picks, by which anything can be said


def chosen_for_survey(micrographs: Sequence[Micrograph], number: int = SURVEYED) -> list[Micrograph]:
    """A few micrographs spread evenly over a list."""
    few = min(number, len(micrographs))
    places = np.unique(np.linspace(0, len(micrographs) - 1, few).round().astype(int))
    return [micrographs[i] for i in places]


def evidence(picks: Picks) -> float:
    """How many particles were found for certain: the sum of 2 p - 1 over all probabilities p over 0.5."""
    score = np.asarray(picks.score, np.float64)
    return float((2 * score[score > 0.5] - 1).sum())


@dataclass(frozen=True)
class ContrastFinding:
    """How much was found taking particles for dark, and for light (`evidence`, summed)."""

    dark: float
    light: float

    @property
    def contrast(self) -> Contrast:
        """Of the particles: dark unless light ones are clearly more."""
        clearly = self.light > _CLEARLY * max(self.dark, 1.0) and self.light >= _LEAST_EVIDENCE
        return "light" if clearly else "dark"


def find_contrast(
    picker: HydraNetPicker,
    micrographs: Sequence[Micrograph],
    diameter_angstrom: float,
    pixel_size_angstrom: float | None = None,
) -> ContrastFinding:
    """Pick a few micrographs as they are, and turned over unless there is no doubt about the first.

    Raises
    ------
    ParameterError
        If none of the micrographs can be picked, or a length makes no sense.
    """
    first = replace(picker, contrast="dark").pick_micrograph(
        micrographs[0], diameter_angstrom, pixel_size_angstrom
    )
    if doubt(first) < _NO_DOUBT and evidence(first) >= _LEAST_EVIDENCE:
        return ContrastFinding(evidence(first), 0.0)
    found = {
        contrast: _evidence(
            replace(picker, contrast=contrast), micrographs, diameter_angstrom, pixel_size_angstrom
        )
        for contrast in ("dark", "light")
    }
    return ContrastFinding(found["dark"], found["light"])


@dataclass(frozen=True)
class DiameterTrial:
    """What was found at a diameter: `evidence`, and the share of the images' area that it takes up.

    The second is compared: as many particles of half the diameter take a quarter of the area, and there is
    more room for false ones at a fine diameter.
    """

    diameter_angstrom: float
    particles: float
    area: float


@dataclass(frozen=True)
class DiameterFinding:
    """Trials by rising diameter; `stated_angstrom` is among them if one was stated."""

    trials: tuple[DiameterTrial, ...]
    stated_angstrom: float | None = None

    @property
    def is_telling(self) -> bool:
        """Whether enough was found at any diameter to say anything."""
        return max(one.particles for one in self.trials) >= _LEAST_EVIDENCE

    @property
    def best_angstrom(self) -> float:
        """The diameter at the peak of the area, between those tried (a parabola through three of them)."""
        sizes = np.array([one.diameter_angstrom for one in self.trials])
        values = np.array([one.area for one in self.trials])
        peak = int(np.argmax(values))
        if not 0 < peak < len(sizes) - 1:
            return float(sizes[peak])
        logs, around = np.log(sizes[peak - 1 : peak + 2]), values[peak - 1 : peak + 2]
        second, first, _ = np.polyfit(logs - logs[1], around, 2)
        middle = logs[1] - first / (2 * second) if second < 0 else logs[1]
        return float(np.exp(np.clip(middle, logs[0], logs[2])))

    @property
    def stated_fits(self) -> bool:
        """Whether the stated diameter is about as good as the best, or nothing can be said."""
        if self.stated_angstrom is None or not self.is_telling:
            return True
        stated = next(one for one in self.trials if one.diameter_angstrom == self.stated_angstrom)
        near = 1 / _TOLERANCE < self.best_angstrom / self.stated_angstrom < _TOLERANCE
        return near or stated.area >= _FITS * max(one.area for one in self.trials)


def find_diameter(
    picker: HydraNetPicker,
    micrographs: Sequence[Micrograph],
    stated_angstrom: float | None = None,
    pixel_size_angstrom: float | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> DiameterFinding:
    """Pick a few micrographs at several diameters.

    Parameters
    ----------
    picker
        With the contrast of the particles.
    micrographs
        A few are enough (`chosen_for_survey`).
    stated_angstrom
        Diameters around it are tried; without it from 80 to 900 Angstrom.
    pixel_size_angstrom
        Takes precedence over the micrographs' own.
    report, cancelled
        Called with the numbers of diameters done and to do; asked before each.

    Raises
    ------
    ParameterError
        If no diameter suits the micrographs, a length makes no sense, or it was cancelled at once.
    """
    if not micrographs:
        raise ParameterError("there is no micrograph to look at; give one")
    stated = () if stated_angstrom is None else (stated_angstrom,)
    sizes = tuple(stated_angstrom * ratio for ratio in AROUND) if stated_angstrom else ANYWHERE_ANGSTROM
    pixel = pixel_angstrom(micrographs[0], pixel_size_angstrom)
    shortest = min(micrographs[0].shape) * pixel
    suiting = {one for one in sizes if _FEWEST_PIXELS * pixel <= one <= _MOST_OF_IMAGE * shortest}
    suited = sorted(suiting.union(stated))
    if not suited:
        raise ParameterError(
            f"{micrographs[0].path}: at {pixel:g} A per pixel no diameter from {sizes[0]:g} to "
            f"{sizes[-1]:g} A suits it; check the pixel size"
        )
    trials: list[DiameterTrial] = []
    for done, size in enumerate(suited):
        if cancelled():
            break
        report(done, len(suited))
        particles = _evidence(picker, micrographs, size, pixel_size_angstrom)
        trials.append(DiameterTrial(size, particles, particles * (size / shortest) ** 2 / len(micrographs)))
    if not trials:
        raise ParameterError("the search for the diameter was cancelled")
    return DiameterFinding(tuple(trials), stated_angstrom)


def estimate_diameter(
    picker: HydraNetPicker,
    micrographs: Sequence[Micrograph],
    stated_angstrom: float | None = None,
    pixel_size_angstrom: float | None = None,
    contrast: Contrast | None = None,
) -> tuple[DiameterFinding, Contrast]:
    """Find diameter and, unless it is known, contrast of the particles on a few of the micrographs.

    Raises as `find_diameter`.
    """
    few = chosen_for_survey(micrographs, _MOST_ESTIMATED)
    found = find_diameter(
        replace(picker, contrast=contrast or "dark"), few, stated_angstrom, pixel_size_angstrom
    )
    if contrast is not None:
        return found, contrast
    light = replace(picker, contrast="light")
    if found.is_telling:
        seen = find_contrast(picker, few, found.best_angstrom, pixel_size_angstrom).contrast
        if seen == "dark":
            return found, "dark"
        return find_diameter(light, few, stated_angstrom, pixel_size_angstrom), "light"
    other = find_diameter(light, few, stated_angstrom, pixel_size_angstrom)
    return (other, "light") if other.is_telling else (found, "dark")


def _evidence(
    picker: HydraNetPicker,
    micrographs: Sequence[Micrograph],
    diameter_angstrom: float,
    pixel_size_angstrom: float | None,
) -> float:
    """Evidence on all micrographs together; what cannot be read is left out, unless nothing can."""
    total, failed = 0.0, []
    for micrograph in micrographs:
        try:
            total += evidence(picker.pick_micrograph(micrograph, diameter_angstrom, pixel_size_angstrom))
        except MicrographError as error:
            failed.append(error)
    if failed and len(failed) == len(micrographs):
        raise failed[0]
    return total if math.isfinite(total) else 0.0


@dataclass(frozen=True)
class Look:
    """What a look at a few micrographs says: the picker for their contrast, and what the user should know."""

    picker: HydraNetPicker
    remarks: tuple[str, ...]


def look_first(
    picker: HydraNetPicker,
    micrographs: Sequence[Micrograph],
    diameter_angstrom: float,
    pixel_size_angstrom: float | None = None,
    contrast: Contrast | None = None,
) -> Look:
    """Look at a few micrographs before all are picked: their contrast, the diameter, and the head's diameter.

    What cannot be picked says nothing here: it is reported when its turn comes.

    Parameters
    ----------
    picker
        Its contrast is set.
    micrographs
        All that are to be picked.
    contrast
        Of the particles, where it is known; None to find out.
    """
    remarks = []
    known = picker.head_diameter_angstrom
    if known is not None and not 1 / _TOLERANCE < diameter_angstrom / known < _TOLERANCE:
        remarks.append(
            f"the head {picker.head!r} was trained at a diameter of {known:g} A, and is used at "
            f"{diameter_angstrom:g} A: it may find much less there"
        )
    if contrast is not None or not micrographs:
        return Look(replace(picker, contrast=contrast or "dark"), tuple(remarks))
    few = chosen_for_survey(micrographs)
    quick = replace(picker, quality="fast", contrast="dark")
    try:
        contrast = find_contrast(quick, few, diameter_angstrom, pixel_size_angstrom).contrast
        if contrast == "light":
            remarks.append(
                "the particles seem to be light on a dark background, and are picked as such; if they are "
                "not, choose the contrast dark"
            )
        if len(micrographs) >= _WORTH_IT:
            found = find_diameter(
                replace(quick, contrast=contrast), few[:1], diameter_angstrom, pixel_size_angstrom
            )
            if not found.stated_fits:
                remarks.append(
                    f"a diameter of {diameter_angstrom:g} A does not seem to fit: far more is found at about "
                    f"{found.best_angstrom:.0f} A; estimate it from more micrographs"
                )
    except HydraPickerError as error:
        logger.debug("contrast and diameter could not be looked at: %s", error)
    return Look(replace(picker, contrast=contrast or "dark"), tuple(remarks))
