"""Scoring by one call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.evaluation.evaluate import evaluate
from napari_hydrapicker.evaluation.report import Sample, evaluate_sets
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picks import Picks

TRUTH = Picks([[100.0, 200.0], [300.0, 80.0], [240.0, 600.0], [20.0, 400.0]])
PICKS = Picks([[101.0, 199.0], [20.0, 30.0], [299.0, 80.0]], [0.9, 0.85, 0.8])


def micrograph(name: str, pixel_size: float | None = 3.0) -> Micrograph:
    return Micrograph.from_array(np.zeros((360, 720), np.int8), pixel_size, name)


def test_the_scores_are_those_of_the_report() -> None:
    scores = evaluate(PICKS, TRUTH, 180, micrograph("a"))
    same = evaluate_sets([Sample("a", "all", PICKS, TRUTH, (360, 720), 3.0, 180.0)])
    assert scores.as_dict() == same.as_dict()
    assert 0 < scores.ap < 0.5
    assert (scores.best.precision, scores.best.recall) == (2 / 3, 0.5)
    assert scores.f1 == pytest.approx(4 / 7)
    assert 0 < scores.aroc < 1
    assert repr(scores).startswith("<Evaluation of 1 micrograph: AP 0.")


def test_micrographs_are_matched_by_name() -> None:
    picks = {"x/grid1_DW": PICKS, "grid2": TRUTH}
    truth = {"grid2": TRUTH, "grid1": TRUTH, "grid3": TRUTH}
    known = [micrograph("grid3"), micrograph("grid1_DW"), micrograph("grid2", 1.5)]
    scores = evaluate(picks, truth, 180, known)
    assert {one.name for one in scores.micrographs} == {"grid1", "grid2"}
    assert scores.ap < evaluate({"grid2": TRUTH}, truth, 180, known).ap == 1


def test_the_pixel_size_that_is_given_counts() -> None:
    """At 0.03 A per pixel a particle fills the image, and a pick half of it away is right."""
    far = Picks([[140.0, 200.0]])
    assert evaluate(far, TRUTH.select([0]), 180, micrograph("a")).ap == 0
    assert evaluate(far, TRUTH.select([0]), 180, micrograph("a"), pixel_size_angstrom=0.5).ap == 1
    assert evaluate(far, TRUTH.select([0]), 180, pixel_size_angstrom=0.5).ap == 1


def test_the_border_is_ignored() -> None:
    assert evaluate(PICKS, TRUTH, 180, micrograph("a"), border_angstrom=90).best.recall == pytest.approx(
        2 / 3
    )


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"diameter_angstrom": 0}, "`diameter_angstrom`: 0"),
        ({"pixel_size_angstrom": -1.0}, "`pixel_size_angstrom`: -1"),
        ({}, "`pixel_size_angstrom`: that of micrograph is not known"),
        ({"micrographs": micrograph("a", None)}, "`pixel_size_angstrom`: that of a is not known"),
        ({"micrographs": [micrograph("a"), micrograph("b")]}, "`micrographs`: 2 for the picks of one"),
        ({"border_angstrom": float("nan")}, "`border_angstrom`: nan"),
        ({"border_angstrom": 10, "pixel_size_angstrom": 3}, "`border_angstrom`: needs the micrographs"),
        ({"truth": {"a": TRUTH}}, "`truth`: give it as the picks"),
        ({"picks": {"b": PICKS}, "truth": {"a": TRUTH}}, "`truth`: no micrograph has both .* of b, .* of a"),
        (
            {"picks": {"b": PICKS}, "truth": {"b": TRUTH}, "micrographs": micrograph("a")},
            "`micrographs`: none of them could be b",
        ),
    ],
)
def test_wrong_parameters_are_named(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ParameterError, match=f"^{complaint}"):
        evaluate(**{"picks": PICKS, "truth": TRUTH, "diameter_angstrom": 180, **given})
