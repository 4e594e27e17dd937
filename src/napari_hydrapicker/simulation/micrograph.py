"""Simulated micrographs with the exact centres of their particles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn import functional

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.simulation import optics, specimen
from napari_hydrapicker.simulation.absorption import absorption
from napari_hydrapicker.simulation.conditions import Conditions
from napari_hydrapicker.simulation.contamination import dirt
from napari_hydrapicker.simulation.projection import Species, gaussian_blur

_LEFT = 0.05  # of the noise that a denoiser took away
_EDGE = 0.03  # width of a cut-off, cycles per pixel


def place(
    rng: np.random.Generator,
    shape: tuple[int, int],
    diameter_px: float,
    density: float,
    spacing: float,
    clustering: float,
) -> NDArray[np.float64]:
    """Draw centres that keep a smallest distance, some of them in clusters.

    Parameters
    ----------
    shape : (H, W)
        Pixels of the image.
    diameter_px : float
    density : float
        Centres for each diameter^2 of area.
    spacing : float
        Smallest distance in diameters.
    clustering : float
        Share of centres placed within 1.3 spacings of another, 0..1.

    Returns
    -------
    ndarray of float64, shape (N, 2)
        (row, column) in pixels. Fewer than asked for where they do not fit.
    """
    wanted = int(rng.poisson(density * shape[0] * shape[1] / diameter_px**2))
    if wanted == 0:
        return np.empty((0, 2))
    gap = spacing * diameter_px
    candidates = rng.uniform((-0.5, -0.5), (shape[0] - 0.5, shape[1] - 0.5), size=(3 * wanted, 2))
    follows = rng.random(len(candidates)) < clustering
    follows[0] = False
    leaders = np.flatnonzero(~follows)
    angle = rng.uniform(0, 2 * np.pi, len(candidates))
    step = gap * rng.uniform(1.0, 1.3, len(candidates))
    near = candidates[rng.choice(leaders, len(candidates))]
    beside = near + np.stack([np.sin(angle), np.cos(angle)], axis=1) * step[:, None]
    candidates = np.where(follows[:, None], beside, candidates)
    inside = ((candidates > -0.5) & (candidates < np.array(shape) - 0.5)).all(axis=1)
    candidates = candidates[inside]
    neighbours = cKDTree(candidates).query_ball_point(candidates, gap)
    kept = np.zeros(len(candidates), bool)
    for i, around in enumerate(neighbours):
        kept[i] = not kept[[j for j in around if j < i]].any()
    return np.asarray(candidates[kept][:wanted], np.float64)


def processed(image: Tensor, c: Conditions, diameter_px: float) -> Tensor:
    """Process an image (H, W) as the conditions say; lengths in working pixels are 1 / 21 of the diameter."""
    wpx = diameter_px / 21
    if c.lowpass_wpx > 0:
        image = gaussian_blur(image, c.lowpass_wpx * wpx)
    if c.highpass_wpx > 0:
        image = image - gaussian_blur(image, c.highpass_wpx * wpx)
    if c.cutoff > 0:
        image = _cut_off(image, c.cutoff / wpx)
    if c.median:
        image = _median(image)
    if c.smoothing_wpx > 0:
        floor = _LEFT * (image - gaussian_blur(image, 1.0))  # a denoiser leaves a little of the noise
        image = gaussian_blur(image, c.smoothing_wpx * wpx) + floor
    if c.grey_levels > 0:
        step = image.std() / c.grey_levels
        image = (image / step).round() * step
    return -image if c.inverted else image


def _cut_off(image: Tensor, frequency: float) -> Tensor:
    """Leave nothing beyond a frequency in cycles per pixel but a thousandth, with a soft edge."""
    rows = torch.fft.fftfreq(image.shape[0])[:, None]
    radius = torch.hypot(rows, torch.fft.rfftfreq(image.shape[1])[None])
    kept = torch.sigmoid((frequency - radius) / (_EDGE / 4)).clamp(min=1e-3)
    filtered: Tensor = torch.fft.irfft2(torch.fft.rfft2(image) * kept, s=image.shape)
    return filtered


def _median(image: Tensor) -> Tensor:
    padded = functional.pad(image[None, None], (1, 1, 1, 1), mode="reflect")
    windows = functional.unfold(padded, 3)  # (1, 9, H W)
    return windows.median(dim=1).values.view(image.shape)


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
        Centres that are neither particles nor background: on carbon, broken, or hidden by dirt.
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


def simulate(
    species: Species,
    shape: tuple[int, int],
    pixel_size_angstrom: float,
    conditions: Conditions | None = None,
    seed: int = 0,
    background: Tensor | None = None,
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
    background : Tensor of float32, shape `shape`, optional
        Particle-free real image, mean 0 and standard deviation 1, in the place of simulated noise.

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
    potential += dirt(rng, shape, species, pixel_size_angstrom, c, typical, generator)
    keep = np.ones(len(yx), bool)
    if rng.random() < c.carbon:
        film, on_carbon = specimen.carbon_edge(rng, shape, typical)
        potential += film
        row, col = np.clip(np.round(yx).astype(int), 0, np.array(shape) - 1).T
        keep = ~on_carbon.numpy()[row, col]
    expose = _stained if c.stain else _expose
    image = expose(potential, shape, pixel_size_angstrom, c, rng, generator, background)
    absorbed = absorption(rng, shape, diameter, c)
    if absorbed is not None:
        darkness, hidden = absorbed
        image -= float(image.std()) * darkness
        row, col = np.clip(np.round(yx).astype(int), 0, np.array(shape) - 1).T
        keep &= ~hidden.numpy()[row, col]
    if c.stripes > 0:
        lines = (
            torch.randn((shape[0], 1), generator=generator),
            torch.randn((1, shape[1]), generator=generator),
        )
        image += c.stripes * float(image.std()) * (lines[0] + lines[1])
    image = processed(image, c, diameter)
    if c.inverted:
        return Simulated(image, np.empty((0, 2)), np.empty((0, 2)))
    return Simulated(image, yx[keep], np.concatenate([broken, yx[~keep]]).reshape(-1, 2))


def _expose(
    potential: Tensor,
    shape: tuple[int, int],
    pixel_angstrom: float,
    c: Conditions,
    rng: np.random.Generator,
    generator: torch.Generator,
    background: Tensor | None = None,
) -> Tensor:
    """Image the potential (H, W) in V A, with shot, structural and slow noise; returns (H, W)."""
    shot = float((c.dose_per_square_angstrom * pixel_angstrom**2) ** -0.5)
    phase = optics.interaction_constant(c.voltage_kv) * c.signal * potential
    if background is None:
        phase += 0.5 * c.structural_noise * shot * torch.randn(shape, generator=generator)
    if c.film > 0:
        phase += 0.5 * c.film * shot * _grain(shape, 1.0, generator)
    transfer = _transfer(shape, pixel_angstrom, c, rng.uniform(0, np.pi))
    signal: Tensor = 2 * torch.fft.irfft2(torch.fft.rfft2(phase) * transfer, s=shape)
    if background is not None:
        return 1 + signal + shot * background
    image: Tensor = 1 + signal + shot * torch.randn(shape, generator=generator)
    if c.multiplicative > 0:
        grain = c.multiplicative * _grain(shape, 0.7, generator)
        image += shot * grain * (1 + signal / max(float(signal.std()), 1e-6)).clamp(min=0)
    image += c.drift_noise * shot * _pink(shape, generator)
    return image + c.thickness_gradient * shot * _slope(shape, rng)


def _stained(
    potential: Tensor,
    shape: tuple[int, int],
    pixel_angstrom: float,
    c: Conditions,
    rng: np.random.Generator,
    generator: torch.Generator,
    background: Tensor | None = None,
) -> Tensor:
    """Image particles in negative stain, its contrast turned over.

    Stain is kept out where the particle is, at some 20 A resolution, and gathers around it; the grain of the
    dried stain is the noise, coarser than shot noise.
    """
    blur = rng.uniform(8, 20) / pixel_angstrom
    excluded = gaussian_blur(potential, blur)
    rim = gaussian_blur(potential, blur * rng.uniform(2.5, 5))
    contrast = excluded - rng.uniform(0.3, 1.2) * rim
    spread = float(contrast.std())
    signal = -contrast * (min(c.signal, 2.5) / spread if spread > 0 else 0.0)
    if background is not None:
        return signal + background
    noise = rng.uniform(0.3, 1.0) * torch.randn(shape, generator=generator)
    noise += rng.uniform(0.5, 1.5) * _grain(shape, rng.uniform(0.8, 2.5), generator)
    noise += c.drift_noise * _pink(shape, generator)
    return signal + noise + c.thickness_gradient * _slope(shape, rng)


def _grain(shape: tuple[int, int], sigma_px: float, generator: torch.Generator) -> Tensor:
    """Noise blurred by `sigma_px`, unit standard deviation, shape (H, W)."""
    noise = gaussian_blur(torch.randn(shape, generator=generator), sigma_px)
    scaled: Tensor = noise / noise.std()
    return scaled


def _slope(shape: tuple[int, int], rng: np.random.Generator) -> Tensor:
    """A plane in a random direction, 1 from side to side, shape (H, W)."""
    angle = rng.uniform(0, 2 * np.pi)
    rows, cols = torch.meshgrid(
        torch.linspace(-0.5, 0.5, shape[0]), torch.linspace(-0.5, 0.5, shape[1]), indexing="ij"
    )
    plane: Tensor = float(np.sin(angle)) * rows + float(np.cos(angle)) * cols
    return plane
