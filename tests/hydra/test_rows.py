"""Feature maps as rows, and the memory that they live in."""

from __future__ import annotations

import pytest
import torch

from napari_hydrapicker.hydra import rows
from napari_hydrapicker.hydra.rows import Buffers, Rows, as_maps, as_rows, to_half


@pytest.mark.parametrize("strip_bytes", [1, 500, 1100, 10**9])
def test_strips_cover_every_row_once(strip_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_STRIP_BYTES", strip_bytes)
    made = Rows(torch.zeros(46, 7, 4))
    strips = made.strips()
    assert [row for start, stop in strips for row in range(start, stop)] == list(range(44))
    assert all(start % 4 == 0 for start, _ in strips)
    most = max(stop - start for start, stop in strips)
    assert most == 4 or most * 2 * 7 * 4 <= strip_bytes


def test_parts_are_the_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_STRIP_BYTES", 2 * 4 * 7 * 4)
    made = Rows(torch.zeros(14, 7, 4))
    parts = made.parts()
    assert len(parts) == 3
    for part in parts:
        part += 1
    assert (made.rows == 1).all()
    assert not made.padded[[0, -1]].any()


def test_rows_lie_between_zeros() -> None:
    made = Rows(torch.ones(6, 3, 2))
    assert made.rows.shape == (4, 3, 2)
    assert made.rows.all()
    assert not made.padded[[0, -1]].any()


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
