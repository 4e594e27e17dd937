"""Scores of picks against known particles: by micrograph, by data set, and pooled; as JSON and as a table."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.evaluation.matching import Criterion, match
from napari_hydrapicker.evaluation.metrics import (
    F1,
    PrecisionRecall,
    auroc,
    average_precision,
    best_f1,
    calibration_table,
    precision_recall,
)
from napari_hydrapicker.imaging.rescale import DIAMETER_WPX, working_shape
from napari_hydrapicker.picks import Picks

POOLED = "pooled"
_CELL_WPX = 16

__all__ = ["Evaluation", "Sample", "evaluate_sets", "pr_plot"]
LABELS = {Criterion.IOU: "IoU > 0.6", Criterion.QUARTER: "d/4"}
"""What each criterion is called in tables and plots."""
_COUNTS = ("images", "truth", "picks", "true")
_NUMBERS = ("AP", "AROC", "F1", "P", "R", "score", "dy", "dx", "ECE")
_CAPTION = (
    "IoU > 0.6: boxes overlap by more than 0.6; d/4: centres within a quarter of the diameter. "
    "F1, P, R, score: the best F1, its precision and recall, and the score from which picks are kept. "
    "dy, dx: mean of true pick minus particle, working pixels (21 a diameter). "
    "ECE: expected calibration error."
)


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
    """The scores of some picks.

    Attributes
    ----------
    micrographs, sets : list of Scores
        Of each micrograph and of each data set, in the order in which they were given.
    pooled : Scores
        Of all micrographs together.
    """

    micrographs: list[Scores]
    sets: list[Scores]
    pooled: Scores

    @property
    def ap(self) -> float:
        """Average precision of all together, a pick being right if its box overlaps by more than 0.6."""
        return self.pooled.by[Criterion.IOU].ap

    @property
    def aroc(self) -> float:
        """Area under the receiver operating curve of all together, by the same criterion."""
        return self.pooled.by[Criterion.IOU].aroc

    @property
    def f1(self) -> float:
        """The best F1 of all together, by the same criterion."""
        return self.best.f1

    @property
    def best(self) -> F1:
        """The best F1 with its precision, its recall, and the threshold that gives it."""
        return self.pooled.by[Criterion.IOU].best

    def __repr__(self) -> str:
        n = len(self.micrographs)
        return (
            f"<Evaluation of {n} micrograph{'s' * (n != 1)}: AP {number(self.ap)}, "
            f"AROC {number(self.aroc)}, F1 {number(self.f1)}>"
        )

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


@dataclass(frozen=True, eq=False)
class _Outcome:
    """One micrograph after matching; micrographs are pooled by joining these."""

    score: NDArray[np.float32]
    is_true: NDArray[np.bool_]
    offset_px: NDArray[np.float64]  # (true picks, 2)
    diameter_px: float
    n_truth: int
    n_cells: int


def evaluate_sets(samples: Sequence[Sample]) -> Evaluation:
    """Score picks by micrograph, by data set and pooled, with both criteria.

    Pooling joins the picks of all micrographs into one ranking, so that scores must mean the same in
    all of them. Picks are matched within their micrograph.

    Raises
    ------
    ParameterError
        If there are no samples, or a pixel size, diameter or border is out of range.
    """
    if not samples:
        raise ParameterError("there is nothing to evaluate: no micrograph has both picks and true particles")
    outcomes = [{criterion: _outcome(sample, criterion) for criterion in Criterion} for sample in samples]
    pairs = list(zip(samples, outcomes, strict=True))
    micrographs = [_scores(sample.name, sample.set_name, [outcome]) for sample, outcome in pairs]
    names = dict.fromkeys(sample.set_name for sample in samples)
    sets = [
        _scores(name, name, [outcome for sample, outcome in pairs if sample.set_name == name])
        for name in names
    ]
    return Evaluation(micrographs, sets, _scores(POOLED, POOLED, outcomes))


def pr_plot(path: str | Path, curves: Mapping[str, PrecisionRecall], title: str = "") -> None:
    """Draw precision-recall curves, keyed by their label, into an image file (PNG, PDF or SVG).

    Raises
    ------
    ParameterError
        If the file cannot be written, or its extension names no image format.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision", title=title)
    for label, curve in curves.items():
        if len(curve.recall):  # drawn from recall 0 on, at the precision of the first threshold
            recall = np.concatenate([[0.0], curve.recall])
            precision = np.concatenate([curve.precision[:1], curve.precision])
            axes.plot(recall, precision, label=label, linewidth=1.5)
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(loc="lower left", fontsize="small")
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise ParameterError(f"{path}: the plot cannot be written ({error})") from error


def _outcome(sample: Sample, criterion: Criterion) -> _Outcome:
    """Match one micrograph's picks, then leave out what lies in the border.

    Matching comes first, so that a pick and its particle on two sides of the border's line stay together.
    """
    if not (math.isfinite(sample.border_angstrom) and sample.border_angstrom >= 0):
        raise ParameterError(f"the border must be 0 or more Angstrom, not {sample.border_angstrom}")
    n_cells = sample.n_cells
    picks, truth = sample.picks, sample.truth
    matched = match(picks.yx, picks.score, truth.yx, sample.diameter_px, criterion)
    wanted = sample.inside(truth.yx)
    kept = sample.inside(picks.yx)
    kept[matched.is_true] = wanted[matched.truth_index[matched.is_true]]
    is_true = matched.is_true[kept]
    offset = picks.yx[kept][is_true] - truth.yx[matched.truth_index[kept][is_true]]
    return _Outcome(picks.score[kept], is_true, offset, sample.diameter_px, int(wanted.sum()), n_cells)


def _scores(name: str, set_name: str, outcomes: Sequence[Mapping[Criterion, _Outcome]]) -> Scores:
    by = {criterion: _pool([outcome[criterion] for outcome in outcomes]) for criterion in Criterion}
    return Scores(name, set_name, len(outcomes), by)


def _pool(outcomes: Sequence[_Outcome]) -> CriterionScores:
    score = np.concatenate([o.score for o in outcomes])
    is_true = np.concatenate([o.is_true for o in outcomes])
    n_truth, n_cells = sum(o.n_truth for o in outcomes), sum(o.n_cells for o in outcomes)
    diameters = [o.diameter_px for o in outcomes]
    one_scale = np.allclose(diameters, diameters[0], rtol=1e-3, atol=0)
    offset_px = _mean_offset(o.offset_px for o in outcomes) if one_scale else (math.nan, math.nan)
    return CriterionScores(
        n_picks=len(score),
        n_true=int(is_true.sum()),
        n_truth=n_truth,
        ap=average_precision(score, is_true, n_truth),
        aroc=auroc(score, is_true, n_truth, n_cells),
        best=best_f1(score, is_true, n_truth),
        offset_px=offset_px,
        offset_wpx=_mean_offset(o.offset_px * (DIAMETER_WPX / o.diameter_px) for o in outcomes),
        calibration_error=calibration_table(score, is_true).error,
        curve=precision_recall(score, is_true, n_truth),
    )


def _mean_offset(offsets: Iterable[NDArray[np.float64]]) -> tuple[float, float]:
    joined = np.concatenate(list(offsets))
    if not len(joined):
        return math.nan, math.nan
    dy, dx = joined.mean(axis=0).tolist()
    return dy, dx


def scores_table(evaluation: Evaluation, by_micrograph: bool = False) -> Table:
    """Lay out scores: two rows (one a criterion) for each data set, and for all of them together.

    The columns are explained below the table; what is not defined is shown as "-".
    """
    table = Table(box=SIMPLE_HEAD, pad_edge=False, caption=_CAPTION, caption_justify="left")
    table.add_column("data set", no_wrap=True)
    for heading in _COUNTS:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("true if", no_wrap=True)
    for heading in _NUMBERS:
        table.add_column(heading, justify="right", no_wrap=True)
    rows = list(evaluation.micrographs) if by_micrograph else []
    for scores in [*rows, *headline_rows(evaluation)]:
        _add_rows(table, scores)
    return table


def headline_rows(evaluation: Evaluation) -> list[Scores]:
    """Return the data sets, followed by all of them pooled if there are several."""
    pooled = [evaluation.pooled] if len(evaluation.sets) > 1 else []
    return [*evaluation.sets, *pooled]


def number(value: float, form: str = ".3f") -> str:
    """Format a number; "-" for one that is not defined."""
    return format(value, form) if math.isfinite(value) else "-"


def _add_rows(table: Table, scores: Scores) -> None:
    for row, (criterion, by) in enumerate(scores.by.items()):
        counts = (scores.name, str(scores.n_micrographs), str(by.n_truth), str(by.n_picks))
        table.add_row(
            *(counts if row == 0 else ("",) * len(counts)),
            str(by.n_true),
            LABELS[criterion],
            *(number(value) for value in (by.ap, by.aroc, by.best.f1, by.best.precision, by.best.recall)),
            number(by.best.threshold, ".3g"),
            *(number(value, "+.2f") for value in by.offset_wpx),
            number(by.calibration_error),
        )
