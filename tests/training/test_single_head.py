"""Training learns, goes on where it stopped, and refuses nonsense."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.hydra.model import Architecture, HydraPicker
from napari_hydrapicker.training.single_head import Progress, SingleHeadParameters, train_single_head
from napari_hydrapicker.training.sources import Crop

SMALL = Architecture(channels=8, groups=4, dropout=0.0)


class Discs:
    """Dark discs in weak noise, easy to find."""

    name = "discs"

    def crop(self, rng: np.random.Generator, size: int) -> Crop:
        image = rng.normal(size=(size, size)).astype(np.float32) * 0.3
        yx = rng.uniform(10, size - 10, size=(2, 2))
        rows, cols = np.mgrid[:size, :size]
        for y, x in yx:
            image -= 3 * (np.hypot(rows - y, cols - x) < 8)
        return Crop(image.astype(np.float32), yx, np.empty((0, 2)))


def train(folder: Path, steps: int, reports: list[Progress]) -> HydraPicker:
    torch.manual_seed(0)
    parameters = SingleHeadParameters(
        steps=steps, batch_size=2, crop_wpx=64, learning_rate=3e-4, warmup_steps=5, ema_decay=0.8,
        validate_every=20,
    )  # fmt: skip
    checks = [Discs().crop(np.random.default_rng(i), 64) for i in range(4)]
    return train_single_head(HydraPicker(SMALL), [Discs()], [1.0], checks, folder, parameters, reports.append)


def test_the_loss_falls_and_a_stopped_training_goes_on(tmp_path: Path) -> None:
    reports: list[Progress] = []
    train(tmp_path, 40, reports)
    assert reports[-1].loss < 0.6 * reports[0].loss
    train(tmp_path, 60, reports)
    assert [r.step for r in reports] == [20, 40, 60]


def test_a_foreign_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes(b"not a checkpoint")
    with pytest.raises(WeightsError, match="cannot go on"):
        train(tmp_path, 5, [])


def test_no_data_sets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="0 data sets"):
        train_single_head(HydraPicker(SMALL), [], [], [], tmp_path)
