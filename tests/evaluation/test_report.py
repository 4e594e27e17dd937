"""Scores by micrograph, by data set and pooled: micrographs of several shapes and pixel sizes."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.evaluation.matching import Criterion
from napari_hydrapicker.evaluation.report import Sample, evaluate_sets, pr_plot
from napari_hydrapicker.picks import Picks

IOU, QUARTER = Criterion.IOU, Criterion.QUARTER

# Not square, 42 px a diameter: 2 px a working pixel. The pick at (103, 303) is 3 px off on both axes,
# that at (207, 407) 7 px off: true by distance (9.9 <= 10.5), but not by overlap.
FINE = Sample(
    name="fine",
    set_name="one",
    picks=Picks(np.array([[103, 303], [207, 407], [350, 50]], float), np.array([0.95, 0.85, 0.75])),
    truth=Picks(np.array([[100, 300], [200, 400], [300, 600], [30, 40]], float)),
    shape=(400, 800),
    pixel_size_angstrom=1.0,
    diameter_angstrom=42.0,
)
# Four times the pixel size: 10.5 px a diameter, half a pixel a working pixel.
COARSE = Sample(
    name="coarse",
    set_name="two",
    picks=Picks(np.array([[61, 20]], float), np.array([0.99])),
    truth=Picks(np.array([[60, 21]], float)),
    shape=(100, 50),
    pixel_size_angstrom=4.0,
    diameter_angstrom=42.0,
)


def test_one_micrograph_by_hand() -> None:
    [scores] = evaluate_sets([FINE]).micrographs
    iou, quarter = scores.by[IOU], scores.by[QUARTER]
    assert (iou.n_picks, iou.n_true, iou.n_truth) == (3, 1, 4)
    assert (quarter.n_picks, quarter.n_true, quarter.n_truth) == (3, 2, 4)
    assert iou.ap == pytest.approx(1 / 4)
    assert quarter.ap == pytest.approx(2 / 4)
    assert iou.best.f1 == pytest.approx(2 * 1 / (1 + 4))
    assert quarter.best.threshold == pytest.approx(0.85)
    assert iou.offset_px == pytest.approx((3, 3))
    assert iou.offset_wpx == pytest.approx((1.5, 1.5))
    assert quarter.offset_px == pytest.approx((5, 5))
    assert iou.calibration_error == pytest.approx((0.05 + 0.85 + 0.75) / 3)
    # 200 x 400 working pixels: 12 x 25 cells, 296 of them without a particle; recall is flat at 1/4.
    assert FINE.n_cells == 300
    assert iou.aroc == pytest.approx(1 / 4)
    assert quarter.aroc == pytest.approx(2 / 4)


def test_offset_is_pick_minus_truth_row_first() -> None:
    [scores] = evaluate_sets([COARSE]).micrographs
    assert scores.by[IOU].offset_px == pytest.approx((1, -1))
    assert scores.by[IOU].offset_wpx == pytest.approx((2, -2))


def test_sets_and_pool() -> None:
    evaluation = evaluate_sets([FINE, COARSE, replace(FINE, name="again")])
    assert [scores.name for scores in evaluation.micrographs] == ["fine", "coarse", "again"]
    assert [(scores.name, scores.n_micrographs) for scores in evaluation.sets] == [("one", 2), ("two", 1)]
    pooled = evaluation.pooled.by[IOU]
    assert (pooled.n_picks, pooled.n_true, pooled.n_truth) == (7, 3, 9)
    # In one ranking: true at 0.99; two true at 0.95; the rest false.
    assert pooled.ap == pytest.approx(3 / 9)
    np.testing.assert_allclose(pooled.curve.threshold, np.float32([0.99, 0.95, 0.85, 0.75]))
    # Pixels of different sizes have no common mean; working pixels have.
    assert np.isnan(pooled.offset_px).all()
    assert pooled.offset_wpx == pytest.approx(((1.5 * 2 + 2) / 3, (1.5 * 2 - 2) / 3))
    assert evaluation.sets[0].by[IOU].offset_px == pytest.approx((3, 3))


def test_border_ignores_particles_and_picks_near_the_edge() -> None:
    # Within 60 px: the particle at (30, 40), and the false pick at (350, 50).
    [scores] = evaluate_sets([replace(FINE, border_angstrom=60.0)]).micrographs
    assert (scores.by[IOU].n_picks, scores.by[IOU].n_true, scores.by[IOU].n_truth) == (2, 1, 3)
    # A pick and its particle share their fate, whichever side of the line the pick lies on: the
    # particle at row 100 is inside a border of 99 px, its pick too; of 102 px, the pick alone would be.
    [within] = evaluate_sets([replace(FINE, border_angstrom=102.0)]).micrographs
    assert (within.by[IOU].n_picks, within.by[IOU].n_true, within.by[IOU].n_truth) == (1, 0, 1)


def test_border_scales_with_the_pixel_size() -> None:
    # 80 A are 20 px: column 21 of 50 is inside; 88 A are 22 px: it is not.
    assert evaluate_sets([replace(COARSE, border_angstrom=80.0)]).pooled.by[IOU].n_truth == 1
    assert evaluate_sets([replace(COARSE, border_angstrom=88.0)]).pooled.by[IOU].n_truth == 0


def test_empty_picks_and_empty_truth() -> None:
    none = Picks(np.empty((0, 2)))
    by = evaluate_sets([replace(FINE, picks=none)]).pooled.by[IOU]
    assert (by.ap, by.aroc, by.best.f1, by.n_truth) == (0, 0, 0, 4)
    by = evaluate_sets([replace(FINE, truth=none)]).pooled.by[IOU]
    assert math.isnan(by.ap)
    assert (by.n_true, by.n_picks) == (0, 3)
    assert np.isnan(by.offset_wpx).all()


def test_json_has_no_nan() -> None:
    numbers = evaluate_sets([FINE, COARSE]).as_dict()
    read = json.loads(json.dumps(numbers, allow_nan=False))
    assert read["pooled"]["iou"]["offset_px"] == [None, None]
    assert read["micrographs"][0]["quarter"]["best"]["threshold"] == pytest.approx(0.85)
    assert read["sets"][1]["set"] == "two"
    assert "curve" not in read["pooled"]["iou"]


@pytest.mark.parametrize(
    ("change", "message"),
    [({"border_angstrom": -1.0}, "border"), ({"diameter_angstrom": 0.0}, "diameter"),
     ({"pixel_size_angstrom": math.nan}, "pixel size")],
)  # fmt: skip
def test_bad_numbers_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        evaluate_sets([replace(FINE, **change)])  # type: ignore[arg-type]


def test_nothing_to_evaluate() -> None:
    with pytest.raises(ParameterError, match="nothing to evaluate"):
        evaluate_sets([])


def test_plot(tmp_path: Path) -> None:
    evaluation = evaluate_sets([FINE, COARSE])
    curves = {scores.name: scores.by[QUARTER].curve for scores in evaluation.sets}
    pr_plot(tmp_path / "pr.png", curves, "two sets")
    pr_plot(tmp_path / "none.png", {})
    with Image.open(tmp_path / "pr.png") as drawn, Image.open(tmp_path / "none.png") as empty:
        colours = [{c for _, c in image.convert("RGB").getcolors(2**20)} for image in (drawn, empty)]
    orange_or_blue = [{c for c in one if max(c) - min(c) > 100} for one in colours]
    assert orange_or_blue[0]
    assert not orange_or_blue[1]


@pytest.mark.parametrize("name", ["missing/pr.png", "pr.nonsense"])
def test_plot_that_cannot_be_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="cannot be written"):
        pr_plot(tmp_path / name, {})
