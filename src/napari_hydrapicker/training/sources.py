"""Where training crops come from: simulated species and labelled micrographs, one data set each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.imaging.augment import TURNS, turn
from napari_hydrapicker.imaging.normalise import flatten, normalise
from napari_hydrapicker.imaging.prepare import Prepared, flatten_and_normalise, network_input
from napari_hydrapicker.imaging.rescale import DIAMETER_WPX
from napari_hydrapicker.picking.base import usable
from napari_hydrapicker.simulation.conditions import Conditions, draw_conditions
from napari_hydrapicker.simulation.micrograph import simulate
from napari_hydrapicker.simulation.projection import Species

WHITEN_STRENGTH = 0.5
_MARGIN_WPX = 16  # simulated around a crop, so that particles straddle its edges
_BACKGROUND_ZOOM = (0.5, 1.8)  # particle-free images have no scale of their own
_JITTER_ZOOM = (0.75, 1.3)  # of labelled micrographs: the diameter that a user states is a guess


@dataclass(frozen=True, eq=False)
class Crop:
    """A training image and its labels.

    Attributes
    ----------
    image : ndarray of float32, shape (S, S)
        Network input at the working scale.
    yx, ignore_yx : ndarray of float64, shape (N, 2) and (M, 2)
        Particle centres, and centres that count neither way; (row, column), working pixels.
    complete : bool
        Whether every particle is labelled; of real micrographs nobody knows.
    """

    image: NDArray[np.float32]
    yx: NDArray[np.float64]
    ignore_yx: NDArray[np.float64]
    complete: bool = True

    def augmented(self, rng: np.random.Generator) -> Crop:
        """Return the crop after a random one of the eight flips and quarter turns."""
        image, (yx, ignore_yx) = turn(self.image, (self.yx, self.ignore_yx), int(rng.integers(TURNS)))
        return Crop(image, yx, ignore_yx, self.complete)

    def ignoring(self, yx: NDArray[np.float64]) -> Crop:
        """Return the crop with further centres (K, 2) that count neither way."""
        return replace(self, ignore_yx=np.concatenate([self.ignore_yx, yx]))


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

    Attributes
    ----------
    backgrounds
        Particle-free real images (H, W), in which a share `real_noise` of the micrographs is simulated.
    masked
        Share of the crops in which unusable areas are looked for, as in picking; they are too small for that
        to find all.
    """

    species: Species
    scale_range: tuple[float, float] = (0.75, 1.35)
    conditions: Callable[[np.random.Generator], Conditions] = draw_conditions
    whiten: float = WHITEN_STRENGTH
    backgrounds: Sequence[NDArray[np.float32]] = ()
    real_noise: float = 0.25
    masked: float = 0.0

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
        conditions, seed = self.conditions(rng), int(rng.integers(2**31))
        background = None
        if len(self.backgrounds) and rng.random() < self.real_noise:
            background = torch.from_numpy(real_background(rng, self.backgrounds, side))
        made = simulate(self.species, (side, side), pixel, conditions, seed, background)
        use_mask = self.masked > 0 and rng.random() < self.masked
        image, mask = flatten_and_normalise(made.image.numpy(), use_mask)
        image = network_input(image, mask, self.whiten)
        seen = usable(made.yx, mask)
        yx, ignore_yx = made.yx[seen], np.concatenate([made.ignore_yx, made.yx[~seen]])
        inner = image[_MARGIN_WPX:-_MARGIN_WPX, _MARGIN_WPX:-_MARGIN_WPX]
        return _cut(inner, yx - _MARGIN_WPX, ignore_yx - _MARGIN_WPX)


def real_background(
    rng: np.random.Generator, images: Sequence[NDArray[np.float32]], side: int
) -> NDArray[np.float32]:
    """Cut a window out of a particle-free image at a random scale; (side, side), mean 0, deviation 1.

    Raises
    ------
    MicrographError
        If the window has no contrast.
    """
    image = images[int(rng.integers(len(images)))]
    zoom = float(np.exp(rng.uniform(*np.log(_BACKGROUND_ZOOM))))
    wanted = int(np.ceil(side / zoom)) + 2
    short = [max(0, wanted - n) for n in image.shape]
    if any(short):
        image = np.pad(
            image, [(0, n) for n in short], mode="reflect" if max(short) < min(image.shape) else "wrap"
        )
    top, left = (int(rng.integers(0, n - wanted + 1)) for n in image.shape)
    window = _zoomed(image[top : top + wanted, left : left + wanted], zoom, side)
    flat, _ = turn(normalise(flatten(window)), (), int(rng.integers(TURNS)))
    return flat


def _zoomed(window: NDArray[np.float32], zoom: float, side: int) -> NDArray[np.float32]:
    """Resample an image so that its pixels become `zoom` times as large, (side, side)."""
    matrix = np.full(2, 1 / zoom)
    made: NDArray[np.float32] = ndimage.affine_transform(
        window, matrix, output_shape=(side, side), order=1, mode="nearest"
    )
    return made


@dataclass(frozen=True, eq=False)
class LabelledMicrograph:
    """A real micrograph at the working scale, flattened and normalised (H, W), its usable area, its labels
    (N, 2).

    `whiten` is the strength with which its background is whitened for the network.
    """

    image: NDArray[np.float32]
    mask: NDArray[np.bool_]
    yx: NDArray[np.float64]
    whiten: float = WHITEN_STRENGTH

    @classmethod
    def from_prepared(cls, prepared: Prepared, yx_px: NDArray[np.float64]) -> LabelledMicrograph:
        """Make one from a prepared micrograph and its labels (N, 2) in micrograph pixels."""
        return cls(prepared.image, prepared.mask, prepared.to_wpx(yx_px))


@dataclass(frozen=True, eq=False)
class RealSource:
    """Labelled micrographs of one data set; masked cells are ignored.

    With `jitter` a crop is cut at another scale, is given more noise, or loses grey levels, now and then.
    """

    name: str
    micrographs: Sequence[LabelledMicrograph]
    jitter: bool = False

    def crop(self, rng: np.random.Generator, size: int) -> Crop:
        """Cut a random window out of a random micrograph, padded with noise where it is too small."""
        m = self.micrographs[int(rng.integers(len(self.micrographs)))]
        zoomed = self.jitter and rng.random() < 0.4
        zoom = float(np.exp(rng.uniform(*np.log(_JITTER_ZOOM)))) if zoomed else 1.0
        wanted = size if zoom == 1 else int(np.ceil(size / zoom)) + 2
        top, left = (int(rng.integers(0, max(1, n - wanted + 1))) for n in m.image.shape)
        image = rng.normal(size=(wanted, wanted)).astype(np.float32)
        mask = np.zeros((wanted, wanted), np.bool_)
        window = m.image[top : top + wanted, left : left + wanted]
        inside = tuple(slice(0, n) for n in window.shape)
        image[inside], mask[inside] = window, m.mask[top : top + wanted, left : left + wanted]
        yx = m.yx - (top, left)
        if zoom != 1:
            image, yx = _zoomed(image, zoom, size), yx * zoom
            mask = ndimage.affine_transform(mask, np.full(2, 1 / zoom), output_shape=(size, size), order=0)
        if self.jitter and rng.random() < 0.5:
            image = _regraded(image, rng)
        cut = _cut(network_input(image, mask, m.whiten), yx, masked_points(mask))
        return replace(cut, complete=False)


def _regraded(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Add noise, blur, or take grey levels away, each now and then."""
    if rng.random() < 0.3:
        image = image + rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(0.2, 1.2))
    if rng.random() < 0.2:
        image = ndimage.gaussian_filter(image, rng.uniform(0.4, 1.5))
    if rng.random() < 0.2:
        step = np.float32(image.std() / rng.uniform(1.5, 8))
        image = np.round(image / step) * step
    if rng.random() < 0.3:
        limit = np.float32(rng.uniform(2, 5) * image.std())
        image = np.clip(image, -limit, limit)
    return image


def masked_points(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return every fourth masked pixel of a mask (H, W) both ways, as centres (M, 2) to ignore."""
    return np.asarray(4.0 * np.argwhere(~mask[::4, ::4]), np.float64)


def _cut(image: NDArray[np.float32], yx: NDArray[np.float64], ignore_yx: NDArray[np.float64]) -> Crop:
    """Keep the centres that lie within the image (S, S)."""

    def inside(centres: NDArray[np.float64]) -> NDArray[np.float64]:
        return centres[((centres > -0.5) & (centres < len(image) - 0.5)).all(axis=1)]

    return Crop(np.ascontiguousarray(image), inside(yx), inside(ignore_yx))
