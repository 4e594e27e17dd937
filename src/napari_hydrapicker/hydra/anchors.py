"""Where the cells of the output grid are, and which of them answer for which particle.

All coordinates are working pixels (wpx), ``yx``, pixel centres at integers; a particle is 21 wpx long.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_hydrapicker.errors import ParameterError

CELL_WPX = 16
REACH_WPX = 0.75 * CELL_WPX  # how far from its cell's centre a particle may be
BOX_WPX = 21
MIN_IOU = 0.6


@dataclass(frozen=True, eq=False)
class Assignment:
    """What each cell of one image's ``(h, w)`` grid has to answer.

    Attributes
    ----------
    positive
        ``(h, w)`` bool: the cell answers for a particle.
    target_yx
        ``(h, w, 2)`` float: that particle's centre in wpx; the cell's own centre where not positive.
    index
        ``(h, w)`` long: that particle's row in the list given to `assign`, -1 where not positive.
    ignore
        ``(h, w)`` bool: the cell takes no part in the classification loss.
    """

    positive: Tensor
    target_yx: Tensor
    index: Tensor
    ignore: Tensor

    def to(self, device: torch.device) -> Assignment:
        """Return the same on another device."""
        parts = (self.positive, self.target_yx, self.index, self.ignore)
        return Assignment(*(part.to(device) for part in parts))


def cell_centres(
    grid_shape: tuple[int, int], stride: int = CELL_WPX, device: torch.device | str | None = None
) -> Tensor:
    """Centres of the cells, ``(h, w, 2)`` yx in wpx.

    A cell covers 16x16 pixels whatever the stride, so the first one, pixels 0 to 15, is centred on 7.5.
    `stride` is 16 for `Head.forward` and 8 for `Head.dense`.
    """
    height, width = grid_shape
    first = (CELL_WPX - 1) / 2
    rows = first + stride * torch.arange(height, dtype=torch.float32, device=device)
    columns = first + stride * torch.arange(width, dtype=torch.float32, device=device)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1)


def decode(raw: Tensor, stride: int = CELL_WPX) -> tuple[Tensor, Tensor]:
    """Read a head's raw answer (design of the original code: a bounded offset from the cell's centre).

    Parameters
    ----------
    raw
        ``(B, 3, h, w)`` from `HydraPicker.forward`: logit, raw row offset, raw column offset.
    stride
        16, or 8 for a dense answer.

    Returns
    -------
    logits, centres_yx
        ``(B, h, w)`` logits, and ``(B, h, w, 2)`` centres in wpx, at most 12 wpx from their cell's
        centre on each axis. Both float32.
    """
    raw = raw.float()
    height, width = raw.shape[-2:]
    offsets = raw[:, 1:].permute(0, 2, 3, 1)  # (B, 2, h, w) -> (B, h, w, 2)
    centres = cell_centres((height, width), stride, raw.device) + REACH_WPX * torch.tanh(offsets)
    return raw[:, 0], centres


def box_iou(a_yx: Tensor, b_yx: Tensor, box: float = BOX_WPX) -> Tensor:
    """Intersection over union of equal squares.

    Parameters
    ----------
    a_yx, b_yx
        ``(..., 2)`` centres that broadcast against each other.
    box
        Side of the squares, in the unit of the centres.

    Returns
    -------
    Tensor
        ``(...)`` in 0..1.
    """
    sides = (box - (a_yx - b_yx).abs()).clamp(min=0)  # (..., 2)
    intersection = sides[..., 0] * sides[..., 1]
    return intersection / (2 * box**2 - intersection)


def assign(
    centres_yx: Tensor,
    grid_shape: tuple[int, int],
    stride: int = CELL_WPX,
    ignore_yx: Tensor | None = None,
) -> Assignment:
    """Say which cells answer for which particle (the set M of Eq. 3.2, and the cell's own particle).

    Positive are the cells whose 16x16 square holds a particle's centre, and the anchors whose 21-wpx
    box overlaps a particle's with IoU > 0.6. (With these sizes the second rule, |dy| + |dx| under about
    5 wpx, is within the first.) Where several particles claim a cell, the nearest has it.

    Parameters
    ----------
    centres_yx
        ``(N, 2)`` particles' centres in wpx; those outside the grid are nobody's.
    grid_shape
        ``(h, w)`` of the answer.
    stride
        16, or 8 for a dense answer, whose cells overlap.
    ignore_yx
        ``(M, 2)`` centres of doubtful particles: cells that hold one are ignored unless positive.

    Raises
    ------
    ParameterError
        If the centres are not ``(N, 2)``.
    """
    centres_yx = _as_points(centres_yx)
    cells = cell_centres(grid_shape, stride, centres_yx.device)
    nothing = torch.zeros(grid_shape, dtype=torch.bool, device=cells.device)
    ignore = nothing if ignore_yx is None else _holds(cells, _as_points(ignore_yx)).any(dim=0)
    if len(centres_yx) == 0:
        return Assignment(nothing, cells, nothing.long() - 1, ignore)

    particles = centres_yx[:, None, None, :]  # (N, 1, 1, 2)
    claimed = _holds(cells, centres_yx) | (box_iou(particles, cells) > MIN_IOU)  # (N, h, w)
    distance = (particles - cells).square().sum(dim=-1).masked_fill(~claimed, torch.inf)
    nearest = distance.argmin(dim=0)  # (h, w)
    positive = claimed.any(dim=0)
    target_yx = torch.where(positive[..., None], centres_yx[nearest], cells)
    index = nearest.masked_fill(~positive, -1)
    return Assignment(positive, target_yx, index, ignore & ~positive)


def _as_points(points_yx: Tensor) -> Tensor:
    if points_yx.ndim != 2 or points_yx.shape[1] != 2:
        raise ParameterError(f"Centres must have the shape (N, 2), not {tuple(points_yx.shape)}.")
    return points_yx.float()


def _holds(cells: Tensor, points_yx: Tensor) -> Tensor:
    """``(N, h, w)`` bool: the cell's square, its upper edges excluded, holds the point."""
    offset = points_yx[:, None, None, :] - cells  # (N, h, w, 2)
    return ((offset >= -CELL_WPX / 2) & (offset < CELL_WPX / 2)).all(dim=-1)
