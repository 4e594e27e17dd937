"""From a trained network to its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_hydrapicker.evaluation.metrics import best_f1
from napari_hydrapicker.hydra import weights
from napari_hydrapicker.hydra.network import GENERIC, Architecture, HydraPicker
from napari_hydrapicker.training.publish import publish
from napari_hydrapicker.training.sources import Crop
from napari_hydrapicker.training.validation import calibrate, candidates, pooled, probability


def network() -> HydraPicker:
    torch.manual_seed(0)
    model = HydraPicker(Architecture(channels=4, groups=4))
    with torch.no_grad():
        model.head().output.weight.normal_(0, 0.05)
        for name in ("with", "without"):
            model.add_head(name).output.bias[0] += 1.0
    return model


def crops(model: HydraPicker, n: int, seed: int) -> list[Crop]:
    """Images on which about every second pick of the generic head is a particle."""
    made = []
    for i in range(n):
        image = np.random.default_rng((seed, i)).normal(size=(96, 64)).astype(np.float32)
        blank = Crop(image, np.empty((0, 2)), np.empty((0, 2)))
        made.append(Crop(image, candidates(model, blank)[0][::2], blank.ignore_yx))
    return made


def test_every_head_is_calibrated_on_its_own_images(tmp_path: Path) -> None:
    model = network()
    validation = {GENERIC: crops(model, 2, 0), "with": crops(model, 2, 1), "gone": crops(model, 1, 2)}
    logits, truth, total = pooled(model, validation[GENERIC])
    path = tmp_path / "network.safetensors"
    meta = publish(model, validation, path, {"phase": "multi-head"})
    read, about = weights.load(path)
    assert about == meta
    assert read.head_names == (GENERIC, "with", "without")
    a, b = calibrate(logits, truth)
    assert about.calibration[GENERIC] == pytest.approx((a, b))
    expected = np.clip(best_f1(probability(logits, a, b), truth, total).threshold, 0.05, 0.95)
    assert about.thresholds[GENERIC] == pytest.approx(float(expected))
    assert about.calibration["without"] == about.calibration[GENERIC]
    assert about.thresholds["without"] == about.thresholds[GENERIC]
    assert about.calibration["with"] != about.calibration[GENERIC]
    assert about.preprocessing == {"whiten": 0.5}
    assert about.training["phase"] == "multi-head"
    figures = about.training["validation_ap"]
    assert isinstance(figures, dict)
    assert set(figures) == {GENERIC, "with"}


def test_the_generic_head_is_calibrated_where_every_particle_is_known(tmp_path: Path) -> None:
    """Labels that lack particles choose neither its calibration nor its threshold."""
    model = network()
    known, poor = crops(model, 3, 0), crops(model, 2, 1)
    poor = [Crop(one.image, one.yx[:1], one.ignore_yx) for one in poor]
    logits, truth, _ = pooled(model, known)
    meta = publish(model, {GENERIC: poor}, tmp_path / "network.safetensors", {}, known)
    assert meta.calibration[GENERIC] == pytest.approx(calibrate(logits, truth))
    on_known = publish(model, {GENERIC: known}, tmp_path / "known.safetensors", {}, known)
    assert meta.thresholds[GENERIC] == on_known.thresholds[GENERIC]
    alone = publish(model, {GENERIC: poor}, tmp_path / "alone.safetensors", {})
    assert alone.calibration[GENERIC] != meta.calibration[GENERIC]


def test_nothing_held_out(tmp_path: Path) -> None:
    meta = publish(network(), {GENERIC: []}, tmp_path / "network.safetensors", {})
    assert meta.calibration == dict.fromkeys((GENERIC, "with", "without"), (1.0, 0.0))
    assert meta.thresholds == dict.fromkeys((GENERIC, "with", "without"), 0.5)
