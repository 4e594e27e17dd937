"""Features of a corrected micrograph: the windows' features and marks are those of the whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hydrapicker.errors import OutOfMemoryError
from napari_hydrapicker.hydra.network import HydraPicker
from napari_hydrapicker.imaging.normalise import pad_with_noise
from napari_hydrapicker.training.features import Window, pixel_windows, precision, windows
from napari_hydrapicker.training.labelled_image import LabelledImage, Marks

NONE = np.empty((0, 2))


def test_windows_are_parts_of_the_whole(model: HydraPicker, micrograph: LabelledImage) -> None:
    (whole,) = windows(model, micrograph)
    assert whole.shape == (96, 208)  # padded to whole cells
    parts = list(windows(model, micrograph, side=80))
    assert [part.shape for part in parts] == [(48, 64), (48, 64), (48, 80)] * 2
    top = torch.cat([p.features for p in parts[:3]], dim=2)
    bottom = torch.cat([p.features for p in parts[3:]], dim=2)
    joined = torch.cat([top, bottom], dim=1)
    # GroupNorm's statistics are those of what the body is shown: close to the whole's, not equal.
    error = (joined - whole.features).float().abs().mean() / whole.features.float().abs().mean()
    shifted = (joined.roll(1, 2) - whole.features).float().abs().mean() / whole.features.float().abs().mean()
    assert error < 0.15 < shifted


def test_features_are_the_networks_own(model: HydraPicker, micrograph: LabelledImage) -> None:
    (whole,) = windows(model, micrograph)
    image = torch.from_numpy(pad_with_noise(micrograph.image)[0])[None, None]
    with torch.inference_mode(), precision(torch.device("cpu")):
        expected = model.features(image)[0]
    torch.testing.assert_close(whole.features.float(), expected.float(), atol=0.05, rtol=0.05)
    assert whole.features.dtype == torch.bfloat16


def test_every_mark_is_in_one_window(model: HydraPicker, micrograph: LabelledImage) -> None:
    parts = list(windows(model, micrograph, side=80))
    corners = [(top, left) for top in (0, 48) for left in (0, 64, 128)]
    found = [part.marks.yx + corner for part, corner in zip(parts, corners, strict=True)]
    joined, expected = np.concatenate(found), micrograph.marks.yx
    np.testing.assert_allclose(joined[np.lexsort(joined.T)], expected[np.lexsort(expected.T)])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), marked=st.integers(0, 3), deleted=st.integers(0, 3))
def test_crops_of_a_partial_window_hold_a_mark(seed: int, marked: int, deleted: int) -> None:
    rng = np.random.default_rng(seed)
    yx = rng.uniform(0, 1, (marked + deleted, 2)) * (160, 304) - 0.5
    rows, cols = torch.meshgrid(torch.arange(160.0), torch.arange(304.0), indexing="ij")
    window = Window("m", torch.stack([rows, cols]), Marks(yx[:marked], yx[marked:], NONE, complete=False))
    features, marks = window.crop(rng, 64)
    assert features.shape == (2, 64, 64)
    assert len(marks.yx) + len(marks.negative_yx) >= min(1, len(yx))
    corner = features[:, 0, 0].numpy()
    for cut, whole in ((marks.yx, yx[:marked]), (marks.negative_yx, yx[marked:])):
        inside = ((whole - corner >= -0.5) & (whole - corner < 63.5)).all(axis=1)
        np.testing.assert_allclose(cut + corner, whole[inside])


def test_crops_of_a_complete_window_are_anywhere() -> None:
    window = Window("m", torch.zeros(1, 160, 304), Marks(np.array([[8.0, 8.0]]), NONE, NONE))
    rng = np.random.default_rng(0)
    assert any(len(window.crop(rng, 64)[1].yx) == 0 for _ in range(20))


def test_where_memory_is_short_the_windows_shrink(
    model: HydraPicker, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[int, int]] = []
    features = model.features

    def short_of_memory(image: torch.Tensor) -> torch.Tensor:
        shapes.append((image.shape[2], image.shape[3]))
        if len(shapes) > 1 and image.numel() > 64 * 120:  # other programs take it after the first window
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return features(image)

    yx = np.random.default_rng(2).uniform(0, 1, (40, 2)) * (90, 300) - 0.5
    micrograph = LabelledImage("m", np.zeros((90, 300), np.float32), Marks(yx, NONE, NONE, True))
    monkeypatch.setattr(model, "features", short_of_memory)
    found = list(windows(model, micrograph, side=160))
    assert [one.shape for one in found] == [(96, 144), *[(48, 80)] * 4]
    assert shapes == [(96, 160), (96, 176), (64, 112), (64, 96), (64, 112), (64, 96)]
    corners = [(0, 0), (0, 144), (0, 224), (48, 144), (48, 224)]
    joined = np.concatenate([one.marks.yx + corner for one, corner in zip(found, corners, strict=True)])
    np.testing.assert_allclose(joined[np.lexsort(joined.T)], yx[np.lexsort(yx.T)])


def test_without_any_memory_it_says_what_to_do(
    model: HydraPicker, micrograph: LabelledImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(image: torch.Tensor) -> torch.Tensor:
        raise RuntimeError(message)

    monkeypatch.setattr(model, "features", fail)
    message = "CUDA out of memory. Tried to allocate 2 GiB"
    with pytest.raises(OutOfMemoryError, match="close other programs"):
        list(windows(model, micrograph))
    message = "expected a tensor of 4 dimensions"
    with pytest.raises(RuntimeError, match="4 dimensions"):
        list(windows(model, micrograph))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_crops_for_training_are_turned_with_their_marks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = np.arange(160 * 304, dtype=np.float32).reshape(160, 304)
    yx = np.stack([rng.integers(0, 160, 30), rng.integers(0, 304, 30)], axis=1).astype(np.float64)
    (window,) = pixel_windows(LabelledImage("m", image, Marks(yx, yx[:9], yx[:5])), turned=True)
    pixels, marks = window.crop(rng, 96)
    assert pixels.shape == (1, 96, 96)
    for before, after in ((yx, marks.yx), (yx[:9], marks.negative_yx), (yx[:5], marks.unusable_yx)):
        rows, cols = after.astype(int).T
        shown = pixels[0, rows, cols].numpy()
        known = image[tuple(before.astype(int).T)]
        inside = np.isin(known, pixels.numpy())
        np.testing.assert_array_equal(np.sort(shown), np.sort(known[inside]))


def test_crops_come_in_all_eight_turns() -> None:
    image = np.random.default_rng(0).normal(size=(96, 96)).astype(np.float32)
    (window,) = pixel_windows(LabelledImage("m", image, Marks(NONE, NONE, NONE)), turned=True)
    rng = np.random.default_rng(1)
    assert len({window.crop(rng, 96)[0].numpy().tobytes() for _ in range(60)}) == 8
