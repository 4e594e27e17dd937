"""Simulated micrographs with the exact centres of their particles.

Potential -> phase -> contrast transfer -> shot noise -> detector and processing, in the weak phase
approximation: I = 1 + 2 * F^-1[CTF * F[phase]] (Vulovic et al. 2013, J Struct Biol 183:19).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.simulation import optics, specimen
from napari_hydrapicker.simulation.conditions import Conditions
from napari_hydrapicker.simulation.placement import place
from napari_hydrapicker.simulation.projection import Species, gaussian_blur


@dataclass(frozen=True, eq=False)
class Simulated:
    """A simulated micrograph and its truth.

    Attributes
    ----------
    image : Tensor of float32, shape (H, W)
        Particles dark; arbitrary intensity.
    yx : ndarray of float64, shape (N, 2)
        Centres of mass of the particles, (row, column) in pixels.
    ignore_yx : ndarray of float64, shape (M, 2)
        Centres that are neither particles nor background: on carbon, or broken.
    """

    image: Tensor
    yx: NDArray[np.float64]
    ignore_yx: NDArray[np.float64]


def _transfer(shape: tuple[int, int], pixel_angstrom: float, c: Conditions, angle: float) -> Tensor:
    def one(value: float) -> Tensor:
        return torch.tensor([value])

    fy, fx = optics.frequency_grid(shape, one(pixel_angstrom), "cpu")
    transfer = optics.ctf(
        fy, fx, defocus_um=one(c.defocus_um), astigmatism_um=one(c.astigmatism_um),
        astigmatism_angle=one(angle), voltage_kv=c.voltage_kv, cs_mm=c.cs_mm,
        amplitude_contrast=c.amplitude_contrast, phase_shift=one(c.phase_shift),
    )  # fmt: skip
    enveloped: Tensor = transfer * torch.exp(-c.envelope_angstrom2 / 4 * (fy**2 + fx**2))
    return enveloped[0]


def _pink(shape: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Noise with a 1/f amplitude, unit standard deviation, shape (H, W)."""
    f = torch.hypot(torch.fft.fftfreq(shape[0])[:, None], torch.fft.rfftfreq(shape[1])[None])
    f[0, 0] = 1
    white = torch.randn(shape, generator=generator)
    noise = torch.fft.irfft2(torch.fft.rfft2(white) / f, s=shape)
    scaled: Tensor = (noise - noise.mean()) / noise.std()
    return scaled


def _processed(image: Tensor, c: Conditions, diameter_px: float) -> Tensor:
    """What happened to the image after the detector: a denoiser's low-pass, few grey levels."""
    if c.smoothing_wpx > 0:
        floor = 0.05 * (image - gaussian_blur(image, 1.0))  # a denoiser leaves a little of the noise
        image = gaussian_blur(image, c.smoothing_wpx * diameter_px / 21) + floor
    if c.grey_levels > 0:
        step = image.std() / c.grey_levels
        image = (image / step).round() * step
    return image


def simulate(
    species: Species,
    shape: tuple[int, int],
    pixel_size_angstrom: float,
    conditions: Conditions | None = None,
    seed: int = 0,
) -> Simulated:
    """Simulate one micrograph of one species.

    Parameters
    ----------
    species : Species
    shape : (H, W)
        Pixels.
    pixel_size_angstrom : float
    conditions : Conditions, optional
    seed : int
        The same seed gives the same micrograph.

    Raises
    ------
    ParameterError
        If the shape or the pixel size makes no sense.
    """
    if min(shape) < 16 or not pixel_size_angstrom > 0:
        raise ParameterError(f"cannot simulate {shape} pixels of {pixel_size_angstrom} A")
    c = conditions or Conditions()
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    diameter = species.diameter_angstrom / pixel_size_angstrom
    area = shape[0] * shape[1] / diameter**2
    yx = place(rng, shape, diameter, c.density, c.spacing, c.clustering)
    potential = specimen.paste(shape, species, yx, pixel_size_angstrom, generator)
    typical = float(species.projections[:8].float().amax(dim=(1, 2)).mean())
    broken = rng.uniform((0, 0), shape, size=(rng.poisson(c.fragments * area / 4), 2))
    debris = rng.uniform((0, 0), shape, size=(rng.poisson(c.fragments * area), 2))
    potential += specimen.paste(shape, species, broken, pixel_size_angstrom, generator, broken=True)
    potential += specimen.paste(
        shape, species, debris, pixel_size_angstrom, generator, scale=rng.uniform(0.25, 0.45)
    )
    potential += specimen.blobs(rng, shape, rng.poisson(c.blobs * area), diameter, typical)
    potential += specimen.crystals(rng, shape, rng.poisson(c.crystals * area), diameter, typical)
    keep = np.ones(len(yx), bool)
    if rng.random() < c.carbon:
        film, on_carbon = specimen.carbon_edge(rng, shape, typical)
        potential += film
        row, col = np.clip(np.round(yx).astype(int), 0, np.array(shape) - 1).T
        keep = ~on_carbon.numpy()[row, col]
    image = _expose(potential, shape, pixel_size_angstrom, c, rng, generator)
    return Simulated(
        _processed(image, c, diameter), yx[keep], np.concatenate([broken, yx[~keep]]).reshape(-1, 2)
    )


def _expose(
    potential: Tensor,
    shape: tuple[int, int],
    pixel_angstrom: float,
    c: Conditions,
    rng: np.random.Generator,
    generator: torch.Generator,
) -> Tensor:
    """Image the potential (H, W) in V A, with shot, structural and slow noise; returns (H, W)."""
    shot = (c.dose_per_square_angstrom * pixel_angstrom**2) ** -0.5
    phase = optics.interaction_constant(c.voltage_kv) * c.signal * potential
    phase += 0.5 * c.structural_noise * shot * torch.randn(shape, generator=generator)
    transfer = _transfer(shape, pixel_angstrom, c, rng.uniform(0, np.pi))
    signal: Tensor = 2 * torch.fft.irfft2(torch.fft.rfft2(phase) * transfer, s=shape)
    image: Tensor = 1 + signal + shot * torch.randn(shape, generator=generator)
    image += c.drift_noise * shot * _pink(shape, generator)
    angle = rng.uniform(0, 2 * np.pi)
    rows, cols = torch.meshgrid(
        torch.linspace(-0.5, 0.5, shape[0]), torch.linspace(-0.5, 0.5, shape[1]), indexing="ij"
    )
    slope = float(np.sin(angle)) * rows + float(np.cos(angle)) * cols
    image += c.thickness_gradient * shot * slope
    return image
