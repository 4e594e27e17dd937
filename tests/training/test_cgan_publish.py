"""Calibration and threshold of generators, with generators that mark by rule."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_hydrapicker.cgan.networks import Generator
from napari_hydrapicker.cgan.predict import probability
from napari_hydrapicker.cgan.synthesis import Pair
from napari_hydrapicker.cgan.synthesis_parameters import SynthesisParameters
from napari_hydrapicker.cgan.weights import GeneratorMetadata
from napari_hydrapicker.training import cgan_publish
from napari_hydrapicker.training.cgan_data import PairMaker
from napari_hydrapicker.training.cgan_publish import publish_generator
from napari_hydrapicker.training.cgan_validation import Known, known_pair

PARTICLES = ((30, 50), (100, 40), (70, 110), (130, 130))
DECOYS = ((30, 120), (130, 70))


@dataclass(frozen=True, eq=False)
class Drawn(PairMaker):
    """The same four particles on every pair."""

    def __call__(self, rng: np.random.Generator) -> Pair:
        image = rng.uniform(0.4, 0.6, (160, 160)).astype(np.float32)
        for row, col in (*PARTICLES, *DECOYS):
            image[row - 4 : row + 5, col - 4 : col + 5] -= 0.2
        yx = np.array(PARTICLES, np.float64)
        return Pair(image, image, yx, np.full(4, 16.0), np.full(4, 0.3))


class Ruled(Generator):
    """Takes 90 % of the brightness off three particles, and half of it off two places where there is none."""

    def forward(self, images: Tensor) -> Tensor:
        marked = images.clone()
        for places, left in ((PARTICLES[:3], 0.1), (DECOYS, 0.5)):
            for row, col in places:
                marked[..., row - 5 : row + 6, col - 5 : col + 6] *= left
        return marked


class Blind(Generator):
    """Marks nothing."""

    def forward(self, images: Tensor) -> Tensor:
        return images


class Dark(Generator):
    """Marks what is dark over an area."""

    def forward(self, images: Tensor) -> Tensor:
        mean = torch.nn.functional.avg_pool2d(images, 9, 1, 4, count_include_pad=False)
        return torch.where(mean < mean.mean() - 2 * mean.std(), 0.1 * images, images)


def drawn() -> Drawn:
    return Drawn(SynthesisParameters())


def known(rng: np.random.Generator) -> Known:
    """One of the same in place of a simulated micrograph."""
    return known_pair(drawn()(rng))


def test_scores_become_probabilities_and_the_threshold_parts_true_from_false(tmp_path: Path) -> None:
    path = tmp_path / "cgan.safetensors"
    meta = publish_generator(Ruled(1).eval(), drawn(), path, "mean-squared", {"note": "by rule"}, 0, known)
    false, true = probability(np.array([0.5, 0.9]), np.full(2, 20.0), meta.calibration)
    assert false < 0.25 < 0.75 < true
    assert false < meta.threshold
    figures = meta.training["held_out"]
    assert isinstance(figures, dict)
    assert figures["precision"] == 1
    assert figures["recall"] == 0.75
    assert figures["f1"] == pytest.approx(6 / 7)
    assert meta.training["note"] == "by rule"
    assert path.is_file()


def test_a_generator_that_finds_nothing_is_saved_with_plain_scores(tmp_path: Path) -> None:
    path = tmp_path / "cgan.safetensors"
    meta = publish_generator(Blind(1).eval(), drawn(), path, "cross-entropy", {}, 0, known)
    assert meta.calibration == GeneratorMetadata().calibration
    assert meta.threshold == 0.5
    assert meta.loss == "cross-entropy"
    assert meta.training["held_out"] == {}


def test_it_knows_what_it_finds_on_simulated_micrographs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgan_publish, "HELD_OUT_PAIRS", 1)
    made = [
        publish_generator(Dark(1).eval(), drawn(), tmp_path / f"{i}.safetensors", "mean-squared", {}, seed)
        for i, seed in enumerate((3, 3, 4))
    ]
    figures = made[0].training["simulated"]
    assert isinstance(figures, dict)
    assert all(isinstance(value, float) and 0 < value < 1 for value in figures.values())
    assert made[0] == made[1]
    assert made[0].training != made[2].training, "other seeds, other micrographs"
