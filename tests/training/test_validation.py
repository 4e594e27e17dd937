"""Validation: picking crops, average precision, calibration."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_hydrapicker.hydra.anchors import REACH_WPX, assign
from napari_hydrapicker.training.sources import Crop
from napari_hydrapicker.training.validation import (
    calibrate,
    calibrate_over,
    candidates,
    pooled,
    probability,
    validation_ap,
)

NONE = np.empty((0, 2))
YX = np.array([[20.0, 30.0], [25.0, 100.0], [50.25, 64.5]])


class Oracle(torch.nn.Module):
    """Answers for given centres (N, 2) as a network that makes no mistake would."""

    def __init__(self, yx: np.ndarray) -> None:
        super().__init__()
        self.yx = torch.nn.Parameter(torch.as_tensor(yx, dtype=torch.float32))

    def forward(self, images: torch.Tensor, head: str) -> torch.Tensor:
        grid = (images.shape[2] // 8 - 1, images.shape[3] // 8 - 1)
        label = assign(self.yx.detach(), grid, 8)
        nothing = assign(torch.empty(0, 2), grid, 8)
        part = (label.target_yx - nothing.target_yx) / REACH_WPX
        raw = torch.atanh(part.clamp(-0.99, 0.99)).permute(2, 0, 1)
        distance = part.square().sum(-1)
        logit = torch.where(label.positive, 5.0 - distance, torch.tensor(-10.0))
        return torch.cat([logit[None], raw])[None]


def crop(yx: np.ndarray, ignore: np.ndarray = NONE) -> Crop:
    return Crop(np.zeros((80, 128), np.float32), yx, ignore)


def test_each_particle_is_picked_once_where_it_is() -> None:
    centres, logits = candidates(Oracle(YX), crop(YX))  # type: ignore[arg-type]
    assert len(centres) == len(logits) == 3
    np.testing.assert_allclose(centres[np.argsort(centres[:, 0])], YX, atol=0.05)


def test_perfect_picks_have_ap_one_and_picks_elsewhere_none() -> None:
    assert validation_ap(Oracle(YX), [crop(YX), crop(YX)]) == pytest.approx(1)  # type: ignore[arg-type]
    elsewhere = np.array([[60.0, 110.0], [60.0, 15.0]])
    assert validation_ap(Oracle(YX), [crop(elsewhere)]) == pytest.approx(0)  # type: ignore[arg-type]
    missed = np.concatenate([YX, elsewhere])
    assert validation_ap(Oracle(YX), [crop(missed)]) == pytest.approx(0.6)  # type: ignore[arg-type]
    assert validation_ap(Oracle(YX), []) == 0  # type: ignore[arg-type]


def test_picks_count_neither_way_where_the_truth_is_in_doubt() -> None:
    doubtful = YX[1:2]
    model = Oracle(YX)
    logits, truth, total = pooled(model, [crop(YX[[0, 2]], doubtful)])  # type: ignore[arg-type]
    assert (len(logits), truth.sum(), total) == (2, 2, 2)
    logits, truth, total = pooled(model, [crop(YX[[0, 2]])])  # type: ignore[arg-type]
    assert (len(logits), truth.sum(), total) == (3, 2, 2)
    # a label nearer than the doubt keeps its pick
    logits, truth, _ = pooled(model, [crop(YX, doubtful + 4)])  # type: ignore[arg-type]
    assert (len(logits), truth.sum()) == (3, 3)


@pytest.mark.parametrize(("a", "b"), [(0.5, 1.0), (1.0, 0.0), (2.5, -3.0)])
def test_calibration_finds_the_scale_and_shift(a: float, b: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 40000)
    truth = rng.random(40000) < probability(logits, a, b)
    found = calibrate(logits, truth)
    assert found == pytest.approx((a, b), rel=0.05, abs=0.05)


def test_probabilities() -> None:
    np.testing.assert_allclose(probability(np.array([0.0, 2.0]), 1.5, -3.0), [1 / (1 + np.e**3), 0.5])


@pytest.mark.parametrize("truth", [np.ones(50, bool), np.zeros(50, bool), np.arange(5) > 2])
def test_too_little_to_calibrate_leaves_the_logits_alone(truth: np.ndarray) -> None:
    assert calibrate(np.linspace(-3, 3, len(truth)), truth) == (1.0, 0.0)


def test_kinds_of_images_count_alike_in_the_calibration() -> None:
    rng = np.random.default_rng(1)
    many, few = rng.normal(0, 2, 9000), rng.normal(0, 2, 600)
    of_many, of_few = (
        rng.random(9000) < probability(many, 1.0, 1.0),
        rng.random(600) < probability(few, 1.0, -3.0),
    )
    _, pooled_shift = calibrate(np.concatenate([many, few]), np.concatenate([of_many, of_few]))
    _, shift = calibrate_over([(many, of_many), (few, of_few), (np.empty(0), np.empty(0, bool))])
    _, other_way = calibrate_over([(many[:600], of_many[:600]), (few, of_few)])
    assert pooled_shift > shift + 0.5
    assert shift == pytest.approx(other_way, abs=0.3)
    assert calibrate_over([]) == (1.0, 0.0)
