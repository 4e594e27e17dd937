"""Class averages in real space, and how far their detail can be trusted."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from napari_hydrapicker.classes import em
from napari_hydrapicker.classes.crops import BOX_PX, DIAMETER_PX
from napari_hydrapicker.classes.em import Alignment, Expectation, References, shift_grid, shift_images
from napari_hydrapicker.classes.polar import PolarGrid

_HALF_ITERATIONS = 3
_COMMON_RINGS = 6  # up to 1 / 3.75 of the diameter: what the halves begin with in common
_FINEST = 20
_THRESHOLD = 0.5


def aligned(images: Tensor, alignment: Alignment) -> Tensor:
    """Turn and move images (N, BOX_PX, BOX_PX) onto their averages."""
    centred = shift_images(images, -alignment.centre)
    place = torch.arange(BOX_PX, dtype=torch.float32) - BOX_PX // 2
    down = place[None, :, None] + alignment.shift[:, 0, None, None]
    across = place[None, None, :] + alignment.shift[:, 1, None, None]
    cos, sin = (f(alignment.angle)[:, None, None] for f in (torch.cos, torch.sin))
    x, y = cos * across - sin * down, sin * across + cos * down
    grid = torch.stack([(x + BOX_PX // 2 + 0.5), (y + BOX_PX // 2 + 0.5)], dim=-1) * (2 / BOX_PX) - 1
    return functional.grid_sample(centred[:, None], grid, mode="bicubic", align_corners=False)[:, 0]


def class_averages(images: Tensor, alignment: Alignment, n_classes: int, chunk: int = 500) -> Tensor:
    """Averages (K, BOX_PX, BOX_PX) of the images in each class; 0 where a class has none."""
    sums = torch.zeros(n_classes, BOX_PX, BOX_PX)
    for start in range(0, len(images), chunk):
        part = slice(start, start + chunk)
        own = Alignment(*(field[part] for field in vars(alignment).values()))
        sums.index_add_(0, own.label, aligned(images[part], own))
    return sums / torch.bincount(alignment.label, minlength=n_classes).clamp(min=1)[:, None, None]


def ring_correlation(a: Tensor, b: Tensor) -> Tensor:
    """Fourier ring correlation (R,) of coefficients (R, A / 2): Saxton & Baumeister 1982, J Microsc 127."""
    product = (a * b.conj()).real.sum(dim=1)
    norm = (a.abs().square().sum(dim=1) * b.abs().square().sum(dim=1)).sqrt()
    return product / norm.clamp(min=1e-20)


def resolution_of(correlation: Tensor, radii: Tensor) -> float:
    """Radius, Fourier pixels, where a correlation (R,) falls under 0.5 for two rings or more; 0 if at once.

    Coarse rings have few coefficients, and one alone may be low by chance.
    """
    under = correlation < _THRESHOLD
    low = (under & torch.cat([under[1:], under[-1:]])).nonzero().flatten()
    if not len(low):
        return float(radii[-1])
    i = int(low[0])
    if i == 0:
        return 0.0
    above, below = float(correlation[i - 1]), float(correlation[i])
    share = (above - _THRESHOLD) / (above - below)
    return float(radii[i - 1] + share * (radii[i] - radii[i - 1]))


def half_correlations(
    images: Tensor, alignment: Alignment, references: References, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Correlation of two averages of halves of each class that were aligned apart from one another.

    Both begin with the class's average up to `_COMMON_RINGS`; finer detail in common is not due to that. As
    for volumes in Scheres & Chen 2012, Nat Methods 9:853. The averages are damped as those of the classes: a
    ring whose signal does not exceed its noise correlates by 0, so that noise, which keeps what it began
    with, does not pass for a particle.

    Returns
    -------
    correlation : Tensor, shape (K, R)
    radii : Tensor, shape (R,)
        Fourier pixels.
    """
    grid = PolarGrid.up_to(BOX_PX, _FINEST, DIAMETER_PX)
    harmonics = grid.harmonics(grid.transform(em.masked(images, em.recentred(alignment))))
    rows, power = em.as_rows(harmonics), em.power_of(grid, harmonics)
    step = Expectation(grid, shift_grid(2.0, 1.0), em.SHIFT_SPREAD_PX)
    start = em.refined(references, grid, power)
    common = start.coefficients.clone()
    common[:, grid.radii > _COMMON_RINGS] = 0
    found = torch.zeros(len(common), len(grid.radii))
    generator = torch.Generator().manual_seed(seed)
    for k in range(len(common)):
        members = (alignment.label == k).nonzero().flatten()
        if len(members) < 4:
            continue
        members = members[torch.randperm(len(members), generator=generator)]
        halves = []
        for half in (members[::2], members[1::2]):
            own = References(grid, common[k : k + 1], start.noise, torch.tensor([float(len(half))]))
            for _ in range(_HALF_ITERATIONS):
                own = em.iteration(step, rows[:, half], power, own, 1.0)
            halves.append(own.coefficients[0])
        found[k] = ring_correlation(*_superposed(step, *halves))
    return found, grid.radii


def _superposed(step: Expectation, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Two averages (R, A / 2), the second turned and moved onto the first."""
    one = References(step.grid, a[None], torch.ones(len(step.grid.radii)), torch.ones(1))
    rows = em.as_rows(step.grid.harmonics(b[None]))
    pose = em.align(step, rows, one, torch.zeros(1, 2))
    # `b` is the first one moved by `shift` and then turned by `angle`.
    order = torch.arange(step.grid.n_harmonics)
    back = torch.polar(torch.ones(len(order)), order * float(pose.angle))
    turned = step.grid.from_harmonics(step.grid.harmonics(b) * back)
    return a, turned * step.grid.shift(pose.shift)[0].conj()


def resolution_angstrom(radius: float, diameter_angstrom: float) -> float:
    """Angstrom of a radius in Fourier pixels of a crop; infinite for 0."""
    return math.inf if radius == 0 else BOX_PX / radius * diameter_angstrom / DIAMETER_PX
