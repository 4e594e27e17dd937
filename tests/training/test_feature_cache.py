"""Features of corrected micrographs: kept within the memory granted, and drawn from."""

from __future__ import annotations

import numpy as np
import pytest

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.network import HydraPicker
from napari_hydrapicker.training.features import batch, cached_windows, window_bytes, windows
from napari_hydrapicker.training.labelled_image import LabelledImage, Marks

NONE = np.empty((0, 2))


@pytest.mark.parametrize(("granted", "turns"), [(0, 1), (3, 2), (7, 6), (100, 8)])
def test_memory_decides_on_the_orientations(
    model: HydraPicker, micrograph: LabelledImage, granted: int, turns: int
) -> None:
    told: list[tuple[int, int]] = []
    once = window_bytes(model, micrograph)
    made = cached_windows(model, [micrograph], granted * once, lambda *now: told.append(now))
    assert len(made) == turns
    assert told == [(i, turns) for i in range(turns + 1)]
    assert sum(2 * window.features.numel() for window in made) == turns * once
    assert made[0].shape == (96, 208)
    assert turns < 8 or {window.shape for window in made} == {(96, 208), (208, 96)}


def test_cancelling_keeps_what_is_there(model: HydraPicker, micrograph: LabelledImage) -> None:
    asked = iter([False, True])
    assert len(cached_windows(model, [micrograph], 10**9, cancelled=lambda: next(asked))) == 1


def test_without_micrographs_it_says_so(model: HydraPicker) -> None:
    with pytest.raises(ParameterError, match="no corrected micrograph"):
        cached_windows(model, [], 10**9)


def test_a_batch_has_features_and_marks_of_the_same_place(model: HydraPicker) -> None:
    image = np.zeros((96, 160), np.float32)
    yx = np.array([[30.0, 100.0], [70.0, 40.0]])
    for y, x in yx.astype(int):
        image[y - 4 : y + 5, x - 4 : x + 5] = 8
    made = list(windows(model, LabelledImage("m", image, Marks(yx, NONE, NONE, True))))
    flat = made[0].features[:, 5, 5].float()
    features, marks = batch(made, np.random.default_rng(0), 12, 64)
    assert features.shape == (12, 8, 64, 64)
    seen = 0
    for one, mark in zip(features.float(), marks, strict=True):
        for y, x in mark.yx.round().astype(int):
            inside = 8 <= y < 56 and 8 <= x < 56
            if inside:
                assert (one[:, y, x] - flat).abs().max() > 0.2
                seen += 1
    assert seen > 3


def test_crops_are_no_larger_than_the_smallest_window(model: HydraPicker, micrograph: LabelledImage) -> None:
    features, _ = batch(list(windows(model, micrograph)), np.random.default_rng(0), 2, 192)
    assert features.shape == (2, 8, 96, 96)
