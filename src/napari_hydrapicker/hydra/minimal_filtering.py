"""3x3 convolutions with four multiplications for two rows instead of six.

Winograd's minimal filtering F(2, 3) along rows: Lavin & Gray, "Fast algorithms for convolutional neural
networks", 2016, section 4.1. The data's transform is one addition or subtraction each, which bfloat16 bears.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from napari_hydrapicker.hydra.fused import accumulate
from napari_hydrapicker.hydra.rows import as_maps, as_rows, to_half


class MinimalFilter:
    """A convolution (D, C, 3, K) of rows, K odd, two rows at a time."""

    def __init__(self, weight: Tensor) -> None:
        self._weights = [to_half(w) for w in along_rows(weight)]
        self._padding = (0, weight.shape[3] // 2)

    def __call__(self, above: Tensor, even: Tensor, odd: Tensor) -> tuple[Tensor, Tensor]:
        """Convolve the even and odd rows (R, W, C) to such rows (R, W, D).

        `above` (1, W, C) is the odd row before them; `even` ends with the one after them, (R + 1, W, C).
        """
        first, of_sum, of_difference, last = of_rows(above, even, odd)
        of_sum, of_difference = self._along(1, of_sum), self._along(2, of_difference)
        out = of_sum + of_difference, of_sum.sub_(of_difference)
        accumulate(out[0], first, self._weights[0], self._padding)
        accumulate(out[1], last, self._weights[3], self._padding)
        return out

    def _along(self, which: int, rows: Tensor) -> Tensor:
        return as_rows(functional.conv2d(as_maps(rows), self._weights[which], padding=self._padding))


def along_rows(weight: Tensor) -> list[Tensor]:
    """The filter's transform: (D, C, 3, K) -> four of (D, C, 1, K), for the rows of `of_rows`."""
    w0, w1, w2 = (row[:, :, None] for row in weight.detach().float().unbind(2))
    both = (w0 + w2) / 2
    return [w0, both + w1 / 2, both - w1 / 2, -w2]


def of_rows(above: Tensor, even: Tensor, odd: Tensor) -> Iterator[Tensor]:
    """The data's transform: four combinations (R, W, C) of the rows around each pair of rows.

    `above` (1, W, C) is the odd row before them; `even` ends with the one after them, (R + 1, W, C).
    """
    first = torch.empty_like(odd)
    torch.sub(above, odd[:1], out=first[:1])
    torch.sub(odd[:-1], odd[1:], out=first[1:])
    yield first
    yield even[:-1] + odd
    yield odd - even[:-1]
    yield even[:-1] - even[1:]


def split(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Zeros above, even rows and zeros below, odd rows; of an image (R, W, C), R even."""
    zeros = torch.zeros_like(rows[:1], memory_format=torch.contiguous_format)
    return zeros, torch.cat((rows[::2], zeros)).contiguous(), rows[1::2].contiguous()
