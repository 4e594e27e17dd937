"""What takes electrons away, whatever the defocus: thick dirt, support films, uneven ice.

Everything is drawn as darkness, in standard deviations of the image that it lies on.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit
from torch import Tensor

from napari_hydrapicker.simulation.conditions import Conditions, draw_log_uniform
from napari_hydrapicker.simulation.contamination import window

HIDING = 1.0  # how dark, or bright, it is where a particle cannot be seen
# Dirt of a particle's size (diameters) is darker than particles are: else nobody could tell them apart.
_ALIKE, _DARK = (0.6, 1.6), 3.0
_BUBBLES = 0.25  # share of the micrographs whose dirt is bright: holes, and what the beam has burnt


def absorption(
    rng: np.random.Generator, shape: tuple[int, int], diameter: float, c: Conditions
) -> tuple[Tensor, Tensor] | None:
    """Draw all that the conditions ask for, on an image whose particles are `diameter` pixels long.

    Returns
    -------
    darkness : Tensor, shape (H, W)
        In standard deviations of the image; negative where it is brighter.
    hidden : Tensor of bool, shape (H, W)
        Where no particle can be seen.

    None if there is nothing.
    """
    number = rng.poisson(c.absorbers * shape[0] * shape[1] / diameter**2) if c.absorbers else 0
    support = c.support > 0 and rng.random() < c.support
    if not (number or support or c.patches):
        return None
    solid = np.zeros(shape, np.float32)
    if number:
        solid = _dirt(rng, shape, number, diameter) * np.float32(-1 if rng.random() < _BUBBLES else 1)
    if support:
        solid = solid + _support(rng, shape, diameter)
    hidden = np.abs(solid) > HIDING
    if c.patches:
        solid = solid + c.patches * _smooth(rng, shape, diameter * draw_log_uniform(rng, 0.4, 3))
    return torch.from_numpy(solid.astype(np.float32)), torch.from_numpy(hidden)


def _dirt(rng: np.random.Generator, shape: tuple[int, int], n: int, diameter: float) -> NDArray[np.float32]:
    """Draw ragged lumps of 0.2 to 4 diameters."""
    out = np.zeros(shape, np.float32)
    harmonics = np.arange(2, 7)
    for _ in range(n):
        radius = diameter / 2 * draw_log_uniform(rng, 0.2, 4.0)
        found = window(out, rng.uniform((0, 0), shape), 1.6 * radius)
        waves, phases = rng.normal(0, 0.2, 5) / harmonics, rng.uniform(0, 2 * np.pi, 5)
        least = _DARK if _ALIKE[0] < 2 * radius / diameter < _ALIKE[1] else 0.7
        softness, darkness = rng.uniform(0.03, 1.0) * radius, draw_log_uniform(rng, least, 15)
        if found is None:
            continue
        part, rows, cols = found
        turn = np.arctan2(rows, cols)[..., None] * harmonics + phases
        outline = radius * (1 + (waves * np.cos(turn)).sum(axis=-1))
        inside = np.clip((outline - np.hypot(rows, cols)) / max(softness, 0.7), 0, 1)
        np.maximum(part, (darkness * inside).astype(np.float32), out=part)
    return out


def _support(rng: np.random.Generator, shape: tuple[int, int], diameter: float) -> NDArray[np.float32]:
    """Draw a support film with a sharp edge: beside a round hole, or the strands of a lacy one."""
    softness = diameter * rng.uniform(0.02, 0.2)
    if rng.random() < 0.5:
        field = _smooth(rng, shape, diameter * rng.uniform(1.5, 5))
        inside = rng.uniform(0.05, 0.3) - np.abs(field)
        steep = np.hypot(*np.gradient(field)).mean()
        inside = inside / max(float(steep), 1e-6)
    else:
        radius = diameter * draw_log_uniform(rng, 5, 40)
        turn, rows, cols = rng.uniform(0, 2 * np.pi), *np.ogrid[: shape[0], : shape[1]]
        middle = np.array(shape) / 2 + radius * np.array([np.sin(turn), np.cos(turn)])
        reach = rng.uniform(-0.45, 0.2) * min(shape)
        inside = np.hypot(rows - middle[0], cols - middle[1]) - radius + reach
    return np.asarray(draw_log_uniform(rng, 0.7, 12) * expit(inside / softness), np.float32)


def _smooth(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> NDArray[np.float32]:
    """Draw a field that changes over `sigma` pixels, of standard deviation 1."""
    step = max(1, int(sigma / 3))
    coarse = tuple(-(-n // step) + 2 for n in shape)
    field = ndimage.gaussian_filter(rng.normal(size=coarse), sigma / step, mode="wrap")
    field = ndimage.zoom(field, step, order=1)[: shape[0], : shape[1]]
    return np.asarray(field / max(float(field.std()), 1e-6), np.float32)
