"""The electron microscope's contrast transfer.

Sources: Rohou & Grigorieff 2015, J Struct Biol 192:216 (the form of the CTF and its sign); Kirkland,
Advanced Computing in Electron Microscopy, for wavelength and interaction constant.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def wavelength_angstrom(voltage_kv: float) -> float:
    """Relativistic electron wavelength in Angstrom."""
    volts = voltage_kv * 1e3
    return 12.2639 / math.sqrt(volts + 0.97845e-6 * volts**2)


def interaction_constant(voltage_kv: float) -> float:
    """Phase shift of the electron wave for each V A of projected potential, in rad / (V A)."""
    energy_ratio = (510.999 + voltage_kv) / (2 * 510.999 + voltage_kv)
    return 2 * math.pi / (wavelength_angstrom(voltage_kv) * voltage_kv * 1e3) * energy_ratio


def frequency_grid(
    shape: tuple[int, int], pixel_angstrom: Tensor, device: torch.device | str
) -> tuple[Tensor, Tensor]:
    """Spatial frequencies of an rfft2, in 1/Angstrom.

    Parameters
    ----------
    shape : (H, W)
    pixel_angstrom : Tensor, shape (B,)

    Returns
    -------
    fy, fx : Tensor
        Broadcastable to (B, H, W // 2 + 1).
    """
    fy = torch.fft.fftfreq(shape[0], device=device)[None, :, None] / pixel_angstrom[:, None, None]
    fx = torch.fft.rfftfreq(shape[1], device=device)[None, None, :] / pixel_angstrom[:, None, None]
    return fy, fx


def ctf(
    fy: Tensor,
    fx: Tensor,
    *,
    defocus_um: Tensor,
    astigmatism_um: Tensor,
    astigmatism_angle: Tensor,
    voltage_kv: float = 300.0,
    cs_mm: float = 2.7,
    amplitude_contrast: float = 0.07,
    phase_shift: Tensor,
) -> Tensor:
    """Contrast transfer function: negative at low frequency for underfocus, so protein is dark.

    Parameters
    ----------
    fy, fx : Tensor, broadcastable to (B, H, W)
        Spatial frequencies in 1/Angstrom.
    defocus_um, astigmatism_um : Tensor, shape (B,)
        Mean underfocus (positive) and half the difference of the two axes, in micrometre.
    astigmatism_angle, phase_shift : Tensor, shape (B,)
        Direction of the larger defocus and the phase plate's shift, in rad.

    Returns
    -------
    Tensor, shape (B, H, W)
        Values in -1..1.
    """
    wave = wavelength_angstrom(voltage_kv)
    s2 = fy**2 + fx**2
    angle = torch.atan2(fy, fx) - astigmatism_angle[:, None, None]
    defocus = 1e4 * (defocus_um[:, None, None] + astigmatism_um[:, None, None] * torch.cos(2 * angle))
    chi = math.pi * wave * s2 * (defocus - 0.5 * cs_mm * 1e7 * wave**2 * s2)
    chi = chi + phase_shift[:, None, None] + math.asin(amplitude_contrast)
    return -torch.sin(chi)
