"""What goes into an evaluation, and its numbers for a JSON file."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from napari_hydrapicker.evaluation.matching import Criterion
from napari_hydrapicker.evaluation.metrics import F1, PrecisionRecall
from napari_hydrapicker.evaluation.report import CriterionScores, Evaluation, Sample, Scores
from napari_hydrapicker.picks import Picks

NOTHING = Picks.from_xy([], [])
# 84 px a diameter, 4 px a working pixel: 75 x 125 working pixels.
SAMPLE = Sample("a", "set", NOTHING, NOTHING, (300, 500), 2.0, 168.0)


def test_scale_of_a_sample() -> None:
    assert SAMPLE.diameter_px == 84
    assert SAMPLE.n_cells == (75 // 16) * (125 // 16)
    assert replace(SAMPLE, pixel_size_angstrom=4.0).n_cells == (150 // 16) * (250 // 16)


def test_the_border_lies_along_all_four_edges_of_a_non_square_micrograph() -> None:
    corners = np.array([[20, 20], [279, 479], [19.9, 250], [279.1, 250], [150, 19.9], [150, 479.1]])
    with_border = replace(SAMPLE, border_angstrom=40.0)  # 20 px
    assert with_border.inside(corners).tolist() == [True, True, False, False, False, False]


def test_without_a_border_even_centres_outside_the_image_count() -> None:
    assert SAMPLE.inside(np.array([[-3.0, 600.0]])).tolist() == [True]


@pytest.fixture
def scores() -> Scores:
    curve = PrecisionRecall(np.array([0.5]), np.array([1.0]), np.array([0.5]))
    by = CriterionScores(
        n_picks=2, n_true=1, n_truth=2, ap=0.5, aroc=math.nan, best=F1(0.5, 0.5, 0.5, math.inf),
        offset_px=(math.nan, math.nan), offset_wpx=(0.25, -0.5), calibration_error=0.1, curve=curve,
    )  # fmt: skip
    return Scores("a", "set", 1, {Criterion.IOU: by})


def test_numbers_for_a_json_file(scores: Scores) -> None:
    numbers = Evaluation([scores], [scores], scores).as_dict()
    assert json.loads(json.dumps(numbers, allow_nan=False)) == json.loads(json.dumps(numbers))
    one = numbers["micrographs"][0]
    assert one == numbers["sets"][0] == numbers["pooled"]
    assert (one["name"], one["set"], one["micrographs"]) == ("a", "set", 1)
    iou = one["iou"]
    assert iou["aroc"] is None
    assert list(iou["offset_px"]) == [None, None]
    assert list(iou["offset_wpx"]) == [0.25, -0.5]
    assert iou["best"]["threshold"] is None
    assert iou["best"]["f1"] == 0.5
    assert "curve" not in iou
