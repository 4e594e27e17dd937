"""Scores as a table for the terminal."""

from __future__ import annotations

import math

from rich.box import SIMPLE_HEAD
from rich.table import Table

from napari_hydrapicker.evaluation.matching import Criterion
from napari_hydrapicker.evaluation.results import Evaluation, Scores

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
