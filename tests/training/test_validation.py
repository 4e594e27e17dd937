"""Validation: picking crops, average precision, calibration."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_hydrapicker.hydra.anchors import REACH_WPX, assign
from napari_hydrapicker.training.sources import Crop
from napari_hydrapicker.training.validation import (
    HeadScores,
    calibrate,
    candidates,
    inclusive_threshold,
    merged,
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


def scores(logits: list[float], n_true: int, particles: int) -> HeadScores:
    """Picks of an image, the first of which are true."""
    return HeadScores(np.array(logits), np.arange(len(logits)) < n_true, particles)


def test_faint_images_count_as_much_as_plain_ones_in_the_threshold() -> None:
    plain = scores([4.0] * 90 + [0.0] * 10, 90, 90)  # alone, it would hide all from 0.5 downwards
    faint = scores([0.0] * 6, 4, 6)
    assert inclusive_threshold([plain], (1.0, 0.0)) == pytest.approx(0.51)
    assert inclusive_threshold([plain, faint], (1.0, 0.0)) <= 0.5  # type: ignore[operator]
    assert merged([plain, faint]).threshold((1.0, 0.0), 0.3) > 0.9


def test_of_thresholds_as_good_the_lowest_is_taken() -> None:
    """Few that are shown in vain hardly change F1, a few more do."""
    image = scores([1.0] * 399 + [0.0, -1.0], 399, 400)
    assert inclusive_threshold([image], (1.0, 0.0)) == pytest.approx(0.05)
    many = scores([1.0] * 399 + [0.0, *[-1.0] * 5], 399, 400)
    assert inclusive_threshold([many], (1.0, 0.0)) == pytest.approx(0.27)
    assert inclusive_threshold([many], (1.0, -1.0)) == pytest.approx(0.12)


def test_images_without_particles_have_no_threshold() -> None:
    empty = scores([3.0, 2.0], 0, 0)
    assert inclusive_threshold([], (1.0, 0.0)) is None
    assert inclusive_threshold([empty], (1.0, 0.0)) is None
    image = scores([2.0, 1.0], 2, 2)
    assert inclusive_threshold([image, empty], (1.0, 0.0)) == inclusive_threshold([image], (1.0, 0.0))
