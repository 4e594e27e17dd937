"""Contrast transfer against closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from napari_hydrapicker.simulation.optics import (
    ctf,
    frequency_grid,
    interaction_constant,
    wavelength_angstrom,
)


def transfer(fy: torch.Tensor, fx: torch.Tensor, **changes: float) -> torch.Tensor:
    """Transfer at frequencies of any shape, of one microscope."""
    values = {"defocus_um": 2.0, "astigmatism_um": 0.0, "astigmatism_angle": 0.0, "phase_shift": 0.0}
    microscope = {"voltage_kv": 300.0, "cs_mm": 0.0, "amplitude_contrast": 0.1}
    vectors = {k: torch.tensor([changes.pop(k, v)], dtype=torch.float64) for k, v in values.items()}
    return ctf(fy.double()[None, None], fx.double()[None, None], **vectors, **(microscope | changes))[0, 0]


@pytest.mark.parametrize(("kv", "angstrom"), [(100, 0.037014), (200, 0.025079), (300, 0.019687)])
def test_wavelength_of_the_textbook(kv: float, angstrom: float) -> None:
    assert wavelength_angstrom(kv) == pytest.approx(angstrom, abs=2e-6)


@pytest.mark.parametrize(("kv", "rad_per_va"), [(100, 0.9244e-3), (200, 0.7288e-3), (300, 0.6526e-3)])
def test_interaction_constant_of_the_textbook(kv: float, rad_per_va: float) -> None:
    assert interaction_constant(kv) == pytest.approx(rad_per_va, rel=2e-3)


def test_at_frequency_zero_only_amplitude_contrast_is_left() -> None:
    zero = torch.zeros(1)
    for amplitude in (0.07, 0.2):
        value = transfer(zero, zero, amplitude_contrast=amplitude, cs_mm=2.7).item()
        assert value == pytest.approx(-amplitude, abs=1e-9)


@pytest.mark.parametrize("defocus", [0.8, 2.5])
def test_the_first_zero_is_where_the_phase_reaches_pi(defocus: float) -> None:
    wave = wavelength_angstrom(300)
    zero = math.sqrt((math.pi - math.asin(0.1)) / (math.pi * wave * defocus * 1e4))
    fx = torch.linspace(0, 2 * zero, 20001, dtype=torch.float64)
    values = transfer(torch.zeros(20001), fx, defocus_um=defocus)
    crossing = int(torch.nonzero(values > 0)[0])
    assert fx[crossing].item() == pytest.approx(zero, rel=2e-4)
    assert (values[: crossing - 1] < 0).all()  # underfocus: protein stays dark up to there


def test_spherical_aberration_counts_against_underfocus() -> None:
    # with Cs, chi = 0 again at s^2 = 2 dz / (Cs lambda^2): only the amplitude term is left
    wave, cs = wavelength_angstrom(300), 2.7
    s = math.sqrt(2 * 1e4 / (cs * 1e7 * wave**2))
    value = transfer(torch.zeros(1), torch.full((1,), s, dtype=torch.float64), defocus_um=1.0, cs_mm=cs)
    assert value.item() == pytest.approx(-0.1, abs=1e-6)


def test_the_phase_plate_adds_to_the_phase() -> None:
    zero = torch.zeros(1)
    value = transfer(zero, zero, phase_shift=math.pi / 2 - math.asin(0.1))
    assert value.item() == pytest.approx(-1)


def test_astigmatism_raises_the_defocus_along_its_axis() -> None:
    s = torch.full((1,), 0.03)
    zero = torch.zeros(1)
    more, less = transfer(zero, s, defocus_um=2.3), transfer(zero, s, defocus_um=1.7)
    along_x = transfer(zero, s, astigmatism_um=0.3, astigmatism_angle=0.0)
    across_x = transfer(s, zero, astigmatism_um=0.3, astigmatism_angle=0.0)
    along_y = transfer(s, zero, astigmatism_um=0.3, astigmatism_angle=math.pi / 2)
    for value, expected in ((along_x, more), (across_x, less), (along_y, more)):
        assert value.item() == pytest.approx(expected.item(), abs=1e-6)
    assert abs(more.item() - less.item()) > 0.05


def test_frequencies_of_a_non_square_image() -> None:
    fy, fx = frequency_grid((6, 10), torch.tensor([2.0, 4.0]), "cpu")
    assert torch.broadcast_shapes(fy.shape, fx.shape) == (2, 6, 6)
    assert fy[0, 1, 0].item() == pytest.approx(1 / 12)
    assert fx[0, 0, 1].item() == pytest.approx(1 / 20)
    assert fx[1, 0, 5].item() == pytest.approx(1 / 8)  # Nyquist
