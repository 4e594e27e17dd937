"""Calibration and threshold of generators, with generators that mark by rule."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_hydrapicker.gan.generator import Generator
from napari_hydrapicker.gan.localise import LocaliseParameters
from napari_hydrapicker.gan.synthesis import Pair, SynthesisParameters
from napari_hydrapicker.training.cgan_pairs import PairMaker
from napari_hydrapicker.training.cgan_publish import HELD_OUT_PAIRS, find_on_held_out, publish_generator

PARTICLES = ((30, 50), (100, 40), (70, 110), (130, 130))
DECOYS = ((30, 120), (130, 70))
HOW = LocaliseParameters(split=True, marker_cpx=11)


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


def drawn() -> Drawn:
    return Drawn(SynthesisParameters())


def test_what_is_found_on_held_out_pairs() -> None:
    found = find_on_held_out(Ruled(1).eval(), drawn(), HOW, 0)
    assert found.particles == 4 * HELD_OUT_PAIRS
    assert found.truth.sum() == 3 * HELD_OUT_PAIRS
    # Times the depth: all are 0.2 darker in squares of 9, a thirteenth of the surroundings of 33.
    assert found.score[found.truth] == pytest.approx(0.9 * 0.185, abs=0.02)
    assert found.score[~found.truth] == pytest.approx(0.5 * 0.185, abs=0.02)


def test_scores_become_probabilities_and_the_threshold_parts_true_from_false(tmp_path: Path) -> None:
    path = tmp_path / "cgan.safetensors"
    meta = publish_generator(Ruled(1).eval(), drawn(), path, "mean-squared", {"note": "by rule"})
    a, b = meta.calibration

    def probability(score: float) -> float:
        return 1 / (1 + math.exp(-(a * score + b)))

    assert probability(0.5 * 0.185) < 0.1 < 0.5 < meta.threshold <= probability(0.91 * 0.185)
    figures = meta.training["held_out"]
    assert isinstance(figures, dict)
    assert figures["precision"] == 1
    assert figures["recall"] == 0.75
    assert figures["f1"] == pytest.approx(6 / 7)
    assert meta.training["note"] == "by rule"
    assert path.is_file()


def test_a_generator_that_finds_nothing_is_saved_with_plain_scores(tmp_path: Path) -> None:
    path = tmp_path / "cgan.safetensors"
    meta = publish_generator(Blind(1).eval(), drawn(), path, "cross-entropy", {})
    assert meta.calibration == (1.0, 0.0)
    assert meta.threshold == 0.5
    assert meta.loss == "cross-entropy"
    assert meta.training["held_out"] == {}


def test_held_out_pairs_depend_on_the_seed_alone() -> None:
    torch.manual_seed(0)
    made = Generator(2).eval()
    torch.nn.init.normal_(made.last.weight, 0, 0.3)
    pairs = PairMaker(SynthesisParameters.for_particles())
    first, again, other = (find_on_held_out(made, pairs, HOW, seed, count=1) for seed in (1, 1, 2))
    assert first.particles == again.particles
    assert np.array_equal(first.score, again.score)
    assert other.particles != first.particles
