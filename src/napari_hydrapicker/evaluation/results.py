"""What an evaluation takes in and gives back: samples, and scores that can go into a JSON file."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.evaluation.curves import F1, PrecisionRecall
from napari_hydrapicker.evaluation.matching import Criterion
from napari_hydrapicker.imaging.rescale import working_shape
from napari_hydrapicker.picks import Picks

POOLED = "pooled"
_CELL_WPX = 16


@dataclass(frozen=True, eq=False)
class Sample:
    """What one micrograph contributes: its picks, its true particles, and its scale.

    Attributes
    ----------
    name, set_name : str
        The micrograph and the data set it belongs to.
    picks, truth : Picks
        Picked and true centres.
    shape : (int, int)
        Rows and columns of the micrograph, pixels.
    pixel_size_angstrom, diameter_angstrom : float
        Pixel size and particle diameter.
    border_angstrom : float
        Particles nearer than this to an edge are not asked for, and picks there are not held against
        the picker.
    """

    name: str
    set_name: str
    picks: Picks
    truth: Picks
    shape: tuple[int, int]
    pixel_size_angstrom: float
    diameter_angstrom: float
    border_angstrom: float = 0.0

    @property
    def diameter_px(self) -> float:
        """Particle diameter in micrograph pixels."""
        return self.diameter_angstrom / self.pixel_size_angstrom

    @property
    def n_cells(self) -> int:
        """Cells of the network's output grid: (H // 16) * (W // 16), H and W in working pixels."""
        rows, cols = working_shape(self.shape, self.pixel_size_angstrom, self.diameter_angstrom)
        return (rows // _CELL_WPX) * (cols // _CELL_WPX)

    def inside(self, yx: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether centres, shape (N, 2), lie outside the ignored border; all do if it is 0."""
        if self.border_angstrom == 0:
            return np.ones(len(yx), bool)
        border_px = self.border_angstrom / self.pixel_size_angstrom
        last = np.array(self.shape) - 1
        return np.asarray(((yx >= border_px) & (yx <= last - border_px)).all(axis=1))


@dataclass(frozen=True, eq=False)
class CriterionScores:
    """Scores by one criterion of what a true pick is.

    Attributes
    ----------
    n_picks, n_true, n_truth : int
        Picks, true picks, and true particles, those in the ignored border left out.
    ap, aroc : float
        Average precision and area under the ROC curve, see `curves`.
    best : F1
        Best F1 with its precision, recall and threshold.
    offset_px, offset_wpx : (float, float)
        Mean (row, col) of pick minus particle over all true picks, in micrograph pixels (NaN where
        micrographs of different pixel size are pooled) and in working pixels (21 a diameter).
    calibration_error : float
        Expected calibration error; NaN where the scores are no probabilities.
    curve : PrecisionRecall
        The whole precision-recall curve.
    """

    n_picks: int
    n_true: int
    n_truth: int
    ap: float
    aroc: float
    best: F1
    offset_px: tuple[float, float]
    offset_wpx: tuple[float, float]
    calibration_error: float
    curve: PrecisionRecall


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of one micrograph, one data set, or all of them, by each criterion."""

    name: str
    set_name: str
    n_micrographs: int
    by: Mapping[Criterion, CriterionScores]

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers for a JSON file: NaN and infinities become None; the curves stay out."""
        numbers: dict[str, Any] = {"name": self.name, "set": self.set_name, "micrographs": self.n_micrographs}
        for criterion, scores in self.by.items():
            fields = {
                f.name: getattr(scores, f.name) for f in dataclasses.fields(scores) if f.name != "curve"
            }
            fields["best"] = dataclasses.asdict(scores.best)
            numbers[criterion.value] = _finite(fields)
        return numbers


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The outcome of `evaluate_sets`; the order is that of the samples given to it."""

    micrographs: list[Scores]
    sets: list[Scores]
    pooled: Scores

    def as_dict(self) -> dict[str, Any]:
        """Return all numbers for a JSON file."""
        return {
            "micrographs": [scores.as_dict() for scores in self.micrographs],
            "sets": [scores.as_dict() for scores in self.sets],
            POOLED: self.pooled.as_dict(),
        }


def _finite(value: Any) -> Any:
    """Replace NaN and infinities, which JSON does not know, by None."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
