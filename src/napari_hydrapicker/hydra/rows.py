"""Feature maps on the CPU as rows of pixels, and the memory that they live in.

Work is done in strips of rows, whose buffers the allocator hands out again: touching fresh memory of a whole
image's size costs as much as a convolution.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

_STRIP_BYTES = 12 * 2**20  # in and out alike; what lies between takes twice as much
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


class Rows:
    """Features of an image ``(H, W)``, H a multiple of 4, with a row of zeros above and below.

    Attributes
    ----------
    padded : Tensor
        ``(H + 2, W, C)``.
    rows : Tensor
        ``(H, W, C)``: without the zeros.
    """

    def __init__(self, padded: Tensor) -> None:
        """Take a tensor ``(H + 2, W, C)``, whose first and last row become 0."""
        padded[0] = 0
        padded[-1] = 0
        self.padded, self.rows = padded, padded[1:-1]

    def strips(self) -> list[tuple[int, int]]:
        """First and last row (exclusive) of each strip, multiples of 4."""
        fours = len(self.rows) // 4
        step = max(1, _STRIP_BYTES // (2 * 4 * self.rows[0].numel()))
        count = -(-fours // step)
        edges = [4 * (fours * i // count) for i in range(count + 1)]
        return list(pairwise(edges))

    def parts(self) -> list[Tensor]:
        """All strips, ``(R, W, C)`` each."""
        return [self.rows[start:stop] for start, stop in self.strips()]


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
