"""Feature maps on the CPU as two planes, the even and the odd rows, and the memory that they live in.

Work is done in strips of rows, whose buffers the allocator hands out again: touching fresh memory of a whole
image's size costs as much as a convolution.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

_STRIP_BYTES = 6 * 2**20  # of one plane; about six are alive at a time
_HALF = torch.bfloat16


class Buffers:
    """Large tensors that are kept: touching fresh memory costs as much as a convolution."""

    def __init__(self) -> None:
        self._kept: dict[str, Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """Uninitialised memory of this name and shape."""
        if name not in self._kept or self._kept[name].shape != shape:
            self._kept.pop(name, None)
            self._kept[name] = torch.empty(shape, dtype=_HALF)
        return self._kept[name]

    def bytes(self) -> int:
        return sum(tensor.nbytes for tensor in self._kept.values())

    def clear(self) -> None:
        self._kept.clear()


class Planes:
    """Even and odd rows of ``(H, W)`` features as ``(H/2 + 2, W, C)``; the first and last row are 0."""

    def __init__(self, even: Tensor, odd: Tensor) -> None:
        """Take two tensors of that shape; their first and last row become 0."""
        self.even, self.odd = even, odd
        for plane in (even, odd):
            plane[0] = 0
            plane[-1] = 0

    @property
    def rows(self) -> int:
        """Rows of each plane, without those of zeros."""
        return len(self.even) - 2

    def strips(self) -> list[tuple[int, int]]:
        """First and last row (exclusive) of each strip, within the padded planes."""
        step = max(1, _STRIP_BYTES // (2 * self.even[0].numel()))
        count = -(-self.rows // step)
        edges = [1 + self.rows * i // count for i in range(count + 1)]
        return list(pairwise(edges))


def to_half(weight: Tensor) -> Tensor:
    """A weight or an image in half precision; filters (D, C, h, w) channels-last."""
    half = weight.detach().to(_HALF)
    return half.contiguous(memory_format=torch.channels_last) if half.ndim == 4 else half


def as_maps(rows: Tensor) -> Tensor:
    """``(R, W, C)`` as channels-last ``(1, C, R, W)``, without a copy."""
    return rows[None].permute(0, 3, 1, 2)  # in this order, for torch to see the layout


def as_rows(maps: Tensor) -> Tensor:
    """Channels-last ``(1, C, R, W)`` as ``(R, W, C)``, without a copy where possible."""
    return maps[0].permute(1, 2, 0)


def keep_freed_strips() -> None:
    """Have glibc reuse freed strips instead of giving their pages back, which would be faulted in again.

    Its limits for that grow with the largest mapped block freed so far, up to 32 MiB. Elsewhere: no effect.
    """
    block = torch.empty(31 * 2**20, dtype=torch.uint8)
    del block
