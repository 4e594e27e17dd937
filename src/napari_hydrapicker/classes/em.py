"""Reference-free classes of particle images by expectation maximisation.

Every image counts for every class, rotation and shift, with the probability that it has by its likelihood:
Scheres, Valle, Núñez, Sorzano, Marabini, Herman & Carazo 2005, J Mol Biol 348:139 (ML2D); the noise is
estimated ring by ring of Fourier space as in Scheres et al. 2007, Structure 15:1167 (MLF2D), and averages are
damped where their signal does not exceed their noise as in Scheres 2012, J Mol Biol 415:406. All classes are
alike beforehand, whatever their numbers, and their signal is taken to be alike: so a large class does not
attract images by being less noisy. The work begins with coarse detail, and with more weight on the likelihood
than it has, which is what tells the classes apart at first (as the temperature of Ueda & Nakano 1998, Neural
Networks 11:271, the other way round).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_hydrapicker.classes.crops import BOX_PX, DIAMETER_PX, disc
from napari_hydrapicker.classes.polar import PolarGrid

_CHUNK_VALUES = 2**22
_MASK_DIAMETERS, _MASK_SOFT_PX = 0.87, 5.0
_SMALL = 0.15  # of the mean number: a smaller class is given up, and the largest one split
_NOISE_FLOOR = 0.1
_TRUST = 2.0  # of the signal over the noise, as RELION's T for 2-D classes


@dataclass(frozen=True)
class Stage:
    """Some iterations at one fineness.

    Attributes
    ----------
    iterations : int
    finest : float
        Radius of the outermost ring, Fourier pixels: cycles in the box.
    reach_px, step_px : float
        How far shifts are tried, and how far apart, pixels of the crop.
    start, end : float
        Weight of the likelihood at the first and the last iteration; 1 is its own.
    """

    iterations: int
    finest: float
    reach_px: float
    step_px: float
    start: float
    end: float


# With a weight of 1 or less all classes stay the average of everything where images are few and noisy.
STAGES = (
    Stage(10, 8, 4.0, 2.0, 4.0, 4.0),
    Stage(8, 12, 3.0, 1.5, 4.0, 3.0),
    Stage(6, 16, 2.0, 1.0, 3.0, 2.0),
)
SHIFT_SPREAD_PX = 2.5
"""Standard deviation of the picks' places that is expected, pixels of the crop: a sixteenth of a diameter."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """What class each image is in, and how it lies there.

    Attributes
    ----------
    label : Tensor of int64, shape (N,)
        Class, from 0.
    confidence : Tensor, shape (N,)
        Probability of that class.
    angle : Tensor, shape (N,)
        Radians by which the average is turned from the columns' axis to the rows', to lie on the image.
    shift : Tensor, shape (N, 2)
        (row, column) in pixels by which the average is moved before that.
    centre : Tensor, shape (N, 2)
        Where the image's centre was taken to be, (row, column) from the middle of the crop.
    """

    label: Tensor
    confidence: Tensor
    angle: Tensor
    shift: Tensor
    centre: Tensor


def shift_images(images: Tensor, yx: Tensor) -> Tensor:
    """Move images (N, H, W) by (rows, columns) (N, 2) pixels, by the phase of their transform."""
    height, width = images.shape[-2:]
    fy = torch.fft.fftfreq(height)[None, :, None] * yx[:, 0, None, None]
    fx = torch.fft.rfftfreq(width)[None, None, :] * yx[:, 1, None, None]
    angle = -2 * math.pi * (fy + fx)
    moved: Tensor = torch.fft.irfft2(
        torch.fft.rfft2(images) * torch.polar(torch.ones_like(angle), angle), s=(height, width)
    )
    return moved


def shift_grid(reach_px: float, step_px: float) -> Tensor:
    """Shifts (S, 2) on a square grid within a circle; the first is none."""
    n = math.floor(reach_px / step_px)
    line = torch.arange(-n, n + 1) * float(step_px)
    grid = torch.stack(torch.meshgrid(line, line, indexing="ij"), dim=-1).reshape(-1, 2)
    distance = grid.norm(dim=1)
    order = torch.argsort(distance, stable=True)
    return grid[order][distance[order] <= reach_px + 1e-6]


class Expectation:
    """The two steps, on one grid of rings and shifts.

    Parameters
    ----------
    grid : PolarGrid
    shifts : Tensor, shape (S, 2)
    spread_px : float
        Standard deviation of the shifts that are expected, pixels.
    """

    def __init__(self, grid: PolarGrid, shifts: Tensor, spread_px: float) -> None:
        self.grid, self.shifts = grid, shifts
        self._phase = grid.shift(shifts)  # (S, R, A / 2)
        self._prior = -shifts.square().sum(dim=1) / (2 * spread_px**2)  # (S,)
        area = float(disc(_MASK_DIAMETERS * DIAMETER_PX).mean())
        self._count = math.pi * grid.radii * area  # independent coefficients of a ring

    def templates(self, references: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Harmonics (M, 2R, 2 T) of the shifted references to multiply images' with, and constants (T,).

        `references` are coefficients (K, R, A / 2), `noise` is (R,); T = S K, shift by shift.
        """
        moved = (self._phase[:, None] * references).flatten(0, 1)  # (T, R, A / 2)
        weight = self._count / noise  # (R,)
        harmonics = self.grid.harmonics(moved) * (2 * weight / self.grid.n_angles)[:, None]
        constant = -(references.abs().square().mean(dim=2) * weight).sum(dim=1)  # (K,)
        constants = (self._prior[:, None] + constant).flatten()
        ordered = harmonics.permute(2, 1, 0)  # (M, R, T)
        real = torch.cat([ordered.real, ordered.imag], dim=1)
        imaginary = torch.cat([-ordered.imag, ordered.real], dim=1)
        return torch.cat([real, imaginary], dim=2).contiguous(), constants

    def scores(self, images: Tensor, templates: Tensor, constants: Tensor) -> Tensor:
        """Log likelihood (n, T, A), but for a constant, of images (M, n, 2R)."""
        product = torch.bmm(images, templates)  # (M, n, 2 T)
        n_templates = product.shape[2] // 2
        spectrum = torch.complex(product[..., :n_templates], product[..., n_templates:])
        scores: Tensor = torch.fft.irfft(spectrum.permute(1, 2, 0).contiguous(), n=self.grid.n_angles, dim=2)
        return scores + constants[:, None]

    def gathered(self, images: Tensor, weights: Tensor) -> Tensor:
        """Sum of images (M, n, 2R), turned and moved back as the weights (n, T, A) say: (K, R, A / 2)."""
        turned = torch.fft.rfft(weights, dim=2).permute(2, 0, 1)  # (M, n, T)
        n_rings = len(self.grid.radii)
        parts = images.transpose(1, 2)  # (M, 2R, n)
        by_real = torch.bmm(parts, turned.real.contiguous())  # (M, 2R, T)
        by_imaginary = torch.bmm(parts, turned.imag.contiguous())
        # times the conjugate of the weights' harmonics
        real = by_real[:, :n_rings] + by_imaginary[:, n_rings:]
        imaginary = by_real[:, n_rings:] - by_imaginary[:, :n_rings]
        harmonics = torch.complex(real, imaginary).permute(2, 1, 0)  # (T, R, M)
        moved = self.grid.from_harmonics(harmonics)
        moved = moved.view(len(self.shifts), -1, *moved.shape[1:])  # (S, K, R, A / 2)
        summed: Tensor = (moved * self._phase[:, None].conj()).sum(dim=0)
        return summed


def as_rows(harmonics: Tensor) -> Tensor:
    """Harmonics (N, R, M) as real numbers (M, N, 2R), the images of `Expectation`."""
    ordered = harmonics.permute(2, 0, 1)
    return torch.cat([ordered.real, ordered.imag], dim=2).contiguous()


@dataclass(frozen=True, eq=False)
class References:
    """Averages as coefficients, and what is known of them.

    Attributes
    ----------
    grid : PolarGrid
    coefficients : Tensor, complex, shape (K, R, A / 2)
    noise : Tensor, shape (R,)
        Variance of an image's noise in a ring.
    numbers : Tensor, shape (K,)
        How many images each is of.
    """

    grid: PolarGrid
    coefficients: Tensor
    noise: Tensor
    numbers: Tensor


Progress = Callable[[int, int], None]


def masked(images: Tensor, centre: Tensor) -> Tensor:
    """Move each image's centre (N, 2) to the middle, and leave nothing beyond the particle."""
    mask = torch.from_numpy(disc(_MASK_DIAMETERS * DIAMETER_PX, _MASK_SOFT_PX))
    return shift_images(images, -centre) * mask


def classify_images(
    images: Tensor,
    centre: Tensor,
    n_classes: int,
    seed: int = 0,
    stages: tuple[Stage, ...] = STAGES,
    progress: Progress | None = None,
) -> tuple[Alignment, References]:
    """Sort images into classes.

    Parameters
    ----------
    images : Tensor, shape (N, BOX_PX, BOX_PX)
        Light on dark, normalised.
    centre : Tensor, shape (N, 2)
        Where the picked centre is, (row, column) from the middle of the crop.
    n_classes : int
    seed : int
        The same seed gives the same classes.
    progress : callable, optional
        Called with the iterations done and their number; what it raises ends the work.
    """
    generator = torch.Generator().manual_seed(seed)
    total = sum(stage.iterations for stage in stages)
    done = 0
    references: References | None = None
    for stage in stages:
        grid = PolarGrid.up_to(BOX_PX, stage.finest, DIAMETER_PX * _MASK_DIAMETERS)
        harmonics = grid.harmonics(grid.transform(masked(images, centre)))
        rows = as_rows(harmonics)
        power = power_of(grid, harmonics)
        step = Expectation(grid, shift_grid(stage.reach_px, stage.step_px), SHIFT_SPREAD_PX)
        references = (
            _random_start(grid, rows, power, n_classes, generator)
            if references is None
            else refined(references, grid, power)
        )
        for i in range(stage.iterations):
            weight = stage.start + (stage.end - stage.start) * i / max(1, stage.iterations - 1)
            references = iteration(step, rows, power, references, weight)
            if done + 1 < total * 0.7 and done % 2:
                references = _reseeded(references, generator)
            done += 1
            if progress is not None:
                progress(done, total)
        alignment = align(step, rows, references, centre)
        if stage is not stages[-1]:
            references, moved = _centred(references)
            alignment = _follow(alignment, moved)
            centre = recentred(alignment)
    assert references is not None
    return alignment, references


def power_of(grid: PolarGrid, harmonics: Tensor) -> Tensor:
    """Mean power (R,) of the coefficients whose harmonics are (N, R, M)."""
    times = torch.full((grid.n_harmonics,), 2.0)  # each stands for its conjugate too
    times[0] = times[-1] = 1
    return (harmonics.abs().square().mean(dim=0) * times).sum(dim=1) / grid.n_angles**2


def _random_start(
    grid: PolarGrid, rows: Tensor, power: Tensor, n_classes: int, generator: torch.Generator
) -> References:
    """Averages of random parts of the images in random directions: blobs that differ a little."""
    n = rows.shape[1]
    label = torch.arange(n) % n_classes
    label = label[torch.randperm(n, generator=generator)]
    turn = torch.rand(n, generator=generator) * (2 * math.pi)
    n_rings = rows.shape[2] // 2
    order = torch.arange(grid.n_harmonics)
    phase = torch.polar(torch.ones(grid.n_harmonics, n), order[:, None] * turn)
    turned = torch.complex(rows[..., :n_rings], rows[..., n_rings:]) * phase[:, :, None]  # (M, N, R)
    members = torch.nn.functional.one_hot(label, n_classes).float()
    sums = torch.einsum("mnr,nk->krm", turned, members.to(turned.dtype))
    coefficients = grid.from_harmonics(sums / members.sum(dim=0)[:, None, None])
    return References(grid, coefficients, power, members.sum(dim=0))


def refined(references: References, grid: PolarGrid, power: Tensor) -> References:
    """The same averages on a finer grid: nothing is known yet of rings that are new."""
    old = references.grid
    harmonics = old.harmonics(references.coefficients) * (grid.n_angles / old.n_angles)
    n_rings, n_harmonics = len(grid.radii), grid.n_harmonics
    wider = torch.zeros(len(harmonics), n_rings, n_harmonics, dtype=harmonics.dtype)
    kept = min(n_harmonics, old.n_harmonics) - 1
    wider[:, : len(old.radii), :kept] = harmonics[:, :, :kept]
    noise = power.clone()
    noise[: len(old.radii)] = references.noise
    return References(grid, grid.from_harmonics(wider), noise, references.numbers)


def _chunks(step: Expectation, n: int, n_templates: int) -> list[slice]:
    size = max(1, _CHUNK_VALUES // (n_templates * step.grid.n_angles))
    return [slice(start, start + size) for start in range(0, n, size)]


def iteration(
    step: Expectation, rows: Tensor, power: Tensor, references: References, weight: float
) -> References:
    """One step of expectation and maximisation: the averages of images (M, N, 2R) by their probabilities.

    `power` (R,) is the images' own, `weight` that of the log likelihood.
    """
    templates, constants = step.templates(references.coefficients, references.noise)
    n_classes = len(references.coefficients)
    sums = torch.zeros_like(references.coefficients)
    numbers = torch.zeros(n_classes)
    for part in _chunks(step, rows.shape[1], len(constants)):
        scores = step.scores(rows[:, part], templates, constants)
        weights = torch.softmax((scores * weight).flatten(1), dim=1).view_as(scores)
        sums += step.gathered(rows[:, part], weights)
        numbers += weights.sum(dim=2).view(len(weights), -1, n_classes).sum(dim=(0, 1))
    averages = sums / numbers.clamp(min=1e-3)[:, None, None]
    of_noise = references.noise / numbers.clamp(min=1e-3)[:, None]  # (K, R)
    signal = (averages.abs().square().mean(dim=2) - of_noise).clamp(min=0)
    usual = (signal * numbers[:, None]).sum(dim=0) / numbers.sum()  # (R,)
    coefficients = averages * (usual / (usual + of_noise / _TRUST + 1e-12))[:, :, None]
    explained = (coefficients.abs().square().mean(dim=2) * numbers[:, None]).sum(dim=0) / numbers.sum()
    noise = torch.maximum(power - explained, _NOISE_FLOOR * power)
    return References(step.grid, coefficients, noise, numbers)


def _reseeded(references: References, generator: torch.Generator) -> References:
    """Give up classes that have hardly an image, and split the largest ones in their place."""
    numbers = references.numbers.clone()
    coefficients = references.coefficients.clone()
    small = (numbers < _SMALL * numbers.mean()).nonzero().flatten().tolist()
    for k in small:
        largest = int(numbers.argmax())
        change = torch.randn(coefficients.shape[1:], generator=generator, dtype=coefficients.dtype)
        change *= coefficients[largest].abs().square().mean(dim=1, keepdim=True).sqrt() * 0.5
        coefficients[k] = coefficients[largest] + change
        coefficients[largest] = coefficients[largest] - change
        numbers[k] = numbers[largest] = numbers[largest] / 2
    return References(references.grid, coefficients, references.noise, numbers)


def _centred(references: References) -> tuple[References, Tensor]:
    """Move each average so that its density is in the middle; returns by how much too, (K, 2) pixels."""
    image = references.grid.image(references.coefficients) * torch.from_numpy(disc(1.3 * DIAMETER_PX))
    mass = (image - 0.3 * image.amax(dim=(1, 2), keepdim=True)).clamp(min=0)
    place = torch.arange(BOX_PX, dtype=torch.float32) - BOX_PX // 2
    total = mass.sum(dim=(1, 2)).clamp(min=1e-9)
    move = -torch.stack(
        [(mass.sum(dim=2) * place).sum(dim=1) / total, (mass.sum(dim=1) * place).sum(dim=1) / total], dim=1
    ).clamp(-4, 4)
    coefficients = references.coefficients * references.grid.shift(move)
    return References(references.grid, coefficients, references.noise, references.numbers), move


def _follow(alignment: Alignment, moved: Tensor) -> Alignment:
    """The alignment to averages that were moved by (K, 2) pixels."""
    return Alignment(
        alignment.label,
        alignment.confidence,
        alignment.angle,
        alignment.shift - moved[alignment.label],
        alignment.centre,
    )


def recentred(alignment: Alignment) -> Tensor:
    """Where the middle of its average lies in each crop, (row, column) from the crop's middle, (N, 2)."""
    cos, sin = torch.cos(alignment.angle), torch.sin(alignment.angle)
    down, across = alignment.shift.unbind(dim=1)
    turned = torch.stack([sin * across + cos * down, cos * across - sin * down], dim=1)
    return alignment.centre + turned


def align(step: Expectation, rows: Tensor, references: References, centre: Tensor) -> Alignment:
    """Find the best class, rotation and shift of each image (M, N, 2R) whose centres are (N, 2)."""
    templates, constants = step.templates(references.coefficients, references.noise)
    n_classes, n_angles = len(references.coefficients), step.grid.n_angles
    labels, confidences, angles, shifts = [], [], [], []
    for part in _chunks(step, rows.shape[1], len(constants)):
        scores = step.scores(rows[:, part], templates, constants)  # (n, S K, A)
        scores = scores.view(len(scores), -1, n_classes, n_angles)
        by_class = torch.logsumexp(scores, dim=(1, 3))  # (n, K)
        probability, label = torch.softmax(by_class, dim=1).max(dim=1)
        own = scores[torch.arange(len(label)), :, label].flatten(1)
        best = own.argmax(dim=1)
        labels.append(label)
        confidences.append(probability)
        angles.append((best % n_angles) * (2 * math.pi / n_angles))
        shifts.append(step.shifts[best // n_angles])
    return Alignment(torch.cat(labels), torch.cat(confidences), torch.cat(angles), torch.cat(shifts), centre)


def assign(images: Tensor, centre: Tensor, references: References) -> Alignment:
    """Find the class, rotation and shift of images (N, BOX_PX, BOX_PX) that the classes were not made of.

    A pick's place is not known beforehand, as it is after some iterations: shifts are tried as far as then.
    """
    last = STAGES[-1]
    step = Expectation(references.grid, shift_grid(STAGES[0].reach_px, last.step_px), SHIFT_SPREAD_PX)
    grid = references.grid
    rows = as_rows(grid.harmonics(grid.transform(masked(images, centre))))
    return align(step, rows, references, centre)
