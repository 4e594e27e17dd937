"""Where training crops come from: simulated species and labelled micrographs, one data set each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.imaging.network_input import network_input
from napari_hydrapicker.imaging.normalise import flatten, normalise
from napari_hydrapicker.imaging.prepare import Prepared
from napari_hydrapicker.imaging.rescale import DIAMETER_WPX
from napari_hydrapicker.imaging.turns import TURNS, turn
from napari_hydrapicker.simulation.conditions import Conditions, draw_conditions
from napari_hydrapicker.simulation.micrograph import simulate
from napari_hydrapicker.simulation.projection import Species

WHITEN_STRENGTH = 0.5
_MARGIN_WPX = 16  # simulated around a crop, so that particles straddle its edges


@dataclass(frozen=True, eq=False)
class Crop:
    """A training image and its labels.

    Attributes
    ----------
    image : ndarray of float32, shape (S, S)
        Network input at the working scale.
    yx, ignore_yx : ndarray of float64, shape (N, 2) and (M, 2)
        Particle centres, and centres that count neither way; (row, column), working pixels.
    """

    image: NDArray[np.float32]
    yx: NDArray[np.float64]
    ignore_yx: NDArray[np.float64]

    def turned(self, rng: np.random.Generator) -> Crop:
        """Return the crop after a random one of the eight flips and quarter turns."""
        image, (yx, ignore_yx) = turn(self.image, (self.yx, self.ignore_yx), int(rng.integers(TURNS)))
        return Crop(image, yx, ignore_yx)


class Source(Protocol):
    """A data set that crops are drawn from."""

    @property
    def name(self) -> str:
        """Identifies the data set."""
        ...

    def crop(self, rng: np.random.Generator, size: int) -> Crop:
        """Draw a crop of `size` x `size` working pixels."""
        ...


@dataclass(frozen=True, eq=False)
class SimulatedSource:
    """Micrographs of one species, simulated anew for each crop under random conditions.

    The user's idea of the diameter differs from the largest extent, so the scale is drawn from
    `scale_range`: the ratio of the stated diameter to the largest extent. Each micrograph is taken under
    other `conditions`, and its background whitened with strength `whiten`.
    """

    species: Species
    scale_range: tuple[float, float] = (0.75, 1.35)
    conditions: Callable[[np.random.Generator], Conditions] = draw_conditions
    whiten: float = WHITEN_STRENGTH

    @property
    def name(self) -> str:
        """Name of the species."""
        return self.species.name

    def crop(self, rng: np.random.Generator, size: int) -> Crop:
        """Simulate a micrograph around the crop and cut it out."""
        while True:
            try:
                return self._crop(rng, size)
            except MicrographError:  # an image of one carbon film has no background; draw another
                continue

    def _crop(self, rng: np.random.Generator, size: int) -> Crop:
        ratio = float(np.exp(rng.uniform(*np.log(self.scale_range))))
        pixel = self.species.diameter_angstrom * ratio / DIAMETER_WPX
        side = size + 2 * _MARGIN_WPX
        made = simulate(self.species, (side, side), pixel, self.conditions(rng), int(rng.integers(2**31)))
        image = normalise(flatten(made.image.numpy()))
        image = network_input(image, None, self.whiten)
        inner = image[_MARGIN_WPX:-_MARGIN_WPX, _MARGIN_WPX:-_MARGIN_WPX]
        return _cut(inner, made.yx - _MARGIN_WPX, made.ignore_yx - _MARGIN_WPX)


@dataclass(frozen=True, eq=False)
class LabelledMicrograph:
    """A real micrograph as network input (H, W), its usable area and its labels (N, 2), working pixels."""

    image: NDArray[np.float32]
    mask: NDArray[np.bool_]
    yx: NDArray[np.float64]

    @classmethod
    def from_prepared(cls, prepared: Prepared, yx_px: NDArray[np.float64]) -> LabelledMicrograph:
        """Make one from a prepared micrograph and its labels (N, 2) in micrograph pixels."""
        image = network_input(prepared.image, prepared.mask, WHITEN_STRENGTH)
        return cls(image, prepared.mask, prepared.to_wpx(yx_px))


@dataclass(frozen=True, eq=False)
class RealSource:
    """Labelled micrographs of one data set; masked cells are ignored."""

    name: str
    micrographs: Sequence[LabelledMicrograph]

    def crop(self, rng: np.random.Generator, size: int) -> Crop:
        """Cut a random window out of a random micrograph, padded with noise where it is too small."""
        m = self.micrographs[int(rng.integers(len(self.micrographs)))]
        rows, cols = m.image.shape
        top, left = (int(rng.integers(0, max(1, n - size + 1))) for n in (rows, cols))
        window = m.image[top : top + size, left : left + size]
        image = rng.normal(size=(size, size)).astype(np.float32)
        image[: window.shape[0], : window.shape[1]] = window
        unusable = masked_points(m.mask[top : top + size, left : left + size])
        return _cut(image, m.yx - (top, left), unusable)


def masked_points(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return every fourth masked pixel of a mask (H, W) both ways, as centres (M, 2) to ignore."""
    return np.asarray(4.0 * np.argwhere(~mask[::4, ::4]), np.float64)


def _cut(image: NDArray[np.float32], yx: NDArray[np.float64], ignore_yx: NDArray[np.float64]) -> Crop:
    """Keep the centres that lie within the image (S, S)."""

    def inside(centres: NDArray[np.float64]) -> NDArray[np.float64]:
        return centres[((centres > -0.5) & (centres < len(image) - 0.5)).all(axis=1)]

    return Crop(np.ascontiguousarray(image), inside(yx), inside(ignore_yx))
