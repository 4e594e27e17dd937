"""Scores of picks against known particles: by micrograph, by data set, and pooled."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.evaluation.curves import (
    PrecisionRecall,
    auroc,
    average_precision,
    best_f1,
    calibration_table,
    precision_recall,
)
from napari_hydrapicker.evaluation.matching import Criterion, match
from napari_hydrapicker.evaluation.results import POOLED, CriterionScores, Evaluation, Sample, Scores
from napari_hydrapicker.imaging.rescale import DIAMETER_WPX

__all__ = ["Evaluation", "Sample", "evaluate_sets", "pr_plot"]


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
