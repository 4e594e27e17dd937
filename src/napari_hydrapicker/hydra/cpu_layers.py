"""The network's layers on rows of pixels, in bfloat16: what `cpu_inference` is put together from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_hydrapicker.hydra.body import ResidualBlock
from napari_hydrapicker.hydra.fused import add_scaled_and_rectify, scale_and_rectify
from napari_hydrapicker.hydra.minimal_filtering import MinimalFilter, along_rows, of_rows, split
from napari_hydrapicker.hydra.row_filtering import RowFilter
from napari_hydrapicker.hydra.rows import Buffers, Rows, as_maps, as_rows, to_half


class Stem:
    """The stem's two convolutions as one 5x5."""

    def __init__(self, pair: nn.Sequential) -> None:
        first, second = (cast(nn.Conv2d, conv).weight.detach().float() for conv in (pair[0], pair[1]))
        # (C, 1, 3, 3) and (D, C, 3, 3) -> (D, 1, 5, 5): the full correlation of two correlations
        fused = functional.conv2d(first.transpose(0, 1), second.flip(2, 3), padding=2)
        self._fused = to_half(fused.transpose(0, 1))
        self._first, self._second = to_half(first), to_half(second)

    def __call__(self, image: Tensor, target: Rows) -> None:
        padded = functional.pad(image, (0, 0, 2, 2))[None, None]
        for start, stop in target.strips():
            maps = functional.conv2d(padded[:, :, start : stop + 4], self._fused, padding=(0, 2))
            target.rows[start:stop] = as_rows(maps)
        self._outermost(image, target.rows)

    def _outermost(self, image: Tensor, rows: Tensor) -> None:
        """The first convolution's maps are 0 beyond the image; the fused one does not know."""
        rows[0] = self._directly(image[:4])[0]
        rows[-1] = self._directly(image[-4:])[-1]
        rows[:, 0] = self._directly(image[:, :4])[:, 0]
        rows[:, -1] = self._directly(image[:, -4:])[:, -1]

    def _directly(self, part: Tensor) -> Tensor:
        maps = functional.conv2d(part[None, None].contiguous(), self._first, padding=1)
        return as_rows(functional.conv2d(maps, self._second, padding=1))


class Norm:
    """GroupNorm of rows, together with what follows."""

    def __init__(self, norm: nn.Module) -> None:
        assert isinstance(norm, nn.GroupNorm)
        self._groups, self._eps = norm.num_groups, norm.eps
        self._weight, self._bias = norm.weight.detach().float(), norm.bias.detach().float()

    def statistics(self, parts: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Mean and variance (C,), equal within a group, over maps (R, W, C)."""
        count, moments = 0, torch.zeros(2, len(self._weight), dtype=torch.float64)
        for part in parts:
            mean, variance = (
                t.double() for t in torch.batch_norm_update_stats(as_maps(part), None, None, 0.0)
            )
            size = part[..., 0].numel()
            count, moments = count + size, moments + size * torch.stack((mean, variance + mean**2))
        mean, square = (moments / count).view(2, self._groups, -1).mean(2)
        each = len(self._weight) // self._groups
        return mean.float().repeat_interleave(each), (square - mean**2).float().repeat_interleave(each)

    def normalised(self, part: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """A new (R, W, C)."""
        maps = functional.batch_norm(as_maps(part), mean, variance, self._weight, self._bias, eps=self._eps)
        return as_rows(maps)

    def scale_and_shift(self, image: Rows) -> tuple[Tensor, Tensor]:
        """What a channel is multiplied by, and what is added, (C,), to normalise these rows."""
        mean, variance = self.statistics(image.parts())
        scale = self._weight / (variance + self._eps).sqrt()
        return to_half(scale), to_half(self._bias - mean * scale)

    def apply_relu(self, image: Rows) -> None:
        """Rectify the normalised rows in place."""
        affine = self.scale_and_shift(image)
        for part in image.parts():
            part.copy_(scale_and_rectify(part, *affine))

    def add_relu(self, image: Rows, shortcut: Rows) -> None:
        """Rectify the normalised rows plus a shortcut, in the place of the shortcut."""
        affine = self.scale_and_shift(image)
        for target, part in zip(shortcut.parts(), image.parts(), strict=True):
            add_scaled_and_rectify(target, part, *affine)


class Block:
    """A residual block; works in place."""

    def __init__(self, block: ResidualBlock) -> None:
        pairs = [list(pair) for pair in (block.first, block.second)]
        self._convs = [[RowFilter(cast(nn.Conv2d, conv).weight) for conv in pair[:2]] for pair in pairs]
        self._norms = [Norm(pair[2]) for pair in pairs]

    def __call__(self, image: Rows, inner: Rows) -> None:
        self._convs[0][0](image, inner)
        self._convs[0][1](inner, inner)
        scale, shift = self._norms[0].scale_and_shift(inner)
        self._convs[1][0](inner, inner, lambda rows: scale_and_rectify(rows, scale, shift))
        self._convs[1][1](inner, inner)
        self._norms[1].add_relu(inner, image)


class Stage:
    """A stage of the head: convolution of stride 2, ReLU, GroupNorm."""

    def __init__(self, stage: nn.Sequential) -> None:
        conv = cast(nn.Conv2d, stage[0])
        self._weight, self._bias = to_half(conv.weight), to_half(cast(Tensor, conv.bias))
        norm = cast(nn.GroupNorm, stage[2])
        self._norm, self._split = norm, Norm(norm)

    def __call__(self, maps: Tensor) -> Tensor:
        return self.rectified_norm(functional.conv2d(maps, self._weight, self._bias, stride=2, padding=1))

    def rectified_norm(self, maps: Tensor) -> Tensor:
        norm = self._norm
        return functional.group_norm(maps.relu_(), norm.num_groups, norm.weight, norm.bias, norm.eps)

    def in_strips(self, image: Rows, buffers: Buffers) -> Tensor:
        """From rows (H, W, C) to maps (1, D, H/2, W/2)."""
        height, width = image.rows.shape[:2]
        whole = buffers.take("first stage", (height // 2, (width + 1) // 2, len(self._weight)))
        parts = [whole[start // 2 : stop // 2] for start, stop in image.strips()]
        for part, (start, stop) in zip(parts, image.strips(), strict=True):
            seen = as_maps(image.padded[start : stop + 1])  # with the row above
            maps = functional.conv2d(seen, self._weight, self._bias, stride=2, padding=(0, 1))
            torch.clamp_min(as_rows(maps), 0, out=part)
        stats = self._split.statistics(parts)
        for part in parts:
            part.copy_(self._split.normalised(part, *stats))
        return as_maps(whole)


class DenseStage(Stage):
    """The head's last stage on the four grids shifted by half a cell, filtered in rows and columns."""

    def __init__(self, stage: nn.Sequential) -> None:
        super().__init__(stage)
        weight = cast(nn.Conv2d, stage[0]).weight
        self._columns = [MinimalFilter(w.transpose(2, 3)) for w in along_rows(weight)]

    def grids(self, features8: Tensor) -> Iterator[tuple[int, int, Tensor]]:
        """Shift of rows, shift of columns and maps (1, D, H/2, W/2), for maps (1, C, H, W), sides even."""
        for column, (even, odd) in enumerate(self._convolved(as_rows(features8))):
            for row, maps in enumerate((even, odd)):
                self._begin(features8, row, column, maps)
                yield row, column, self.rectified_norm(as_maps(maps.add_(self._bias)))

    def _convolved(self, rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        """For even and odd columns: even and odd rows (H/2, W/2, D) of the convolution of (H, W, C)."""
        products = []
        for rows_filtered, columns in zip(of_rows(*split(rows)), self._columns, strict=True):
            above, even, odd = split(rows_filtered.transpose(0, 1))
            products.append(columns(above, even, odd))
        found = []
        for first, of_sum, of_difference, last in zip(*products, strict=True):
            even, odd = first.add_(of_sum).add_(of_difference), last.add_(of_sum).sub_(of_difference)
            found.append((even.transpose(0, 1).contiguous(), odd.transpose(0, 1).contiguous()))
        return found

    def _begin(self, features8: Tensor, row: int, column: int, grid: Tensor) -> None:
        """A shifted grid begins with its own first row or column: the one before counts as zeros to it."""
        own, weight = features8[:, :, row:, column:], self._weight
        if row:
            grid[:1] = as_rows(functional.conv2d(own[:, :, :2], weight[:, :, 1:], stride=2, padding=(0, 1)))
        if column:
            grid[:, :1] = as_rows(functional.conv2d(own[..., :2], weight[..., 1:], stride=2, padding=(1, 0)))
