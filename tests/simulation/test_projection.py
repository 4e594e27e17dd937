"""Projections of points."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_hydrapicker.simulation.procedural import procedural_complex
from napari_hydrapicker.simulation.projection import (
    PIXELS_PER_DIAMETER,
    SIDE,
    gaussian_blur,
    make_library,
    make_species,
    project,
    random_rotations,
)
from napari_hydrapicker.simulation.structures import from_atoms


def test_one_point_lands_on_its_row_and_column() -> None:
    # x = 10 A is 5 columns to the right, y = -6 A is 3 rows up; z plays no part
    image = project(torch.tensor([[10.0, -6.0, 99.0]]), torch.tensor([8.0]), torch.eye(3), 21, 2.0)
    assert image.argmax().item() == (10 - 3) * 21 + (10 + 5)
    assert image.sum().item() == pytest.approx(8.0 / 4)
    assert image.max().item() == pytest.approx(8.0 / 4)


def test_a_point_between_pixels_is_shared_by_distance() -> None:
    image = project(torch.tensor([[0.25, 0.5, 0.0]]), torch.ones(1), torch.eye(3), 9, 1.0)
    np.testing.assert_allclose(image[4:6, 4:6], [[0.375, 0.125], [0.375, 0.125]], atol=1e-6)


def test_points_outside_are_left_out() -> None:
    xyz = torch.tensor([[0.0, 0, 0], [50, 0, 0], [0, -50, 0], [-4.5, 0, 0]])
    image = project(xyz, torch.ones(4), torch.eye(3), 9, 1.0)
    assert image.sum().item() == pytest.approx(1.5)


def test_rotation_turns_x_into_y() -> None:
    turn = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    image = project(torch.tensor([[3.0, 0.0, 0.0]]), torch.ones(1), turn, 9, 1.0)
    assert image[4 + 3, 4].item() == pytest.approx(1)


def test_rotations_are_proper_and_cover_the_sphere() -> None:
    rotations = random_rotations(2000, torch.Generator().manual_seed(0))
    eye = torch.eye(3).expand(2000, 3, 3)
    torch.testing.assert_close(rotations @ rotations.transpose(1, 2), eye, atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(rotations), torch.ones(2000), atol=1e-5, rtol=0)
    axis = rotations[:, :, 2]
    assert axis.mean(dim=0).abs().max() < 0.06
    torch.testing.assert_close((axis**2).mean(dim=0), torch.full((3,), 1 / 3), atol=0.04, rtol=0)


def test_blur_of_a_non_square_image() -> None:
    image = torch.zeros(40, 64)
    image[12, 40] = 1
    blurred = gaussian_blur(image, 2.0)
    assert blurred.sum().item() == pytest.approx(1, abs=1e-4)
    assert blurred.argmax().item() == 12 * 64 + 40
    assert blurred.max().item() == pytest.approx(1 / (2 * np.pi * 4), rel=0.01)
    assert (blurred[12, 42] / blurred[12, 40]).item() == pytest.approx(np.exp(-0.5), rel=0.01)


def test_a_species_holds_views_centred_on_the_centre_of_mass() -> None:
    cloud = procedural_complex(3, 130.0)
    species = make_species(cloud, 5, seed=1)
    views = species.projections.float()
    assert views.shape == (5, SIDE, SIDE)
    assert species.diameter_angstrom == pytest.approx(130, rel=1e-3)
    assert species.pixel_angstrom == pytest.approx(130 / PIXELS_PER_DIAMETER, rel=1e-3)
    total = views.sum(dim=(1, 2)) * species.pixel_angstrom**2
    np.testing.assert_allclose(total, cloud.weight.sum(), rtol=0.01)
    index = torch.arange(SIDE, dtype=torch.float32)
    for dims in ((2,), (1,)):
        profile = views.sum(dim=dims)
        np.testing.assert_allclose((profile * index).sum(1) / profile.sum(1), SIDE // 2, atol=0.2)
    assert (views[0] - views[1]).abs().max() > 0.1 * views[0].max()


def test_a_library_keeps_names_and_order() -> None:
    rng = np.random.default_rng(0)
    clouds = [from_atoms(name, rng.normal(size=(30, 3)) * 20, np.full(30, 6)) for name in ("b", "a")]
    library = make_library(clouds, 3)
    assert [species.name for species in library] == ["b", "a"]
    assert library[0].to("cpu").projections.shape == (3, SIDE, SIDE)
