"""Scores as a table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from napari_hydrapicker.evaluation.report import (
    Evaluation,
    Sample,
    evaluate_sets,
    headline_rows,
    number,
    scores_table,
)
from napari_hydrapicker.picks import Picks

# 2 px a working pixel; the first pick lies 3 px below and 1 px left of its particle.
ONE = Sample(
    "mic_1", "first", Picks(np.array([[103.0, 299], [350, 50]]), np.array([0.9, 0.4])),
    Picks(np.array([[100.0, 300], [200, 400]])), (400, 800), 1.0, 42.0,
)  # fmt: skip
EMPTY = replace(ONE, name="mic_2", set_name="second", picks=Picks.from_xy([], []))


def lines(evaluation: Evaluation, by_micrograph: bool = False) -> list[list[str]]:
    """Words of each row below the headings and above the caption."""
    console = Console(width=200, color_system=None)
    with console.capture() as capture:
        console.print(scores_table(evaluation, by_micrograph))
    rows = [line.split() for line in capture.get().splitlines()]
    return [words for words in rows if "0.6" in words[:9] or "d/4" in words[:7]]


def test_a_row_holds_the_numbers_under_their_headings() -> None:
    evaluation = evaluate_sets([ONE])
    iou, quarter = lines(evaluation)
    assert iou[:8] == ["first", "1", "2", "2", "1", "IoU", ">", "0.6"]
    by = evaluation.pooled.by
    scores = next(iter(by.values()))
    assert iou[8:] == [
        f"{scores.ap:.3f}", f"{scores.aroc:.3f}", f"{scores.best.f1:.3f}", "1.000", "0.500", "0.9",
        "+1.50", "-0.50", number(scores.calibration_error),
    ]  # fmt: skip
    assert quarter[:2] == ["1", "d/4"]


def test_all_together_only_where_there_are_several() -> None:
    assert [s.name for s in headline_rows(evaluate_sets([ONE]))] == ["first"]
    several = evaluate_sets([ONE, EMPTY])
    assert [s.name for s in headline_rows(several)] == ["first", "second", "pooled"]
    assert [words[0] for words in lines(several)[::2]] == ["first", "second", "pooled"]


def test_micrographs_are_listed_on_request() -> None:
    rows = lines(evaluate_sets([ONE, EMPTY]), by_micrograph=True)
    assert [words[0] for words in rows[::2]] == ["mic_1", "mic_2", "first", "second", "pooled"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_defined_is_a_dash(value: float) -> None:
    assert number(value) == "-"
    assert number(0.12345) == "0.123"
    assert number(0.5, "+.2f") == "+0.50"
    row = lines(evaluate_sets([EMPTY]))[0]
    assert row[-1] == "-"
    assert row[-2] == "-"
