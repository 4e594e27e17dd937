"""What lies between the particles and is none: specks, gold, filaments, aggregates, lattices of ice, cracks.

Everything is drawn as projected potential in V A, into the small rectangle that it needs.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor

from napari_hydrapicker.simulation.conditions import Conditions, draw_log_uniform
from napari_hydrapicker.simulation.projection import Species
from napari_hydrapicker.simulation.specimen import paste

_IN_AGGREGATE = (6, 16)  # particles


def dirt(
    rng: np.random.Generator,
    shape: tuple[int, int],
    species: Species,
    pixel_angstrom: float,
    c: Conditions,
    strength: float,
    generator: torch.Generator,
) -> Tensor:
    """Draw all the dirt that the conditions ask for: potential (H, W).

    Parameters
    ----------
    strength
        Potential in the middle of a typical particle, V A.
    """
    diameter = species.diameter_angstrom / pixel_angstrom
    area = shape[0] * shape[1] / diameter**2
    out = np.zeros(shape, np.float32)
    for _ in range(rng.poisson(c.specks * area)):
        _add_ellipse(
            out, rng, diameter / 2 * draw_log_uniform(rng, 0.2, 1.0), strength * draw_log_uniform(rng, 0.5, 6)
        )
    if c.beads:
        bead = diameter / 2 * draw_log_uniform(rng, 0.1, 0.6)  # of one size in a micrograph
        for _ in range(rng.poisson(c.beads * area)):
            _add_ellipse(out, rng, bead, strength * draw_log_uniform(rng, 5, 30), round_=True)
    for _ in range(rng.poisson(c.filaments * area)):
        _add_filament(out, rng, diameter, strength)
    if c.ice and rng.random() < c.ice:
        out += _lattice(rng, shape, diameter, strength)
    for _ in range(rng.poisson(c.cracks)):
        out += _crack(rng, shape, diameter, strength)
    potential = torch.from_numpy(out)
    number = rng.poisson(c.aggregates * area)
    if number:
        potential += _aggregates(rng, number, shape, species, pixel_angstrom, generator)
    return potential


def window(
    out: NDArray[np.float32], centre: NDArray[np.float64], reach: float
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]] | None:
    """View of an image (H, W) around a place, and the rows and columns of its pixels from that place."""
    low = np.maximum(np.floor(centre - reach), 0).astype(int)
    high = np.minimum(np.ceil(centre + reach) + 1, out.shape).astype(int)
    if (high <= low).any():
        return None
    rows, cols = (np.arange(a, b, dtype=np.float64) - x for a, b, x in zip(low, high, centre, strict=True))
    return out[low[0] : high[0], low[1] : high[1]], rows[:, None], cols[None, :]


def _add_ellipse(
    out: NDArray[np.float32], rng: np.random.Generator, radius: float, strength: float, round_: bool = False
) -> None:
    """Add the projection of an ellipsoid at a random place."""
    place = rng.uniform((0, 0), out.shape)
    squash, turn = 1.0 if round_ else rng.uniform(0.5, 1.0), rng.uniform(0, np.pi)
    found = window(out, place, radius)
    if found is None:
        return
    part, rows, cols = found
    u = np.cos(turn) * rows + np.sin(turn) * cols
    v = (np.cos(turn) * cols - np.sin(turn) * rows) / squash
    part += (strength * np.sqrt(np.clip(1 - (u**2 + v**2) / max(radius, 0.7) ** 2, 0, None))).astype(
        np.float32
    )


def _add_filament(
    out: NDArray[np.float32], rng: np.random.Generator, diameter: float, strength: float
) -> None:
    """Add a worm-like chain of balls that crosses the image (Kratky and Porod's model, in two dimensions)."""
    width = diameter * rng.uniform(0.1, 0.5)
    step, bend = max(0.35 * width, 1.0), rng.uniform(0.0, 0.12)
    place, heading = rng.uniform((0, 0), out.shape), rng.uniform(0, 2 * np.pi)
    depth = strength * draw_log_uniform(rng, 0.3, 2.0)
    for _ in range(int(rng.uniform(1, 12) * diameter / step)):
        heading += rng.normal(0, bend)
        place = place + step * np.array([np.sin(heading), np.cos(heading)])
        found = window(out, place, width / 2)
        if found is None:
            return
        part, rows, cols = found
        ball = np.sqrt(np.clip(1 - (rows**2 + cols**2) / max(width / 2, 0.7) ** 2, 0, None))
        np.maximum(part, (depth * ball).astype(np.float32), out=part)


def _lattice(
    rng: np.random.Generator, shape: tuple[int, int], diameter: float, strength: float
) -> NDArray[np.float32]:
    """Crystalline ice over a half-plane with a rough edge: waves in a few directions."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    turn = rng.uniform(0, 2 * np.pi)
    along = np.sin(turn) * (rows - shape[0] / 2) + np.cos(turn) * (cols - shape[1] / 2)
    where = expit((along - rng.uniform(-0.3, 0.5) * max(shape)) / (0.2 * diameter))
    out = np.zeros(shape)
    for _ in range(rng.integers(1, 4)):
        period, angle = diameter * rng.uniform(0.1, 0.6), rng.uniform(0, np.pi)
        phase = (np.sin(angle) * rows + np.cos(angle) * cols) * (2 * np.pi / max(period, 2.1))
        out += np.cos(phase + rng.uniform(0, 2 * np.pi))
    waves = strength * rng.uniform(0.2, 1.5) * where * (out + rng.uniform(0, 1))
    return np.asarray(waves, np.float32)


def _crack(
    rng: np.random.Generator, shape: tuple[int, int], diameter: float, strength: float
) -> NDArray[np.float32]:
    """A bright jagged line from side to side."""
    turn, width = rng.uniform(0, 2 * np.pi), diameter * rng.uniform(0.05, 0.5)
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    centred = rows - rng.uniform(0.2, 0.8) * shape[0], cols - rng.uniform(0.2, 0.8) * shape[1]
    along = np.cos(turn) * centred[0] - np.sin(turn) * centred[1]
    across = np.sin(turn) * centred[0] + np.cos(turn) * centred[1]
    knots = np.arange(-2 * max(shape), 2 * max(shape), max(diameter, 2.0))
    bent = across - np.interp(along, knots, rng.normal(0, 0.4 * diameter, len(knots)))
    line = -strength * rng.uniform(0.5, 3) * np.exp(-((bent / max(width, 1.0)) ** 2))
    return np.asarray(line, np.float32)


def _aggregates(
    rng: np.random.Generator,
    number: int,
    shape: tuple[int, int],
    species: Species,
    pixel_angstrom: float,
    generator: torch.Generator,
) -> Tensor:
    """Heaps of particles upon one another."""
    diameter = species.diameter_angstrom / pixel_angstrom
    places = []
    for _ in range(number):
        members = int(rng.integers(*_IN_AGGREGATE))
        spread = 0.28 * diameter * np.sqrt(members)
        places.append(rng.uniform((0, 0), shape) + rng.normal(0, spread / 1.5, (members, 2)))
    return paste(shape, species, np.concatenate(places), pixel_angstrom, generator)
