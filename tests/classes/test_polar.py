"""The polar grid: rotations, shifts, and back to images."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_hydrapicker.classes.polar import PolarGrid

GRID = PolarGrid.up_to(64, 12, 40.0)


def coefficients(image: NDArray[np.float32]) -> torch.Tensor:
    return GRID.transform(torch.from_numpy(image)[None])


def test_the_coefficients_are_those_of_the_fourier_transform(shapes: SimpleNamespace) -> None:
    image = torch.from_numpy(shapes.hook())
    whole = torch.fft.fft2(torch.fft.ifftshift(image))
    found = GRID.transform(image[None])[0]
    # The first angle is along the columns; a quarter turn further, along the rows.
    assert torch.allclose(found[:, 0], whole[0, 1:13], atol=1e-3)
    if GRID.n_angles % 4 == 0:
        assert torch.allclose(found[:, GRID.n_angles // 4], whole[1:13, 0], atol=1e-3)


def test_a_turn_is_a_phase_of_the_harmonics(shapes: SimpleNamespace) -> None:
    angle = 2 * math.pi * 7 / GRID.n_angles
    before, after = (
        GRID.harmonics(coefficients(shapes.posed(shapes.hook(), a, (0, 0)))) for a in (0.0, angle)
    )
    order = torch.arange(GRID.n_harmonics)
    turned = before * torch.polar(torch.ones(len(order)), -order * angle)
    assert float((after - turned).abs().max()) < 0.03 * float(before.abs().max())


def test_a_shift_is_a_phase_of_the_coefficients(shapes: SimpleNamespace) -> None:
    moved = coefficients(shapes.posed(shapes.hook(), 0.0, (2.5, -1.25)))
    found = coefficients(shapes.hook()) * GRID.shift(torch.tensor([[2.5, -1.25]]))
    assert float((moved - found).abs().max()) < 0.03 * float(found.abs().max())


def test_harmonics_and_back(shapes: SimpleNamespace) -> None:
    given = coefficients(shapes.hook())
    assert torch.allclose(GRID.from_harmonics(GRID.harmonics(given)), given, atol=1e-3)


def test_the_image_of_its_coefficients_is_the_image(shapes: SimpleNamespace) -> None:
    image = shapes.hook()
    found = GRID.image(coefficients(image))[0].numpy()
    assert np.corrcoef(found.ravel(), image.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("finest", [4, 8, 16, 24])
def test_finer_rings_have_more_angles(finest: int) -> None:
    grid = PolarGrid.up_to(64, finest, 40.0)
    assert grid.radii.tolist() == list(range(1, finest + 1))
    assert grid.n_angles % 2 == 0
    assert grid.n_angles >= 2 * math.pi * 20 * finest / 64
