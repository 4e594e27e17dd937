"""Which classes look like no particle: a suggestion by rules that are said beforehand, never more.

A class is called doubtful where

- its halves, aligned apart, do not even agree on the detail that they began with in common, a quarter of the
  diameter (`LEAST_DETAIL`), or
- its average has as much structure around the particle as in it (`MOST_AROUND`), or
- what is bright in its average is under a quarter of the diameter wide (`LEAST_WIDTH`), or
- it holds under a fifth of a class's usual number and fewer than ten images (`FEW`).

The limits follow from what they mean, and were changed after a look at three simulated molecules: of the
detail from a fifth, which faint particles do not reach, and the width was added. docs/benchmarks.md says what
they do on other molecules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.classes.crops import BOX_PX, DIAMETER_PX, disc

LEAST_DETAIL = 3.75
MOST_AROUND = 0.6
LEAST_WIDTH = 0.25
FEW, FEWEST = 0.2, 10
_RIM = (1.15, 1.55)  # of the ring around the particle, diameters
_CORE = 0.9
_SMOOTHING_PX = 3.0
_BRIGHT = 1 / 3


@dataclass(frozen=True)
class Evidence:
    """What the rule looks at.

    Attributes
    ----------
    detail : float
        Diameters divided by the resolution to which the class's halves agree.
    around : float
        Standard deviation of the average in a ring around the particle, over that within it.
    width : float
        Diameter of a disc as large as what is bright in the average, particle diameters.
    number, usual : float
        Images of the class, and of a class on average.
    """

    detail: float
    around: float
    width: float
    number: int
    usual: float

    @property
    def reasons(self) -> list[str]:
        """Why the class is doubtful; none if it is not."""
        found = []
        if self.number < FEWEST and self.number < FEW * self.usual:
            return ["few"]
        if self.detail < LEAST_DETAIL:
            found.append("no common detail")
        if self.around > MOST_AROUND:
            found.append("no clear border")
        if self.width < LEAST_WIDTH:
            found.append("too small")
        return found


def structure_around(average: NDArray[np.float32]) -> float:
    """Standard deviation of an average (BOX_PX, BOX_PX) around the particle over that within it."""
    core = disc(_CORE * DIAMETER_PX) > 0
    rim = (disc(min(_RIM[1] * DIAMETER_PX, BOX_PX - 2)) > 0) & (disc(_RIM[0] * DIAMETER_PX) == 0)
    within = float(average[core].std())
    return float(average[rim].std()) / within if within > 0 else np.inf


def bright_width(average: NDArray[np.float32]) -> float:
    """Diameter of a disc as large as the part of an average that is over a third of its brightest, diameters.

    Of the smoothed average (BOX_PX, BOX_PX), within the particle.
    """
    core = disc(1.1 * DIAMETER_PX) > 0
    smooth = ndimage.gaussian_filter(average, _SMOOTHING_PX)
    bright = (smooth > smooth[core].max() * _BRIGHT) & core
    return float(2 * np.sqrt(bright.sum() / np.pi) / DIAMETER_PX)
