"""What a user's corrections say about a micrograph, as labels to train on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_hydrapicker.hydra.anchors import BOX_WPX, CELL_WPX, Assignment, assign, cell_centres
from napari_hydrapicker.imaging.augment import turn
from napari_hydrapicker.imaging.prepare import Prepared, network_input
from napari_hydrapicker.training.sources import masked_points

NEGATIVE_REACH_WPX = CELL_WPX / 2  # a cell this near, on both axes, could have made a deleted pick
LONE_WPX = 12.0  # a cell this near to a particle, on both axes, has no second one


@dataclass(frozen=True, eq=False)
class Marks:
    """Marks on an image; all centres are (row, column) in working pixels.

    Attributes
    ----------
    yx : ndarray of float64, shape (N, 2)
        Particles: picks that were kept, added, or moved there.
    negative_yx : ndarray of float64, shape (M, 2)
        Deleted picks.
    unusable_yx : ndarray of float64, shape (K, 2)
        Points of the area in which nothing counts: carbon film, blank strips.
    complete : bool
        Whether all particles are marked, so that everything else is background. Where not, only the
        marks count: beside particles, deleted picks and the cells around a particle are background. In
        the rest a head in training is held to the generic head's output (`distillation_loss`).
    """

    yx: NDArray[np.float64]
    negative_yx: NDArray[np.float64]
    unusable_yx: NDArray[np.float64]
    complete: bool = True

    def within(self, top_left: tuple[int, int], shape: tuple[int, int]) -> Marks:
        """Return the marks in a window, in its own coordinates."""

        def cut(yx: NDArray[np.float64]) -> NDArray[np.float64]:
            moved = np.asarray(yx - np.array(top_left), np.float64)
            return moved[((moved >= -0.5) & (moved < np.array(shape) - 0.5)).all(axis=1)]

        return replace(
            self, yx=cut(self.yx), negative_yx=cut(self.negative_yx), unusable_yx=cut(self.unusable_yx)
        )

    def assignment(self, grid_shape: tuple[int, int], stride: int) -> Assignment:
        """Say what each cell of a window's output ``(h, w)`` has to be, and which do not count."""
        found = assign(_tensor(self.yx), grid_shape, stride, _tensor(self.unusable_yx))
        if self.complete:
            return found
        cells = cell_centres(grid_shape, stride)
        background = _near(cells, self.negative_yx, NEGATIVE_REACH_WPX) | _near(cells, self.yx, LONE_WPX)
        return replace(found, ignore=~found.positive & (~background | found.ignore))


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """A micrograph as network input (H, W), and what a user marked on it."""

    name: str
    image: NDArray[np.float32]
    marks: Marks

    @classmethod
    def from_prepared(
        cls,
        name: str,
        prepared: Prepared,
        yx_px: ArrayLike,
        negative_yx_px: ArrayLike = (),
        complete: bool = True,
        whiten: float = 0.0,
    ) -> Self:
        """Make one from a prepared micrograph.

        Parameters
        ----------
        name
            The micrograph's.
        prepared
            The micrograph at the working scale.
        yx_px, negative_yx_px
            Particles (N, 2) and deleted picks (M, 2), (row, column) in micrograph pixels. Those where
            nothing is usable count neither way: the network sees noise in their place.
        complete
            Whether all particles are marked.
        whiten
            Strength with which the network wants backgrounds whitened, 0..1.
        """
        image = network_input(prepared.image, prepared.mask, whiten)
        marks = Marks(
            _usable(prepared, yx_px),
            _usable(prepared, negative_yx_px),
            masked_points(_without_border(prepared.mask)),
            complete,
        )
        return cls(name, image, marks)

    def part(self, top_left: tuple[int, int], shape: tuple[int, int]) -> LabelledImage:
        """Return a rectangle of the micrograph, in working pixels."""
        (top, left), (rows, cols) = top_left, shape
        image = np.ascontiguousarray(self.image[top : top + rows, left : left + cols])
        return replace(self, image=image, marks=self.marks.within(top_left, shape))

    def augmented(self, which: int) -> LabelledImage:
        """Return the micrograph after one of the eight turns of `augment.turn`."""
        marks = self.marks
        image, (yx, negative_yx, unusable_yx) = turn(
            self.image, (marks.yx, marks.negative_yx, marks.unusable_yx), which
        )
        return replace(self, image=image, marks=Marks(yx, negative_yx, unusable_yx, marks.complete))


def _without_border(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Nothing is known of a strip along the edges: pickers and experts leave out what an edge cuts."""
    inner = np.zeros_like(mask)
    width = BOX_WPX // 2
    inner[width:-width, width:-width] = mask[width:-width, width:-width]
    return inner


def _usable(prepared: Prepared, yx_px: ArrayLike) -> NDArray[np.float64]:
    """Return those of some places (N, 2), micrograph pixels, that are usable, in working pixels."""
    yx = prepared.to_wpx(yx_px)
    rows, cols = np.clip(np.rint(yx).astype(np.intp), 0, np.array(prepared.mask.shape) - 1).T
    return np.asarray(yx[prepared.mask[rows, cols]])


def _near(cells: torch.Tensor, yx: NDArray[np.float64], reach: float) -> torch.Tensor:
    """Which cells ``(h, w, 2)`` lie within a reach, on both axes, of one of the points (N, 2)."""
    gap = (_tensor(yx)[:, None, None] - cells).abs().amax(dim=-1)  # (N, h, w)
    return (gap <= reach).any(dim=0)


def _tensor(yx: NDArray[np.float64]) -> torch.Tensor:
    return torch.from_numpy(np.array(yx, np.float32))
