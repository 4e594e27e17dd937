"""Feature maps as two planes, and the memory that they live in."""

from __future__ import annotations

import pytest
import torch

from napari_hydrapicker.hydra import planes
from napari_hydrapicker.hydra.planes import Buffers, Planes, as_maps, as_rows, to_half


@pytest.mark.parametrize("strip_bytes", [1, 500, 1100, 10**9])
def test_strips_cover_every_row_once(strip_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planes, "_STRIP_BYTES", strip_bytes)
    made = Planes(torch.zeros(13, 8, 4), torch.zeros(13, 8, 4))
    strips = made.strips()
    assert [row for start, stop in strips for row in range(start, stop)] == list(range(1, 12))
    most = max(stop - start for start, stop in strips)
    assert most == 1 or most * 2 * 8 * 4 <= strip_bytes


def test_planes_end_with_zeros() -> None:
    made = Planes(torch.ones(6, 3, 2), torch.ones(6, 3, 2))
    assert made.rows == 4
    for plane in (made.even, made.odd):
        assert not plane[[0, -1]].any()
        assert plane[1:-1].all()


def test_memory_is_handed_out_again() -> None:
    buffers = Buffers()
    first = buffers.take("a", (4, 5))
    assert buffers.take("a", (4, 5)) is first
    assert buffers.take("b", (4, 5)) is not first
    assert buffers.bytes() == 2 * 4 * 5 * 2
    assert buffers.take("a", (2, 5)).shape == (2, 5)
    assert buffers.bytes() == 2 * 5 * 2 + 4 * 5 * 2
    buffers.clear()
    assert buffers.bytes() == 0


def test_rows_and_maps_share_their_memory() -> None:
    rows = torch.arange(2.0 * 3 * 4).view(2, 3, 4)
    maps = as_maps(rows)
    assert maps.shape == (1, 4, 2, 3)
    assert maps.is_contiguous(memory_format=torch.channels_last)
    assert maps[0, 1, 1, 2] == rows[1, 2, 1]
    back = as_rows(maps)
    assert torch.equal(back, rows)
    assert back.data_ptr() == rows.data_ptr()


def test_filters_become_channels_last() -> None:
    half = to_half(torch.nn.Parameter(torch.randn(8, 4, 3, 3)))
    assert half.dtype == torch.bfloat16
    assert not half.requires_grad
    assert half.is_contiguous(memory_format=torch.channels_last)
    assert to_half(torch.randn(5, 6)).shape == (5, 6)
