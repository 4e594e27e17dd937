"""The network's answer for a whole image, whole and in tiles."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from napari_hydrapicker.errors import OutOfMemoryError, ParameterError
from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.picking import hydra as dense


def image(rows: int, cols: int) -> np.ndarray:
    return np.random.default_rng(3).standard_normal((rows, cols)).astype(np.float32)


def compact() -> HydraPicker:
    torch.manual_seed(0)
    model = HydraPicker(Architecture.compact(8)).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("conv2.weight"):  # blocks begin as the identity
                weight.normal_(std=0.05)
    return model


class Hungry(nn.Module):
    """Runs out of memory on images of more than `most` pixels; its logit is the cell's first pixel."""

    def __init__(self, most: int, message: str = "DefaultCPUAllocator: can't allocate memory") -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.most, self.message = most, message

    def forward(self, images: torch.Tensor, head: str) -> torch.Tensor:
        if images.numel() > self.most:
            raise RuntimeError(self.message)
        return images[..., ::8, ::8].repeat(1, 3, 1, 1)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 300), st.integers(20, 100))
def test_spans_own_every_cell_once_and_keep_their_margin(length: int, tile: int) -> None:
    length_wpx, tile_wpx = 16 * length, 16 * tile
    found = dense.spans(length_wpx, tile_wpx)
    assert found[0].own_start == 0
    assert found[-1].own_stop == length_wpx
    assert [s.own_stop for s in found[:-1]] == [s.own_start for s in found[1:]]
    for span in found:
        assert span.own_start < span.own_stop
        assert span.start % 16 == 0
        assert span.stop - span.start == min(length_wpx, tile_wpx)
        assert span.start == 0 or span.own_start - span.start >= dense.MARGIN_WPX
        assert span.stop == length_wpx or span.stop - span.own_stop >= dense.MARGIN_WPX


def test_tiles_give_the_answer_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "precision", lambda device: nullcontext())
    model, pixels = compact(), image(336, 528)
    whole, none = dense.predict(model, pixels, "generic")
    tiled, tile = dense.predict(model, pixels, "generic", tile_wpx=320)
    assert whole.shape == (1, 3, 42, 66)
    assert (none, tile) == (None, 320)
    assert whole[0, 0].std() > 0
    assert torch.allclose(whole, tiled, rtol=0, atol=1e-3 * float(whole[0, 0].std()))


def test_large_images_are_tiled_from_the_start() -> None:
    raw, tile = dense.predict(Hungry(2048**2), image(2064, 2064), "generic")  # type: ignore[arg-type]
    assert tile == dense.MAX_TILE_WPX
    assert raw.shape == (1, 3, 258, 258)


@pytest.mark.parametrize("message", ["CUDA out of memory. Tried", "DefaultCPUAllocator: not enough memory"])
def test_tiles_shrink_until_they_fit(message: str) -> None:
    pixels = image(640, 1040)
    raw, tile = dense.predict(Hungry(330 * 330, message), pixels, "generic")  # type: ignore[arg-type]
    assert tile == 320
    assert np.array_equal(raw[0, 0].numpy(), pixels[::8, ::8])


def test_too_little_memory_for_the_smallest_tile() -> None:
    with pytest.raises(OutOfMemoryError, match="320"):
        dense.predict(Hungry(1000), image(320, 480), "generic")  # type: ignore[arg-type]


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    with pytest.raises(RuntimeError, match="shapes differ"):
        dense.predict(Hungry(1000, "shapes differ"), image(320, 480), "generic")  # type: ignore[arg-type]


@pytest.mark.parametrize("tile", [0, -320, 256, 330])
def test_unfit_tiles_are_refused(tile: int) -> None:
    with pytest.raises(ParameterError, match="multiple of 16"):
        dense.check_tile(tile)


def test_the_head_asked_for_answers() -> None:
    torch.manual_seed(0)
    model, pixels = HydraPicker(Architecture(channels=4, groups=4)).eval(), image(48, 80)
    with torch.no_grad():
        model.add_head("other").output.bias.fill_(3)
    answers = [dense.predict(model, pixels, head)[0] for head in ("generic", "other", "generic")]
    assert torch.equal(answers[0], answers[2])
    assert float(answers[1].mean()) > float(answers[0].mean()) + 2
