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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.io.micrograph import Micrograph, open_micrograph
from napari_hydrapicker.io.names import micrograph_stem
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.wording import counted, shortened

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

# What makes it needless to look at the finest images.
_SURE_T = 10.0
_SURE_TIMES = 2.0  # as much as the second best reading

_AT_ONCE_PX = 2**18
_FOR_MEDIAN = 256  # rows and columns

Report = Callable[[int, int], object]


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
    names : tuple of str
        What these are called; "" where one has no name.
    """

    n_picks: int
    n_micrographs: int
    fits: dict[Reading, Fit]
    best: Reading
    given: Reading = Reading()
    by_micrograph: tuple[Reading | None, ...] = ()
    names: tuple[str, ...] = ()

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
            readings = [f"{self._way(self.best)} on {self.by_micrograph.count(self.best)}"]
            readings += [f"{self._way(one)} on {self._on(one)}" for one in self.others]
            return (
                "the positions are not read in one way on all of "
                f"{counted(self.n_micrographs, 'micrograph')} that were "
                f"looked at: they fit {', '.join(readings)}; read these apart"
            )
        best, own = self.fits[self.best], self.as_given
        outside = self.n_picks - own.inside
        lost = f" ({outside} of {self.n_picks} lie outside them)" if outside else ""
        what = f"give {self.best.options}" if self.best.options else "leave out the options for reading"
        return (
            f"the positions do not fit the micrographs {now}{lost}, but {self._way(self.best)} they do: the "
            f"image's contrast at {counted(self.n_picks, 'position')} on "
            f"{counted(self.n_micrographs, 'micrograph')} is "
            f"{own.t:.1f} standard errors {now}, {best.t:.1f} in that way; {how or f'if it is right, {what}'}"
        )

    def _on(self, reading: Reading) -> str:
        """On how many micrographs a reading fits, and on which."""
        found = [i for i, one in enumerate(self.by_micrograph) if one == reading]
        names = [self.names[i] for i in found if i < len(self.names) and self.names[i]]
        if not names:
            return str(len(found))
        return f"{len(found)} ({shortened(names)})"

    @staticmethod
    def _way(reading: Reading) -> str:
        return "as they stand in the file" if reading.as_read else reading.description


def check_frame(
    samples: Iterable[tuple[Image, Picks]], given: Reading | None = None, report: Report | None = None
) -> FrameCheck | None:
    """Hold positions against their micrographs, in every reading.

    Coarse images are looked at first: particles are seldom so small that these do not tell, and the finest
    one takes longer than all others together.

    Parameters
    ----------
    samples : iterable of (micrograph, Picks)
        Micrographs as `Micrograph`, file or array (H, W), each with its picks, centres in pixels of it. At
        most `MAX_MICROGRAPHS` are opened, those with most picks, and each of them once; takes about a tenth
        of a second for each.
    given : Reading, optional
        How the picks are going to be read; by default as they are.
    report : callable, optional
        Called with how many micrographs are done, and of how many, several times for each of them; what it
        raises ends the check.

    Returns
    -------
    FrameCheck or None
        None where fewer than `MIN_PICKS` positions could be looked at: so few can mislead.

    Raises
    ------
    MicrographError
        If a micrograph cannot be read.
    """
    chosen = [(one, picks) for one, picks in samples if len(picks)]
    most = sorted(range(len(chosen)), key=lambda i: -len(chosen[i][1]))[:MAX_MICROGRAPHS]
    chosen = [chosen[i] for i in sorted(most)]
    if sum(len(picks) for _, picks in chosen) < MIN_PICKS:
        return None
    report = report or (lambda _done, _total: None)
    given = given or Reading()
    readings = READINGS if given in READINGS else (given, *READINGS)
    looks: list[_Look] = []
    for done, (image, picks) in enumerate(chosen):
        report(done, len(chosen))
        pixels = _pixels(image)
        report(done, len(chosen))
        looks.append(_Look(_name_of(image), _Pyramid(pixels), picks, readings))
        for level in range(1, _LEVELS):
            looks[-1].add(level)
    alone = [[look] for look in looks if look.n_picks >= MIN_PICKS]
    if not all(_is_sure(some, given) for some in (looks, *alone)):
        for look in looks:
            report(len(chosen), len(chosen))
            look.add(0)
    fits, together = _judge(looks, given)
    each = tuple(_judge([one], given)[1] if one.n_picks >= MIN_PICKS else None for one in looks)
    counts = Counter(one for one in each if one is not None)
    best = counts.most_common(1)[0][0] if len(counts) > 1 else together or given
    n_picks, names = sum(one.n_picks for one in looks), tuple(one.name for one in looks)
    return FrameCheck(n_picks, len(looks), fits, best, given, each, names)


class _Look:
    """What one micrograph shows at its positions.

    Parameters
    ----------
    name : str
        What it is called; "" for nothing.
    pyramid : _Pyramid
        Its pixels.
    picks : Picks
        The positions as a file has them, pixels.
    readings : sequence of Reading
        How they can be read.

    Attributes
    ----------
    n_picks : int
        Number of positions that are looked at.
    contrasts : list of dict of Reading to ndarray, shape (places,)
        For each size at which it has been looked at.
    inside : dict of Reading to int
        How many of the positions lie on it.
    """

    def __init__(self, name: str, pyramid: _Pyramid, picks: Picks, readings: Sequence[Reading]) -> None:
        self.name, self._pyramid = name, pyramid
        thinned = _thinned(picks)
        self.n_picks = len(thinned)
        self.contrasts: list[dict[Reading, NDArray[np.float64]]] = []
        self.inside: dict[Reading, int] = {}
        self._readings = readings
        found = []
        for reading in readings:
            yx = reading.apply(thinned, pyramid.shape).yx
            found.append(yx[((yx >= -0.5) & (yx <= np.array(pyramid.shape) - 0.5)).all(axis=1)])
            self.inside[reading] = len(found[-1])
        self._yx = np.concatenate(found)
        self._of_reading = np.repeat(np.arange(len(found)), list(map(len, found)))

    def add(self, level: int) -> None:
        """Look at it at the sizes of a level of the pyramid, 0 for the finest."""
        for values, of_reading in self._pyramid.contrasts(level, self._yx, self._of_reading):
            ends = np.searchsorted(of_reading, np.arange(1, len(self._readings)))
            self.contrasts.append(dict(zip(self._readings, np.split(values, ends), strict=True)))


def _judge(looks: Sequence[_Look], given: Reading) -> tuple[dict[Reading, Fit], Reading | None]:
    """Return how well each reading fits, and which one clearly does: `given` unless another is clearly
    better."""
    fits = _fits(looks)
    possible = _possible(looks, fits)
    best = max(possible, key=lambda one: fits[one].t, default=given)
    if _is_clear(fits[best]) and fits[best].t >= fits[given].t + _CLEARLY_BETTER_T:
        return fits, best
    return fits, given if _is_clear(fits[given]) else None


def _is_sure(looks: Sequence[_Look], given: Reading) -> bool:
    """Whether one reading fits so much better than all others that finer images would tell nothing else."""
    fits, best = _judge(looks, given)
    if best is None:
        return False
    second = max((fits[one].t for one in (*_possible(looks, fits), given) if one != best), default=0.0)
    return fits[best].t >= max(_SURE_T, _SURE_TIMES * second)


def _possible(looks: Sequence[_Look], fits: Mapping[Reading, Fit]) -> list[Reading]:
    """Readings that put nearly all positions on the micrographs."""
    n_picks = sum(look.n_picks for look in looks)
    return [one for one in READINGS if fits[one].inside >= (1 - _MOST_OUTSIDE) * n_picks]


def _is_clear(fit: Fit) -> bool:
    return fit.t >= _CLEAR_T and fit.effect >= _MIN_EFFECT


def _fits(looks: Sequence[_Look]) -> dict[Reading, Fit]:
    """Judge the contrasts of all micrographs together, each reading at the size where they are clearest."""
    fits = {one: Fit(0.0, 0.0, sum(look.inside[one] for look in looks)) for one in looks[0].inside}
    for at_one_size in zip(*(look.contrasts for look in looks), strict=True):
        for reading, so_far in fits.items():
            places = np.concatenate([contrasts[reading] for contrasts in at_one_size])
            if len(places) >= _MIN_PLACES:
                # A few places can be alike by chance: their variance is drawn towards the whole image's,
                # which is 1.
                squares = float(((places - places.mean()) ** 2).sum()) + _PRIOR_PLACES
                deviation = float(np.sqrt(squares / (len(places) - 1 + _PRIOR_PLACES)))
                effect = abs(float(places.mean() / deviation))
                t = effect * float(np.sqrt(len(places)))
                if t > so_far.t:
                    fits[reading] = Fit(t, effect, so_far.inside)
    return fits


def _pixels(image: Image) -> NDArray[Any]:
    if isinstance(image, np.ndarray):
        return image
    micrograph = image if isinstance(image, Micrograph) else open_micrograph(image)
    return micrograph.pixels()


def _name_of(image: Image) -> str:
    if isinstance(image, Micrograph):
        return image.name
    return "" if isinstance(image, np.ndarray) else micrograph_stem(Path(image).name)


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
        self.shape: tuple[int, int] = (pixels.shape[0], pixels.shape[1])
        step = max(1, -(-max(self.shape) // _MAX_SIDE_PX))
        image = _clipped(_binned(pixels, step))
        self._levels = [(step, image)]
        while len(self._levels) < _LEVELS and min(image.shape) >= 4 * max(_SIZES_PX):
            image, step = _binned(image, 2), step * 2
            self._levels.append((step, image))

    def contrasts(
        self, level: int, yx: NDArray[np.float64], of_reading: NDArray[np.intp]
    ) -> Iterator[tuple[NDArray[np.float64], NDArray[np.intp]]]:
        """Yield for each size the contrast at positions: one number a place.

        Positions less than a size apart share a place, and their mean: they see the same pixels.

        Parameters
        ----------
        level : int
            0 for the finest. Every micrograph has as many, whatever its size, so that they can be pooled.
        yx : ndarray, shape (N, 2)
            Positions on the micrograph, pixels.
        of_reading : ndarray of int, shape (N,)
            Which reading each is of: those of two share no place.

        Yields
        ------
        contrasts, of_reading : ndarray, shape (M,)
            In the order of the readings.
        """
        from scipy.ndimage import gaussian_filter

        step, image = self._levels[min(level, len(self._levels) - 1)]
        at = (yx + 0.5) / step - 0.5
        for size in _SIZES_PX:
            band = gaussian_filter(image, size / 4) - gaussian_filter(image, size / 2)
            contrast = _contrast(band / (float(band.std()) or 1.0), at, size)
            cell = np.floor(at / size).astype(np.int64) + 1
            width = int(cell[:, 1].max(initial=0)) + 1
            height = int(cell[:, 0].max(initial=0)) + 1
            key = (of_reading * height + cell[:, 0]) * width + cell[:, 1]
            places, of_place = np.unique(key, return_inverse=True)
            yield np.bincount(of_place, contrast) / np.bincount(of_place), places // (height * width)


def _contrast(band: NDArray[np.float32], at: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    """Return by how much an image differs at positions (N, 2) from rings of a size, pixels, around them."""
    angles = np.arange(_ANGLES) * (2 * np.pi / _ANGLES)
    circle = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    ring = np.rint(np.concatenate([circle * size * radius for radius in _RING_DIAMETERS])).astype(np.intp)
    # Beyond the edge the image is what it is on average, which is 0.
    margin = int(np.abs(ring).max())
    padded = np.pad(band, margin)
    centre = np.rint(at).astype(np.intp).clip(0, np.array(band.shape) - 1) + margin
    flat = centre[:, 0] * padded.shape[1] + centre[:, 1]
    around = flat[:, None] + (ring[:, 0] * padded.shape[1] + ring[:, 1])
    return np.asarray(padded.take(flat) - padded.take(around).mean(axis=1), np.float64)


def _binned(pixels: NDArray[Any], factor: int) -> NDArray[np.float32]:
    """Average blocks of `factor` x `factor` pixels; what is no number is left out."""
    rows, cols = (max(1, size // factor) for size in pixels.shape)
    down, across = (min(factor, size) for size in pixels.shape)
    image = np.empty((rows, cols), np.float32)
    some = max(1, _AT_ONCE_PX // (down * pixels.shape[1]))
    for start in range(0, rows, some):  # a piece at a time stays in the processor's cache
        stop = min(start + some, rows)
        piece = np.asarray(pixels[start * down : stop * down, : cols * across], np.float32)
        image[start:stop] = _blocks(piece, down, across)
    unknown = ~np.isfinite(image)
    if unknown.any():
        image[unknown] = 0 if unknown.all() else np.median(image[~unknown])
    return image


def _blocks(piece: NDArray[np.float32], down: int, across: int) -> NDArray[np.float32]:
    """Average blocks of `down` x `across` pixels over their numbers; NaN where there is none."""
    mean: NDArray[np.float32] = _summed(piece, down, across) / np.float32(down * across)
    if np.isfinite(mean).all():
        return mean
    finite = np.isfinite(piece)
    with np.errstate(invalid="ignore"):  # 0 / 0
        total = _summed(np.where(finite, piece, np.float32(0)), down, across)
        return np.asarray(total / _summed(finite.astype(np.float32), down, across), np.float32)


def _summed(piece: NDArray[np.float32], down: int, across: int) -> NDArray[np.float32]:
    """Sum blocks: first whole rows, which are quickly added, then columns."""
    tall = piece.reshape(-1, down, piece.shape[1]).sum(axis=1)
    total = tall[:, ::across].copy()
    for k in range(1, across):
        total += tall[:, k::across]
    return np.asarray(total, np.float32)


def _clipped(image: NDArray[np.float32]) -> NDArray[np.float32]:
    some = image[:: max(1, image.shape[0] // _FOR_MEDIAN), :: max(1, image.shape[1] // _FOR_MEDIAN)]
    middle = float(np.median(some))
    reach = _CLIP_DEVIATIONS * 1.4826 * float(np.median(np.abs(some - middle)))
    return np.clip(image - middle, -reach, reach) if reach > 0 else image - middle
