"""Projections of point clouds, and libraries of them to draw particles from.

Projecting along z after a random rotation integrates the potential (projection approximation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from napari_hydrapicker.simulation.structures import PointCloud

SIDE = 72  # pixels of a stored projection
PIXELS_PER_DIAMETER = 42  # twice the working scale's 21: resampling then does not alias
MOST_POINTS = 30000


@dataclass(frozen=True, eq=False)
class Species:
    """One molecule's projections, ready to be placed.

    Attributes
    ----------
    name : str
    projections : Tensor of float16, shape (K, SIDE, SIDE)
        Projected potential above that of ice, in V A, dimensions (y, x); the centre of mass lies on
        pixel (SIDE // 2, SIDE // 2).
    pixel_angstrom : float
        Pixel of the stored projections, in Angstrom.
    diameter_angstrom : float
        Largest extent of the molecule.
    """

    name: str
    projections: Tensor
    pixel_angstrom: float
    diameter_angstrom: float

    def to(self, device: torch.device | str) -> Species:
        """Return the same species with its projections on `device`."""
        return Species(self.name, self.projections.to(device), self.pixel_angstrom, self.diameter_angstrom)


def random_rotations(n: int, generator: torch.Generator, device: torch.device | str = "cpu") -> Tensor:
    """Draw `n` rotation matrices uniformly over SO(3) from unit quaternions, shape (n, 3, 3)."""
    q = torch.randn(n, 4, generator=generator, device=generator.device)
    matrices = Rotation.from_quat(q.roll(-1, dims=1).cpu().numpy()).as_matrix()  # scalar last
    return torch.from_numpy(matrices).to(device, torch.float32)


def project(
    xyz_angstrom: Tensor, weight: Tensor, rotation: Tensor, side: int, pixel_angstrom: float
) -> Tensor:
    """Project points onto a square image with bilinear weights.

    Parameters
    ----------
    xyz_angstrom : Tensor, shape (N, 3)
    weight : Tensor, shape (N,)
        In V A^3.
    rotation : Tensor, shape (3, 3)
    side : int
        Pixels of the image; the origin falls on pixel (side // 2, side // 2).
    pixel_angstrom : float

    Returns
    -------
    Tensor, shape (side, side)
        Projected potential in V A, dimensions (y, x). Points outside the image are left out.
    """
    position = xyz_angstrom @ rotation[:2].T / pixel_angstrom + side // 2  # (N, 2) as (x, y)
    low = position.floor()
    part = position - low
    image = torch.zeros(side * side, device=weight.device)
    for dx in (0, 1):
        for dy in (0, 1):
            x, y = low[:, 0].long() + dx, low[:, 1].long() + dy
            share = (part[:, 0] if dx else 1 - part[:, 0]) * (part[:, 1] if dy else 1 - part[:, 1])
            inside = (x >= 0) & (x < side) & (y >= 0) & (y < side)
            image.index_add_(0, (y * side + x)[inside], (weight * share)[inside])
    return image.view(side, side) / pixel_angstrom**2


def gaussian_blur(images: Tensor, sigma_px: float) -> Tensor:
    """Blur (..., H, W) images with a Gaussian of `sigma_px` pixels, periodic, in Fourier space."""
    h, w = images.shape[-2:]
    fy = torch.fft.fftfreq(h, device=images.device)[:, None]
    fx = torch.fft.rfftfreq(w, device=images.device)[None]
    transfer = torch.exp(-2 * (np.pi * sigma_px) ** 2 * (fy**2 + fx**2))
    blurred: Tensor = torch.fft.irfft2(torch.fft.rfft2(images) * transfer, s=(h, w))
    return blurred


def make_species(
    cloud: PointCloud, n_views: int, seed: int = 0, device: torch.device | str = "cpu"
) -> Species:
    """Project a molecule from `n_views` random directions.

    Parameters
    ----------
    cloud : PointCloud
    n_views : int
        In-plane rotation, shift and magnification are added when a particle is placed, so a few hundred
        views cover the sphere.
    """
    diameter = cloud.diameter_angstrom
    pixel = diameter / PIXELS_PER_DIAMETER
    thin = cloud.thinned(MOST_POINTS, seed)
    xyz = torch.as_tensor(thin.xyz_angstrom, device=device)
    weight = torch.as_tensor(thin.weight, device=device)
    generator = torch.Generator(device="cpu").manual_seed(seed)
    views = [project(xyz, weight, r, SIDE, pixel) for r in random_rotations(n_views, generator, device)]
    images = gaussian_blur(torch.stack(views), 0.8)
    return Species(cloud.name, images.half(), pixel, diameter)


def make_library(
    clouds: Sequence[PointCloud], n_views: int, seed: int = 0, device: torch.device | str = "cpu"
) -> list[Species]:
    """Make a species of each cloud, each with its own views."""
    return [make_species(cloud, n_views, seed + i, device) for i, cloud in enumerate(clouds)]
