"""Working images marked once, and on darkened copies."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_hydrapicker.cgan.networks import Generator
from napari_hydrapicker.cgan.predict import DARKENED, ONCE, predict_masks
from napari_hydrapicker.cgan.preprocess import FLOOR

SHAPE = (40, 70)


class Below(nn.Module):
    """Takes all brightness away where the image is below a level."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.level = level
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images)
        return torch.where(images < self.level, torch.zeros(()), images)


def working() -> np.ndarray:
    """Grey at 0.6, with a column at 0.5, one at 0.4 and one at the floor."""
    image = np.full(SHAPE, 0.6, np.float32)
    image[:, 10], image[:, 30], image[:, 50] = 0.5, 0.4, FLOOR
    return image


def test_once_is_the_generator_s_output() -> None:
    torch.manual_seed(0)
    made = Generator(2).eval()
    image = np.random.default_rng(0).uniform(FLOOR, 1, SHAPE).astype(np.float32)
    assert predict_masks(made, image, ONCE) == pytest.approx(image, abs=1e-6), "it has learnt nothing"
    torch.nn.init.normal_(made.last.weight, 0, 0.3)
    with torch.inference_mode():
        output = made(torch.from_numpy(image)[None, None])[0, 0].numpy()
    assert (output < image - 0.1).any()
    assert predict_masks(made, image, ONCE) == pytest.approx(np.clip(output, 0, image), abs=1e-6)


def test_what_only_the_darker_copy_shows_is_half_as_strong() -> None:
    image = working()
    done = predict_masks(Below(0.45), image, (0.0, 0.1))  # type: ignore[arg-type]
    left = done / image
    assert left[5, [10, 20, 30, 50]] == pytest.approx([0.5, 1, 0, 0])
    assert done.dtype == np.float32
    assert done.shape == SHAPE


def test_no_copy_is_darker_than_a_working_can_be() -> None:
    rule = Below(0.0)
    predict_masks(rule, working())  # type: ignore[arg-type]
    assert [float(copy.min()) for copy in rule.seen] == pytest.approx([FLOOR] * len(DARKENED))
    assert [float(copy.max()) for copy in rule.seen] == pytest.approx([0.6 - less for less in DARKENED])


def test_pixels_darker_than_a_working_are_left_alone() -> None:
    image = working()
    image[:, 50] = 0.0
    done = predict_masks(Below(0.1), image)  # type: ignore[arg-type]
    assert np.isfinite(done).all()
    assert done == pytest.approx(image)
