"""Convolutions on the CPU that do in the same pass over memory what comes before or after them.

oneDNN forms their sums before it rounds them, and its arithmetic on bfloat16 is faster than torch's own: a
multiple of an image, or a scale and a shift of each channel, is a convolution of one pixel.
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_hydrapicker.hydra.rows import as_maps, as_rows

_ONE = (1, 1)


def accumulate(rows: Tensor, source: Tensor, weight: Tensor, padding: tuple[int, int]) -> None:
    """Add a convolution of rows (R, W, C) to contiguous rows (R, W, D)."""
    _add(rows, source, weight, None, padding)


def add_multiple(rows: Tensor, other: Tensor, factor: int) -> Tensor:
    """Add a multiple of other rows (R, W, C) in place."""
    return _add(rows, other, rows.new_full((rows.shape[2], 1, 1, 1), factor))


def add_scaled_and_rectify(rows: Tensor, other: Tensor, scale: Tensor, shift: Tensor) -> None:
    """`rows` becomes what is positive of itself, plus `other` times a scale, plus a shift, by channel."""
    _add(rows, other, scale.view(-1, 1, 1, 1), shift, then="relu")


def scale_and_rectify(rows: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """What is positive of rows (R, W, C) times a scale, plus a shift, by channel."""
    weight, convolve = scale.view(-1, 1, 1, 1), torch.ops.mkldnn._convolution_pointwise
    maps = convolve(as_maps(rows), weight, shift, (0, 0), _ONE, _ONE, len(scale), "relu", [], None)
    return as_rows(maps)


def _add(
    rows: Tensor,
    source: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    padding: tuple[int, int] = (0, 0),
    then: str | None = None,
) -> Tensor:
    groups = source.shape[2] // weight.shape[1]
    add = torch.ops.mkldnn._convolution_pointwise_.binary
    maps = as_maps(rows), as_maps(source)
    add(*maps, weight, bias, padding, _ONE, _ONE, groups, "add", 1.0, then, [], None)
    return rows
