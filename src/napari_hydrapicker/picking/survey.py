"""What a few micrographs say about all: the contrast of their particles, and whether the stated diameter
fits.

A network trained on dark particles knows their contrast: at the right one it finds far more that it is sure
of. Their diameter is measured on the mean of what it finds.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.errors import HydraPickerError, MicrographError, ParameterError
from napari_hydrapicker.imaging.prepare import prepare
from napari_hydrapicker.imaging.rescale import DIAMETER_WPX, pixel_angstrom
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.base import Picker, doubt, kept
from napari_hydrapicker.picking.hydra import HydraNetPicker
from napari_hydrapicker.picking.parameters import Contrast, PickParameters
from napari_hydrapicker.picks import Picks

logger = logging.getLogger(__name__)

SURVEYED = 3  # micrographs
_MOST_ESTIMATED = 50  # micrographs, of which more are thinned out
_WORTH_IT = 4  # micrographs from which on several diameters are tried: that takes as long as picking ten
AROUND = (0.5, 0.71, 1.0, 1.41, 2.0)  # multiples of a stated diameter that are tried
ANYWHERE_ANGSTROM = tuple(round(80 * 2 ** (i / 2)) for i in range(8))  # tried where none is stated: 80 to 905
_FEWEST_PIXELS = 8.0  # of a particle, below which a diameter is not tried
_MOST_OF_IMAGE = 1 / 4  # of the shorter side, above which it is not
_TOLERANCE = 1.9  # ratio of the best to the stated diameter that is no contradiction
_SAME_DIAMETER = 1.25  # ratio within which a head is at home
_ABLE = 0.45  # of the most evidence, from which a diameter may be the best
_CERTAIN = 0.8  # probability from which a particle counts as found for certain
_HALF = 31  # of the side of a square around a particle, working pixels
_FEWEST_CROPS, _MOST_CROPS = 4, 300
# A mean over all views is narrower than the longest diameter: 1.0 to 1.5 times on nine sets, 2.3 on one of
# long particles.
_FULL = 1.3
_CLEARLY = 3.0  # times the evidence for the other contrast
_NO_DOUBT = 0.35  # of picks on the first micrograph, below which it need not be turned over
_LEAST_EVIDENCE = 3.0  # confident picks, by which anything can be said


def chosen_for_survey(micrographs: Sequence[Micrograph], number: int = SURVEYED) -> list[Micrograph]:
    """A few micrographs spread evenly over a list."""
    few = min(number, len(micrographs))
    places = np.unique(np.linspace(0, len(micrographs) - 1, few).round().astype(int))
    return [micrographs[i] for i in places]


def evidence(picks: Picks) -> float:
    """How many particles were found for certain: the sum of 2 p - 1 over probabilities from `_CERTAIN`."""
    score = np.asarray(picks.score, np.float64)
    return float((2 * score[score >= _CERTAIN] - 1).sum())


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
) -> ContrastFinding:
    """Pick a few micrographs as they are, and turned over unless there is no doubt about the first.

    Raises
    ------
    ParameterError
        If none of the micrographs can be picked, or a length makes no sense.
    """
    parameters = PickParameters(diameter_angstrom=diameter_angstrom)
    first = replace(picker, contrast="dark").pick_micrograph(micrographs[0], parameters)
    if doubt(first) < _NO_DOUBT and evidence(first) >= _LEAST_EVIDENCE:
        return ContrastFinding(evidence(first), 0.0)
    found = {
        contrast: _evidence(replace(picker, contrast=contrast), micrographs, parameters)
        for contrast in ("dark", "light")
    }
    return ContrastFinding(found["dark"], found["light"])


@dataclass(frozen=True)
class DiameterTrial:
    """What was found at a diameter: `evidence` of particles, and how large their mean is, NaN where too few
    are.
    """

    diameter_angstrom: float
    particles: float
    measured_angstrom: float


@dataclass(frozen=True)
class DiameterFinding:
    """Trials by rising diameter; `stated_angstrom` is among them if one was stated."""

    trials: tuple[DiameterTrial, ...]
    stated_angstrom: float | None = None

    @property
    def is_telling(self) -> bool:
        """Whether enough was found at any diameter to say anything."""
        return any(one.particles >= _LEAST_EVIDENCE for one in self._measured)

    @property
    def best_angstrom(self) -> float:
        """Diameter of the particles as they were measured at the diameter that agrees best with it.

        Of the diameters at which about as much was found as at any: a network finds particles at twice or
        half their scale, too, but their size on the micrograph stays what it is.
        """
        most = max((one.particles for one in self._measured), default=0.0)
        able = [one for one in self._measured if one.particles >= _ABLE * most]
        if not able:
            return self.stated_angstrom or self.trials[0].diameter_angstrom
        return min(
            able, key=lambda one: abs(math.log(one.measured_angstrom / one.diameter_angstrom))
        ).measured_angstrom

    @property
    def stated_fits(self) -> bool:
        """Whether the stated diameter is near to the best, or nothing can be said."""
        if self.stated_angstrom is None or not self.is_telling:
            return True
        return 1 / _TOLERANCE < self.best_angstrom / self.stated_angstrom < _TOLERANCE

    @property
    def _measured(self) -> list[DiameterTrial]:
        return [one for one in self.trials if math.isfinite(one.measured_angstrom)]


def find_diameter(
    picker: HydraNetPicker,
    micrographs: Sequence[Micrograph],
    stated_angstrom: float | None = None,
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
    pixel = pixel_angstrom(micrographs[0])
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
        trials.append(_trial(picker, micrographs, size))
    if not trials:
        raise ParameterError("the search for the diameter was cancelled")
    return DiameterFinding(tuple(trials), stated_angstrom)


def _trial(
    picker: HydraNetPicker,
    micrographs: Sequence[Micrograph],
    diameter_angstrom: float,
) -> DiameterTrial:
    """Pick micrographs at a diameter, and measure the mean of what was found for certain."""
    total, failed = 0.0, []
    crops: list[NDArray[np.float32]] = []
    for micrograph in micrographs:
        try:
            light = picker.contrast == "light"
            prepared = prepare(micrograph, diameter_angstrom, light=light)
        except MicrographError as error:
            failed.append(error)
            continue
        anywhere = PickParameters(diameter_angstrom=diameter_angstrom, border_angstrom=0)
        picks = kept(picker.candidates(prepared), anywhere, prepared.pixel_size_angstrom)
        total += evidence(picks)
        sure = np.asarray(picks.score) >= _CERTAIN
        crops += _crops(prepared.image, prepared.to_wpx(picks.yx[sure]))
    if failed and len(failed) == len(micrographs):
        raise failed[0]
    across = _width(np.mean(crops, axis=0)) if len(crops) >= _FEWEST_CROPS else math.nan
    measured = _FULL * across / DIAMETER_WPX * diameter_angstrom
    return DiameterTrial(diameter_angstrom, total / max(1, len(micrographs) - len(failed)), measured)


def _crops(image_w: NDArray[np.float32], yx_wpx: NDArray[np.float64]) -> list[NDArray[np.float32]]:
    """Squares around centres, particles bright, of those that lie wholly in the image."""
    places = np.rint(yx_wpx).astype(np.intp)[:_MOST_CROPS]
    inside = ((places >= _HALF) & (places < np.array(image_w.shape) - _HALF)).all(axis=1)
    return [-image_w[r - _HALF : r + _HALF + 1, c - _HALF : c + _HALF + 1] for r, c in places[inside]]


def _width(mean: NDArray[np.float32]) -> float:
    """Width of a mean particle, working pixels: where its radial profile has fallen to a quarter."""
    ring = np.rint(np.hypot(*np.mgrid[-_HALF : _HALF + 1, -_HALF : _HALF + 1])).astype(np.intp).ravel()
    profile = np.bincount(ring, mean.ravel())[: _HALF + 1] / np.bincount(ring)[: _HALF + 1]
    profile = ndimage.gaussian_filter1d(profile, 0.7)
    peak = int(np.argmax(profile[: _HALF // 2 + 1]))
    floor = float(profile[peak:].min())
    level = floor + (float(profile[peak]) - floor) / 4
    below = peak + int(np.argmax(profile[peak:] < level))
    if below == 0:
        return math.nan
    step = float(profile[below - 1] - profile[below])
    return 2 * (below - (level - float(profile[below])) / max(step, 1e-9))


def estimate_diameter(
    picker: HydraNetPicker,
    micrographs: Sequence[Micrograph],
    stated_angstrom: float | None = None,
    contrast: Contrast | None = None,
) -> tuple[DiameterFinding, Contrast]:
    """Find diameter and, unless it is known, contrast of the particles on a few of the micrographs.

    Raises as `find_diameter`.
    """
    few = chosen_for_survey(micrographs, _MOST_ESTIMATED)
    found = find_diameter(replace(picker, contrast=contrast or "dark"), few, stated_angstrom)
    if contrast is not None:
        return found, contrast
    light = replace(picker, contrast="light")
    if found.is_telling:
        seen = find_contrast(picker, few, found.best_angstrom).contrast
        if seen == "dark":
            return found, "dark"
        return find_diameter(light, few, stated_angstrom), "light"
    other = find_diameter(light, few, stated_angstrom)
    return (other, "light") if other.is_telling else (found, "dark")


def _evidence(
    picker: HydraNetPicker,
    micrographs: Sequence[Micrograph],
    parameters: PickParameters,
) -> float:
    """Evidence on all micrographs together; what cannot be read is left out, unless nothing can."""
    total, failed = 0.0, []
    for micrograph in micrographs:
        try:
            total += evidence(picker.pick_micrograph(micrograph, parameters))
        except MicrographError as error:
            failed.append(error)
    if failed and len(failed) == len(micrographs):
        raise failed[0]
    return total if math.isfinite(total) else 0.0


@dataclass(frozen=True)
class Look:
    """What a look at a few micrographs says: the picker for their contrast, and what the user should know."""

    picker: Picker
    remarks: tuple[str, ...] = ()

    @property
    def contrast(self) -> Contrast:
        """What particles are taken for."""
        return self.picker.contrast if isinstance(self.picker, HydraNetPicker) else "dark"


def look_first(
    picker: Picker,
    micrographs: Sequence[Micrograph],
    diameter_angstrom: float,
    contrast: Contrast | None = None,
) -> Look:
    """Look at a few micrographs before all are picked: their contrast, the diameter, and the head's diameter.

    What cannot be picked says nothing here: it is reported when its turn comes.

    Parameters
    ----------
    picker
        Its contrast is set. Another than HydraPicker's knows one contrast alone, and is returned as it is.
    micrographs
        All that are to be picked.
    contrast
        Of the particles, where it is known; None to find out.
    """
    if not isinstance(picker, HydraNetPicker):
        return Look(picker)
    remarks = []
    known = picker.head_diameter_angstrom
    if known is not None and not 1 / _SAME_DIAMETER < diameter_angstrom / known < _SAME_DIAMETER:
        remarks.append(
            f"the head {picker.head!r} was trained at a diameter of {known:g} A, and is used at "
            f"{diameter_angstrom:g} A: it may find much less there"
        )
    if contrast is not None or not micrographs:
        return Look(replace(picker, contrast=contrast or "dark"), tuple(remarks))
    few = chosen_for_survey(micrographs)
    quick = replace(picker, quality="fast", contrast="dark")
    try:
        contrast = find_contrast(quick, few, diameter_angstrom).contrast
        if contrast == "light":
            remarks.append(
                "the particles seem to be light on a dark background, and are picked as such; if they are "
                "not, choose the contrast dark"
            )
        if len(micrographs) >= _WORTH_IT:
            found = find_diameter(replace(quick, contrast=contrast), few[:1], diameter_angstrom)
            if not found.stated_fits:
                remarks.append(
                    f"a diameter of {diameter_angstrom:g} A does not seem to fit: far more is found at about "
                    f"{found.best_angstrom:.0f} A; estimate it from more micrographs"
                )
    except HydraPickerError as error:
        logger.debug("contrast and diameter could not be looked at: %s", error)
    return Look(replace(picker, contrast=contrast or "dark"), tuple(remarks))
