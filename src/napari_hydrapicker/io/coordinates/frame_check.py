"""The frame check: do positions fit the micrographs as they were read, or would another reading fit better?

Programs count y from the top or from the bottom edge, write (row, column) for (x, y), and give positions on
binned or super-resolved copies. The numbers alone do not tell; the image does. At a particle the image is
darker (or, in negative stain, lighter) than around it, so the contrast of the image between each position and
a ring about it is measured, at several sizes, for the positions as read and for every other reading of them.
The check speaks only when another reading fits clearly better.

Nothing here needs Qt, a network or the particle's diameter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.io.micrograph import Micrograph, open_micrograph
from napari_hydrapicker.picks import Picks

Image = Micrograph | Path | str | NDArray[Any]

SCALES = (1.0, 2.0, 4.0, 8.0, 0.5, 0.25, 0.125)
MIN_PICKS = 20
MAX_MICROGRAPHS = 8
_MAX_PICKS = 500  # a micrograph; more would cost time and tell nothing new
_MAX_SIDE_PX = 1024
_LEVELS = 4
_SIZES_PX = (6.0, 8.5)  # of what is looked for, at each level of the pyramid
_RING_DIAMETERS = (1.0, 1.5, 2.2)
_ANGLES = 16
_CLIP_DEVIATIONS = 6.0  # hot pixels and crystals

# A reading is judged by Student's t of the contrast, over places a particle's size apart. On real
# micrographs, 20 right positions give 7.5 and more, and the best of 27 wrong readings 4.6 at most.
_MIN_PLACES = 8
_PRIOR_PLACES = 10
_CLEAR_T = 6.0
_CLEARLY_BETTER_T = 2.5
_MIN_EFFECT = 0.4  # the contrast in standard deviations: a bias that only numbers make significant is none
_MOST_OUTSIDE = 0.1


@dataclass(frozen=True)
class Reading:
    """A way to read a file's positions: scaled first, then x and y swapped, then y counted upwards.

    Attributes
    ----------
    flip_y : bool
        Rows count from the other edge.
    swap : bool
        x and y are exchanged.
    scale : float
        Factor on all coordinates.
    """

    flip_y: bool = False
    swap: bool = False
    scale: float = 1.0

    @property
    def as_read(self) -> bool:
        """Whether nothing is changed."""
        return self == Reading()

    @property
    def options(self) -> str:
        """The command line's options that apply it; "" for nothing."""
        parts = ["--flip-y"] * self.flip_y + ["--swap"] * self.swap
        return " ".join(parts + ([f"--scale {self.scale:g}"] if self.scale != 1 else []))

    @property
    def description(self) -> str:
        """What it does, in words."""
        parts = ["turned upside down"] * self.flip_y
        parts += ["with x and y swapped"] * self.swap
        parts += [f"scaled by {self.scale:g}"] if self.scale != 1 else []
        return " and ".join(parts) or "as read"

    def apply(self, picks: Picks, shape: tuple[int, int]) -> Picks:
        """Return picks read in this way on a micrograph of `shape` (rows, columns), pixels."""
        yx = picks.yx * self.scale
        diameter = None if picks.diameter_px is None else picks.diameter_px * self.scale
        moved = replace(picks, yx=yx[:, ::-1] if self.swap else yx, diameter_px=diameter)
        return moved.flipped_y(shape[0]) if self.flip_y else moved


# The simplest come first: of readings that fit alike, one of these is meant.
READINGS = tuple(
    Reading(flip, swap, scale) for scale, (swap, flip) in product(SCALES, product((False, True), repeat=2))
)


@dataclass(frozen=True)
class Fit:
    """How well a reading fits the images.

    Attributes
    ----------
    t : float
        Student's t of the contrast at the positions, without its sign; 0 where too few can be judged.
    effect : float
        The mean contrast in units of its standard deviation.
    inside : int
        Number of positions that lie on their micrographs.
    """

    t: float
    effect: float
    inside: int


@dataclass(frozen=True)
class FrameCheck:
    """What the images say of the positions.

    Attributes
    ----------
    n_picks, n_micrographs : int
        How many were looked at.
    fits : dict of Reading to Fit
        Of every reading, on all micrographs together.
    best : Reading
        The one that fits best and puts nearly all positions on the micrographs; `given`, if none is clearly
        better. Where micrographs disagree, that of most of them.
    given : Reading
        How they are read now.
    by_micrograph : tuple of Reading or None
        What fits each of those that were looked at; None where it shows too little.
    """

    n_picks: int
    n_micrographs: int
    fits: dict[Reading, Fit]
    best: Reading
    given: Reading = Reading()
    by_micrograph: tuple[Reading | None, ...] = ()

    @property
    def as_given(self) -> Fit:
        """How well the positions fit as they are read now."""
        return self.fits[self.given]

    @property
    def others(self) -> dict[Reading, int]:
        """Readings that fit other micrographs than the best one does, and on how many."""
        found = Counter(one for one in self.by_micrograph if one is not None and one != self.best)
        return dict(found.most_common())

    @property
    def doubtful(self) -> bool:
        """Whether another reading fits clearly better, be it on some of the micrographs."""
        return self.best != self.given or bool(self.others)

    def message(self, how: str | None = None) -> str:
        """Say what is doubted, on what evidence, and how to apply the better reading; "" without a doubt.

        Parameters
        ----------
        how : str, optional
            The action that applies it; by default the command line's options.
        """
        if not self.doubtful:
            return ""
        now = "as read" if self.given.as_read else "in the way given"
        if self.others:
            fit = {self.best: self.by_micrograph.count(self.best), **self.others}
            readings = ", ".join(f"{self._way(one)} on {n}" for one, n in fit.items())
            return (
                f"the positions are not read in one way on all of {self.n_micrographs} micrographs: they fit "
                f"{readings}; read these apart"
            )
        best, own = self.fits[self.best], self.as_given
        outside = self.n_picks - own.inside
        lost = f" ({outside} of {self.n_picks} lie outside them)" if outside else ""
        what = f"give {self.best.options}" if self.best.options else "leave out the options for reading"
        many = "s" if self.n_micrographs > 1 else ""
        return (
            f"the positions do not fit the micrographs {now}{lost}, but {self._way(self.best)} they do: the "
            f"image's contrast at {self.n_picks} positions on {self.n_micrographs} micrograph{many} is "
            f"{own.t:.1f} standard errors {now}, {best.t:.1f} in that way; {how or f'if it is right, {what}'}"
        )

    @staticmethod
    def _way(reading: Reading) -> str:
        return "as they stand in the file" if reading.as_read else reading.description


@dataclass(frozen=True)
class _Look:
    """What one micrograph shows at its positions: contrasts by size, and how many lie on it, by reading."""

    n_picks: int
    contrasts: dict[Reading, list[NDArray[np.float64]]]
    inside: dict[Reading, int]


def check_frame(samples: Iterable[tuple[Image, Picks]], given: Reading | None = None) -> FrameCheck | None:
    """Hold positions against their micrographs, in every reading.

    Parameters
    ----------
    samples : iterable of (micrograph, Picks)
        Micrographs as `Micrograph`, file or array (H, W), each with its picks, centres in pixels of it. At
        most `MAX_MICROGRAPHS` are opened, those with most picks; takes about half a second for each.
    given : Reading, optional
        How the picks are going to be read; by default as they are.

    Returns
    -------
    FrameCheck or None
        None where fewer than `MIN_PICKS` positions could be looked at: so few can mislead.

    Raises
    ------
    MicrographError
        If a micrograph cannot be read.
    """
    chosen = sorted(((one, picks) for one, picks in samples if len(picks)), key=lambda pair: -len(pair[1]))
    chosen = chosen[:MAX_MICROGRAPHS]
    if sum(len(picks) for _, picks in chosen) < MIN_PICKS:
        return None
    given = given or Reading()
    readings = READINGS if given in READINGS else (given, *READINGS)
    looks = [_look(image, picks, readings) for image, picks in chosen]
    fits, together = _judge(looks, given)
    each = tuple(_judge([look], given)[1] if look.n_picks >= MIN_PICKS else None for look in looks)
    counts = Counter(one for one in each if one is not None)
    best = counts.most_common(1)[0][0] if len(counts) > 1 else together or given
    return FrameCheck(sum(look.n_picks for look in looks), len(looks), fits, best, given, each)


def _look(image: Image, picks: Picks, readings: Sequence[Reading]) -> _Look:
    pyramid = _Pyramid(_pixels(image))
    thinned = _thinned(picks)
    look = _Look(len(thinned), {}, {})
    for reading in readings:
        yx = reading.apply(thinned, pyramid.shape).yx
        within = ((yx >= -0.5) & (yx <= np.array(pyramid.shape) - 0.5)).all(axis=1)
        look.inside[reading] = int(within.sum())
        look.contrasts[reading] = pyramid.contrasts(yx[within])
    return look


def _judge(looks: Sequence[_Look], given: Reading) -> tuple[dict[Reading, Fit], Reading | None]:
    """Return how well each reading fits, and which one clearly does: `given` unless another is clearly "
    "better."""
    fits = {
        reading: _fit(
            [look.contrasts[reading] for look in looks], sum(look.inside[reading] for look in looks)
        )
        for reading in looks[0].inside
    }
    n_picks = sum(look.n_picks for look in looks)
    possible = [one for one in READINGS if fits[one].inside >= (1 - _MOST_OUTSIDE) * n_picks]
    best = max(possible, key=lambda one: fits[one].t, default=given)
    if _is_clear(fits[best]) and fits[best].t >= fits[given].t + _CLEARLY_BETTER_T:
        return fits, best
    return fits, given if _is_clear(fits[given]) else None


def _is_clear(fit: Fit) -> bool:
    return fit.t >= _CLEAR_T and fit.effect >= _MIN_EFFECT


def _fit(by_micrograph: Sequence[Sequence[NDArray[np.float64]]], inside: int) -> Fit:
    """Judge the contrasts of all micrographs together, at the size at which they are clearest."""
    best = Fit(0.0, 0.0, inside)
    for at_one_size in zip(*by_micrograph, strict=True):
        places = np.concatenate(at_one_size)
        if len(places) >= _MIN_PLACES:
            # A few places can be alike by chance: their variance is drawn towards the whole image's, which is
            # 1.
            squares = float(((places - places.mean()) ** 2).sum()) + _PRIOR_PLACES
            deviation = float(np.sqrt(squares / (len(places) - 1 + _PRIOR_PLACES)))
            effect = abs(float(places.mean() / deviation))
            t = effect * float(np.sqrt(len(places)))
            best = Fit(t, effect, inside) if t > best.t else best
    return best


def _pixels(image: Image) -> NDArray[Any]:
    if isinstance(image, np.ndarray):
        return image
    micrograph = image if isinstance(image, Micrograph) else open_micrograph(image)
    return micrograph.pixels()


def _thinned(picks: Picks) -> Picks:
    if len(picks) <= _MAX_PICKS:
        return picks
    return picks.select(np.random.default_rng(0).choice(len(picks), _MAX_PICKS, replace=False))


class _Pyramid:
    """A micrograph at several resolutions, as band-passed images in units of their standard deviation.

    Parameters
    ----------
    pixels : ndarray, shape (H, W)
        Grey levels.
    """

    def __init__(self, pixels: NDArray[Any]) -> None:
        from scipy.ndimage import gaussian_filter

        self.shape: tuple[int, int] = (pixels.shape[0], pixels.shape[1])
        step = max(1, -(-max(self.shape) // _MAX_SIDE_PX))
        image = _clipped(_binned(pixels, step))
        self._bands: list[tuple[int, float, NDArray[np.float32]]] = []
        for _ in range(_LEVELS):
            for size in _SIZES_PX:
                band = gaussian_filter(image, size / 4) - gaussian_filter(image, size / 2)
                self._bands.append((step, size, band / (float(band.std()) or 1.0)))
            if min(image.shape) < 4 * max(_SIZES_PX):
                break
            image, step = _binned(image, 2), step * 2
        # Every micrograph has as many, whatever its size, so that they can be pooled.
        self._bands += [self._bands[-1]] * (_LEVELS * len(_SIZES_PX) - len(self._bands))

    def contrasts(self, yx: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Return for each size the contrast at positions (N, 2), pixels: one number a place.

        Positions less than a size apart share a place, and their mean: they see the same pixels.
        """
        return [self._contrast(yx, *band) for band in self._bands]

    def _contrast(
        self, yx: NDArray[np.float64], step: int, size: float, band: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        at = (yx + 0.5) / step - 0.5
        angles = np.arange(_ANGLES) * (2 * np.pi / _ANGLES)
        circle = np.stack([np.sin(angles), np.cos(angles)], axis=1)
        ring = np.concatenate([circle * size * radius for radius in _RING_DIAMETERS])
        rows, cols = band.shape
        around = np.rint(at[:, None] + ring).astype(np.intp)
        on = ((around >= 0) & (around < band.shape)).all(axis=2)
        values = np.where(on, band[around[..., 0].clip(0, rows - 1), around[..., 1].clip(0, cols - 1)], 0)
        centre = np.rint(at).astype(np.intp).clip(0, np.array(band.shape) - 1)
        contrast = band[centre[:, 0], centre[:, 1]] - values.sum(axis=1) / on.sum(axis=1).clip(1)
        places = np.unique(np.floor(at / size), axis=0, return_inverse=True)[1].ravel()
        if not len(places):
            return np.empty(0)
        means: NDArray[np.float64] = np.bincount(places, contrast) / np.bincount(places)
        return means


def _binned(pixels: NDArray[Any], factor: int) -> NDArray[np.float32]:
    """Average blocks of `factor` x `factor` pixels; what is no number is left out."""
    rows, cols = (max(1, size // factor) for size in pixels.shape)
    image = np.asarray(pixels[: rows * factor, : cols * factor], np.float32)
    finite = np.isfinite(image)
    if not finite.all():
        image = np.where(finite, image, np.median(image[finite]) if finite.any() else 0)
    blocks = image.reshape(rows, min(factor, image.shape[0]), cols, min(factor, image.shape[1]))
    mean: NDArray[np.float32] = blocks.mean(axis=(1, 3), dtype=np.float32)
    return mean


def _clipped(image: NDArray[np.float32]) -> NDArray[np.float32]:
    middle = float(np.median(image))
    reach = _CLIP_DEVIATIONS * 1.4826 * float(np.median(np.abs(image - middle)))
    return np.clip(image - middle, -reach, reach) if reach > 0 else image - middle
