"""A constant offset of a head's picks is measured and taken out."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.model import HydraPicker
from napari_hydrapicker.hydra.weights import bundled_path, load
from napari_hydrapicker.training.recentre import mean_offset, recentre
from napari_hydrapicker.training.sources import Crop
from napari_hydrapicker.training.validation import dense_answer

NONE = np.empty((0, 2))


@pytest.fixture(scope="module")
def model() -> HydraPicker:
    return load(bundled_path())[0]


@pytest.fixture(scope="module")
def crops() -> list[Crop]:
    """Dark discs on non-square images."""
    made = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        image = rng.normal(size=(128, 208)).astype(np.float32) * 0.5
        grid = np.stack(np.meshgrid(np.arange(4) * 30 + 18, np.arange(6) * 33 + 20, indexing="ij"), -1)
        yx = grid.reshape(-1, 2) + rng.uniform(-4, 4, (24, 2))
        rows, cols = np.mgrid[:128, :208]
        for y, x in yx:
            image[np.hypot(rows - y, cols - x) < 9] -= 2.5
        made.append(Crop(image, yx, NONE))
    return made


def test_an_offset_put_in_is_taken_out(model: HydraPicker, crops: list[Crop]) -> None:
    bias = model.head().output.bias
    assert bias is not None
    kept = bias.detach().clone()
    with torch.no_grad():
        bias[1:] += torch.tensor([0.15, -0.1])
    before, after = (found[0] for found in recentre(model, [crops]))
    # 12 wpx * tanh' is at most 12 wpx a unit: the offset put in is (1.8, -1.2) wpx at most.
    assert before[0] > 0.8
    assert before[1] < -0.5
    assert np.abs(after).max() < 0.02
    measured = mean_offset([dense_answer(model, crop.image) for crop in crops], crops, 0.0)
    np.testing.assert_allclose(measured, after, atol=0.02)
    assert bias[0] == kept[0]
    with torch.no_grad():
        bias.copy_(kept)


def test_too_few_picks_are_refused(model: HydraPicker, crops: list[Crop]) -> None:
    with pytest.raises(ParameterError, match="too few"):
        recentre(model, [crops[:1]])


def test_of_two_kinds_neither_is_favoured(model: HydraPicker, crops: list[Crop]) -> None:
    shifted = [Crop(crop.image, crop.yx + np.array([0.4, -0.2]), NONE) for crop in crops]
    kept = copy.deepcopy(model)
    before, after = recentre(kept, [crops, shifted])
    assert before[0] - before[1] == pytest.approx([0.4, -0.2], abs=0.1)
    np.testing.assert_allclose(after[0], -after[1], atol=0.02)
