"""3x3 convolutions with six multiplications for four rows instead of twelve.

Winograd's minimal filtering F(4, 3) along rows: Lavin & Gray, "Fast algorithms for convolutional neural
networks", 2016, section 4.3.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from napari_hydrapicker.hydra.fused import accumulate, add_multiple
from napari_hydrapicker.hydra.rows import Rows, as_maps, as_rows, to_half

# What is multiplied: sums of rows -1 to 4, around rows 0 to 3, with these factors (exact in bfloat16).
_FACTORS = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)


class RowFilter:
    """A convolution (D, C, 3, K), K odd, four rows at a time."""

    def __init__(self, weight: Tensor) -> None:
        self._weights = [to_half(w) for w in of_filter(weight)]
        self._padding = (0, weight.shape[3] // 2)

    def __call__(self, source: Rows, target: Rows, before: Callable[[Tensor], Tensor] | None = None) -> None:
        """Write to `target`, which may be `source` itself; `before` is applied to the rows that are read."""
        above = source.padded[:1].clone()  # of the strip at hand
        for start, stop in source.strips():
            rows = source.padded[start : stop + 2]
            # Where the target is the source, the row above is written already.
            written, following = rows[:1].clone(), rows[-2:-1].clone()
            rows[:1] = above
            seen = rows if before is None else self._within(before(rows), start, stop == len(source.rows))
            combined = of_rows(seen)
            rows[:1], above = written, following
            self._multiply(combined, target.rows[start:stop])

    @staticmethod
    def _within(rows: Tensor, start: int, last: bool) -> Tensor:
        """Rows with zeros again beyond the image."""
        if start == 0:
            rows[:1] = 0
        if last:
            rows[-1:] = 0
        return rows

    def _multiply(self, combined: list[Tensor], out: Tensor) -> None:
        """From `of_rows` to the convolution's rows (4 R, W, D)."""
        first, second, third, fourth, fifth, last = combined
        plus, minus = self._along(1, second), self._along(2, third)
        sum_of_near, difference_of_near = plus + minus, add_multiple(plus, minus, -1)
        plus, minus = self._along(3, fourth), self._along(4, fifth)
        sum_of_far, difference_of_far = plus + minus, add_multiple(plus, minus, -1)
        torch.add(difference_of_near, difference_of_far, alpha=2, out=out[1::4])
        torch.add(sum_of_near, sum_of_far, alpha=4, out=out[2::4])
        uppermost = add_multiple(sum_of_near, sum_of_far, 1)
        accumulate(uppermost, first, self._weights[0], self._padding)
        lowest = add_multiple(difference_of_near, difference_of_far, 8)
        accumulate(lowest, last, self._weights[5], self._padding)
        out[::4], out[3::4] = uppermost, lowest

    def _along(self, which: int, rows: Tensor) -> Tensor:
        weight = self._weights[which]
        return as_rows(functional.conv2d(as_maps(rows), weight, padding=self._padding))


def of_filter(weight: Tensor) -> list[Tensor]:
    """The filter's transform: (D, C, 3, K) -> six of (D, C, 1, K), for the rows of `of_rows`."""
    w0, w1, w2 = (row[:, :, None] for row in weight.detach().float().unbind(2))
    near, far = (w0 + w2) / 6, (w0 + 4 * w2) / 24
    return [w0 / 4, -near - w1 / 6, -near + w1 / 6, far + w1 / 12, far - w1 / 12, w2]


def of_rows(rows: Tensor) -> list[Tensor]:
    """The data's transform: six sums (R, W, C) for every four of rows (4 R + 2, W, C), one more on each side.

    A sum of rows is a convolution of each channel with the factors: it is rounded once.
    """
    channels, found = rows.shape[2], []
    for factors in _FACTORS:
        used = [i for i, factor in enumerate(factors) if factor]
        begin, end = used[0], used[-1] + 1
        column = rows.new_tensor(factors[begin:end]).view(1, 1, -1, 1).expand(channels, -1, -1, -1)
        seen = as_maps(rows[begin : len(rows) - (6 - end)])
        found.append(as_rows(functional.conv2d(seen, column.contiguous(), stride=(4, 1), groups=channels)))
    return found
