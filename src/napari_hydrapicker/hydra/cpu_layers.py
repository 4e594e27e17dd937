"""The network's layers on planes of rows, in bfloat16: what `cpu_inference` is put together from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_hydrapicker.hydra.body import ResidualBlock
from napari_hydrapicker.hydra.minimal_filtering import MinimalFilter, along_rows, of_rows, split
from napari_hydrapicker.hydra.planes import Buffers, Planes, as_maps, as_rows, to_half


class Stem:
    """The stem's two convolutions as one 5x5."""

    def __init__(self, pair: nn.Sequential) -> None:
        first, second = (cast(nn.Conv2d, conv).weight.detach().float() for conv in (pair[0], pair[1]))
        # (C, 1, 3, 3) and (D, C, 3, 3) -> (D, 1, 5, 5): the full correlation of two correlations
        fused = functional.conv2d(first.transpose(0, 1), second.flip(2, 3), padding=2)
        self._fused = to_half(fused.transpose(0, 1))
        self._first, self._second = to_half(first), to_half(second)

    def __call__(self, image: Tensor, planes: Planes) -> None:
        padded = functional.pad(image, (0, 0, 2, 2))[None, None]
        for start, stop in planes.strips():
            part = padded[:, :, 2 * (start - 1) : 2 * (stop - 1) + 4]
            rows = as_rows(functional.conv2d(part, self._fused, padding=(0, 2)))
            planes.even[start:stop], planes.odd[start:stop] = rows[::2], rows[1::2]
        self._outermost(image, planes)

    def _outermost(self, image: Tensor, planes: Planes) -> None:
        """The first convolution's maps are 0 beyond the image; the fused one does not know."""
        planes.even[1] = self._directly(image[:4])[0]
        planes.odd[-2] = self._directly(image[-4:])[-1]
        for column in (slice(None, 4), slice(-4, None)):
            side = self._directly(image[:, column])
            at = 0 if column.start is None else -1
            planes.even[1:-1, at], planes.odd[1:-1, at] = side[::2, at], side[1::2, at]

    def _directly(self, part: Tensor) -> Tensor:
        maps = functional.conv2d(part[None, None].contiguous(), self._first, padding=1)
        return as_rows(functional.conv2d(maps, self._second, padding=1))


class Norm:
    """GroupNorm of planes, in place, together with what follows."""

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

    def apply_relu(self, planes: Planes, shortcut: Planes | None = None) -> None:
        """Rectify the normalised planes in place, or those plus a shortcut, in the place of the shortcut."""
        strips = planes.strips()
        stats = self.statistics([p[start:stop] for p in (planes.even, planes.odd) for start, stop in strips])
        target = shortcut or planes
        for plane, to in ((planes.even, target.even), (planes.odd, target.odd)):
            for start, stop in strips:
                part = self.normalised(plane[start:stop], *stats)
                if shortcut is not None:
                    part.add_(to[start:stop])
                torch.clamp_min(part, 0, out=to[start:stop])


class Block:
    """A residual block; works in place."""

    def __init__(self, block: ResidualBlock) -> None:
        pairs = [list(pair) for pair in (block.first, block.second)]
        self._convs = [[MinimalFilter(cast(nn.Conv2d, conv).weight) for conv in pair[:2]] for pair in pairs]
        self._norms = [Norm(pair[2]) for pair in pairs]

    def __call__(self, planes: Planes, inner: Planes) -> None:
        self._convs[0][0](planes, inner)
        self._convs[0][1](inner, inner)
        self._norms[0].apply_relu(inner)
        self._convs[1][0](inner, inner)
        self._convs[1][1](inner, inner)
        self._norms[1].apply_relu(inner, planes)


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

    def of_planes(self, planes: Planes, buffers: Buffers) -> Tensor:
        """From (H, W, C) in planes to maps (1, D, H/2, W/2)."""
        _, columns, channels = planes.even.shape
        whole = buffers.take("first stage", (planes.rows, (columns + 1) // 2, len(self._weight)))
        strips = planes.strips()
        for start, stop in strips:
            rows = torch.stack((planes.even[start:stop], planes.odd[start:stop]), dim=1)
            rows = torch.cat((planes.odd[start - 1 : start], rows.view(-1, columns, channels)))
            maps = functional.conv2d(as_maps(rows), self._weight, self._bias, stride=2, padding=(0, 1))
            torch.clamp_min(as_rows(maps), 0, out=whole[start - 1 : stop - 1])
        parts = [whole[start - 1 : stop - 1] for start, stop in strips]
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
            out = [odd.new_empty((*odd.shape[:2], len(self._weight))) for _ in range(2)]
            columns.strip(above, even, odd, (out[0], out[1]))
            products.append(out)
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
