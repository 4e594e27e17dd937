"""Layers on rows, against the network's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_hydrapicker.hydra import rows
from napari_hydrapicker.hydra.cpu_layers import Norm, Stem
from napari_hydrapicker.hydra.rows import Rows


@pytest.fixture(autouse=True)
def _small_strips_in_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_HALF", torch.float32)
    monkeypatch.setattr(rows, "_STRIP_BYTES", 300)


def empty(rows: int, columns: int, channels: int) -> Rows:
    return Rows(torch.full((rows + 2, columns, channels), torch.nan))


def as_maps(image: Rows) -> torch.Tensor:
    return image.rows.permute(2, 0, 1)[None]


def test_the_fused_stem_is_both_convolutions_up_to_the_edges() -> None:
    torch.manual_seed(0)
    pair = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1, bias=False), nn.Conv2d(6, 8, 3, padding=1, bias=False))
    image, target = torch.randn(12, 10), empty(12, 10, 8)
    with torch.inference_mode():
        Stem(pair)(image, target)
        torch.testing.assert_close(as_maps(target), pair(image[None, None]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("shortcut", [False, True])
def test_normalised_and_rectified(shortcut: bool) -> None:
    torch.manual_seed(1)
    norm = nn.GroupNorm(3, 6)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    both, other = empty(12, 7, 6), empty(12, 7, 6)
    for made in (both, other):
        made.rows.copy_(3 + 2 * torch.randn(12, 7, 6))
    with torch.inference_mode():
        expected = norm(as_maps(both)) + (as_maps(other) if shortcut else 0)
        if shortcut:
            Norm(norm).add_relu(both, other)
        else:
            Norm(norm).apply_relu(both)
    result = as_maps(other if shortcut else both)
    torch.testing.assert_close(result, expected.relu(), rtol=0, atol=1e-5)
