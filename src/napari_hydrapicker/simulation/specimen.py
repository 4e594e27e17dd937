"""The specimen: projected potential of particles, and of what spoils micrographs."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from napari_hydrapicker.simulation.projection import SIDE, Species, gaussian_blur


def paste(
    shape: tuple[int, int],
    species: Species,
    yx: NDArray[np.float64],
    pixel_angstrom: float,
    generator: torch.Generator,
    scale: float = 1.0,
    broken: bool = False,
) -> Tensor:
    """Add randomly chosen and rotated views of a molecule at sub-pixel places.

    Parameters
    ----------
    shape : (H, W)
    yx : ndarray, shape (N, 2)
        Centres of mass, (row, column) in pixels.
    scale : float
        Magnifies the molecule (fragments are below 1).
    broken : bool
        Cut a random half-plane off each view.

    Returns
    -------
    Tensor, shape (H, W)
        Projected potential in V A.
    """
    device = species.projections.device
    ratio = species.pixel_angstrom * scale / pixel_angstrom  # pixels for each stored pixel
    half = max(1, math.ceil(SIDE / 2 * ratio))
    side = 2 * half + 1
    n = len(yx)
    padded = torch.zeros(shape[0] + 2 * side, shape[1] + 2 * side, device=device)
    if n == 0:
        return padded[side:-side, side:-side]
    centre = torch.as_tensor(yx, dtype=torch.float32, device=device)
    whole = centre.round()
    part = centre - whole  # (N, 2)
    draw = torch.rand(3, n, generator=generator).to(device)
    angle = 2 * math.pi * draw[0]
    offset = torch.arange(-half, half + 1, device=device, dtype=torch.float32)
    dy = offset[None, :, None] - part[:, 0, None, None]
    dx = offset[None, None, :] - part[:, 1, None, None]
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    u, v = (cos * dx + sin * dy) / ratio, (cos * dy - sin * dx) / ratio  # stored pixels from the centre
    # grid_sample with align_corners=True: -1..1 spans pixel 0..SIDE-1
    grid = torch.stack([u + SIDE // 2, v + SIDE // 2], dim=-1) * (2 / (SIDE - 1)) - 1
    view = (draw[1] * len(species.projections)).long().clamp(max=len(species.projections) - 1)
    source = species.projections[view][:, None].float()  # (N, 1, SIDE, SIDE)
    patches = F.grid_sample(source, grid, align_corners=True, padding_mode="zeros")[:, 0]
    if broken:
        cut = (draw[2, :, None, None] - 0.5) * 0.5 * SIDE / 2
        patches = patches * (u + cut > 0)
    rows = (whole[:, 0].long() + side - half)[:, None] + torch.arange(side, device=device)
    cols = (whole[:, 1].long() + side - half)[:, None] + torch.arange(side, device=device)
    rows, cols = rows.clamp(0, padded.shape[0] - 1), cols.clamp(0, padded.shape[1] - 1)
    index = rows[:, :, None] * padded.shape[1] + cols[:, None, :]
    padded.view(-1).index_add_(0, index.reshape(-1), patches.reshape(-1))
    return padded[side:-side, side:-side]


def _distance(shape: tuple[int, int], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    return np.asarray(np.hypot(rows - centre[0], cols - centre[1]), np.float64)


def blobs(
    rng: np.random.Generator, shape: tuple[int, int], n: int, diameter_px: float, strength: float
) -> Tensor:
    """Contamination: clusters of round, dense blobs of 0.6 to 4 diameters. Returns (H, W) in V A."""
    out = np.zeros(shape, np.float32)
    for _ in range(n):
        seed = rng.uniform((0, 0), shape)
        size = diameter_px * np.exp(rng.uniform(np.log(0.6), np.log(4)))
        for _ in range(rng.integers(1, 7)):
            radius = size / 2 * rng.uniform(0.4, 1)
            place = seed + rng.normal(size=2) * size / 3
            depth = np.clip(1 - (_distance(shape, place) / radius) ** 2, 0, None) ** 0.5
            out += np.float32(strength * rng.uniform(1, 4)) * depth.astype(np.float32)
    return torch.from_numpy(out)


def crystals(
    rng: np.random.Generator, shape: tuple[int, int], n: int, diameter_px: float, strength: float
) -> Tensor:
    """Ice crystals: sharp-edged polygons of 0.5 to 3 diameters, dark or bright. Returns (H, W) in V A."""
    out = np.zeros(shape, np.float32)
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    for _ in range(n):
        centre = rng.uniform((0, 0), shape)
        radius = diameter_px / 2 * np.exp(rng.uniform(np.log(0.5), np.log(3)))
        turn, sides = rng.uniform(0, np.pi), rng.integers(4, 7)
        inside = np.ones(shape, bool)
        for k in range(sides):
            a = turn + 2 * np.pi * k / sides
            inside &= (rows - centre[0]) * np.sin(a) + (cols - centre[1]) * np.cos(a) < radius
        out[inside] += np.float32(strength * rng.uniform(0.5, 3) * rng.choice([-0.5, 1, 1]))
    return gaussian_blur(torch.from_numpy(out), 0.7)


def carbon_edge(rng: np.random.Generator, shape: tuple[int, int], strength: float) -> tuple[Tensor, Tensor]:
    """A carbon film that covers one side up to a round hole's edge.

    Returns
    -------
    potential : Tensor, shape (H, W)
        Film with its granular texture, in V A.
    on_carbon : Tensor of bool, shape (H, W)
    """
    radius = max(shape) * rng.uniform(1.0, 4.0)
    angle = rng.uniform(0, 2 * np.pi)
    reach = rng.uniform(0.15, 0.5) * min(shape)
    centre = np.array(shape) / 2 - (radius - reach) * np.array([np.sin(angle), np.cos(angle)])
    on = _distance(shape, centre) > radius
    texture = gaussian_blur(torch.from_numpy(rng.normal(size=shape).astype(np.float32)), 1.0)
    film = torch.from_numpy(on.astype(np.float32))
    potential = film * strength * (rng.uniform(0.5, 3) + rng.uniform(1, 4) * texture)
    return potential, torch.from_numpy(on)
