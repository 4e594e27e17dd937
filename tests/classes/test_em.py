"""Classes of shapes whose class, rotation and place are known."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_hydrapicker.classes.averages import (
    aligned,
    class_averages,
    half_correlations,
    resolution_of,
    ring_correlation,
)
from napari_hydrapicker.classes.em import Alignment, classify_images, recentred, shift_grid, shift_images

N = 80
Given = tuple[torch.Tensor, NDArray[np.int64], NDArray[np.float64]]
"""Images, which shape each is of, and how far it was moved."""


class Cancelled(Exception):
    """What a test's progress raises."""


@pytest.fixture(scope="module")
def given(shapes: SimpleNamespace) -> Given:
    """Hooks and triangles in turn, in all directions, and how far each was moved."""
    rng = np.random.default_rng(3)
    images, places = [], []
    for i in range(N):
        shift = rng.uniform(-2, 2, 2)
        angle = rng.uniform(0, 2 * np.pi)
        images.append(shapes.posed((shapes.hook, shapes.triangle)[i % 2](), angle, (shift[0], shift[1])))
        places.append([math.sin(angle) * shift[1] + math.cos(angle) * shift[0],
                       math.cos(angle) * shift[1] - math.sin(angle) * shift[0]])  # fmt: skip
    crops = torch.from_numpy(shapes.noisy(np.stack(images), rng, 0.6))
    return crops, np.arange(N) % 2, np.array(places)


@pytest.fixture(scope="module")
def found(given: Given) -> Alignment:
    return classify_images(given[0], torch.zeros(N, 2), 4, seed=1)[0]


def test_each_class_is_of_one_shape(given: Given, found: Alignment) -> None:
    for label in range(4):
        kinds = given[1][(found.label == label).numpy()]
        assert len(kinds) == 0 or max(kinds.mean(), 1 - kinds.mean()) > 0.95
    assert float(found.confidence.mean()) > 0.9


def test_particles_are_centred(given: Given, found: Alignment) -> None:
    error = recentred(found).numpy() - given[2]
    assert np.abs(error.mean(axis=0)).max() < 0.5
    cos, sin = np.cos(found.angle.numpy()), np.sin(found.angle.numpy())
    # Seen from its average, each particle's middle lies in the same place.
    turned = np.stack([cos * error[:, 0] - sin * error[:, 1], sin * error[:, 0] + cos * error[:, 1]], axis=1)
    for label in np.unique(found.label):
        own = turned[(found.label == label).numpy()]
        assert np.median(np.hypot(*(own - np.median(own, axis=0)).T)) < 1.0


def test_averages_show_the_shape(shapes: SimpleNamespace, given: Given, found: Alignment) -> None:
    averages = class_averages(given[0], found, 4)
    largest = int(torch.bincount(found.label).argmax())
    kind = round(float(given[1][(found.label == largest).numpy()].mean()))
    clean = (shapes.hook, shapes.triangle)[kind]()
    seen = averages[largest, 12:52, 12:52].numpy().ravel()
    fit = max(
        np.corrcoef(shapes.posed(clean, a, (dy, dx))[12:52, 12:52].ravel(), seen)[0, 1]
        for a in np.linspace(0, 2 * np.pi, 48, endpoint=False)
        for dy in (-2, 0, 2)
        for dx in (-2, 0, 2)
    )
    assert fit > 0.9


def test_the_same_seed_gives_the_same_classes(given: Given, found: Alignment) -> None:
    again = classify_images(given[0], torch.zeros(N, 2), 4, seed=1)[0]
    assert torch.equal(found.label, again.label)
    assert torch.equal(found.angle, again.angle)


def test_progress_can_end_it(given: Given) -> None:
    calls = []

    def progress(done: int, of: int) -> None:
        calls.append((done, of))
        if done == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        classify_images(given[0], torch.zeros(N, 2), 2, progress=progress)
    assert [done for done, _ in calls] == [1, 2, 3]


def test_no_class_takes_everything(shapes: SimpleNamespace) -> None:
    rng = np.random.default_rng(8)
    images = np.stack([shapes.posed(shapes.hook(), rng.uniform(0, 2 * np.pi), (0, 0)) for _ in range(120)])
    label = classify_images(torch.from_numpy(shapes.noisy(images, rng, 1.5)), torch.zeros(120, 2), 4)[0].label
    assert torch.bincount(label, minlength=4).max() < 0.7 * 120


def test_halves_agree_on_a_shape_and_not_on_noise(shapes: SimpleNamespace) -> None:
    rng = np.random.default_rng(5)
    clean = np.stack([shapes.posed(shapes.hook(), rng.uniform(0, 2 * np.pi), (0, 0)) for _ in range(60)])
    fineness = []
    for images in (shapes.noisy(clean, rng, 1.0), shapes.noisy(np.zeros_like(clean), rng, 1.0)):
        crops = torch.from_numpy(images)
        alignment, references = classify_images(crops, torch.zeros(60, 2), 2)
        correlation, radii = half_correlations(crops, alignment, references)
        largest = int(torch.bincount(alignment.label).argmax())
        fineness.append(resolution_of(correlation[largest], radii))
    assert fineness[0] > 7.5
    # That two averages start alike up to six rings is all that noise has in common.
    assert fineness[1] < 7.5


def test_images_go_back_onto_their_average(shapes: SimpleNamespace) -> None:
    image = torch.from_numpy(shapes.posed(shapes.hook(), 0.7, (2.0, -3.0)))[None]
    pose = Alignment(
        torch.zeros(1, dtype=torch.int64), torch.ones(1), torch.tensor([0.7]), torch.tensor([[2.0, -3.0]]),
        torch.zeros(1, 2),
    )  # fmt: skip
    assert np.corrcoef(aligned(image, pose)[0].numpy().ravel(), shapes.hook().ravel())[0, 1] > 0.99


def test_resolution_is_where_the_correlation_falls_under_a_half() -> None:
    radii = torch.arange(1, 6, dtype=torch.float32)
    assert resolution_of(torch.tensor([1.0, 0.9, 0.7, 0.3, 0.1]), radii) == pytest.approx(3.5)
    assert resolution_of(torch.tensor([1.0, 0.0, 0.7, 0.9, 0.3]), radii) == pytest.approx(4 + 2 / 3)
    assert resolution_of(torch.full((5,), 0.9), radii) == 5
    assert resolution_of(torch.tensor([0.4, 0.3, 0.9, 0.9, 0.9]), radii) == 0


def test_a_correlation_knows_no_factor() -> None:
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(3, 8, dtype=torch.complex64, generator=generator)
    assert ring_correlation(a, 5 * a).tolist() == pytest.approx([1, 1, 1])
    assert ring_correlation(a, -a).tolist() == pytest.approx([-1, -1, -1])


def test_shifts_lie_in_a_circle_and_begin_with_none() -> None:
    grid = shift_grid(3.0, 1.5)
    assert grid[0].tolist() == [0, 0]
    assert len(grid) == 13
    assert float(grid.norm(dim=1).max()) <= 3.0


def test_images_move_by_parts_of_a_pixel(shapes: SimpleNamespace) -> None:
    moved = shift_images(torch.from_numpy(shapes.hook())[None], torch.tensor([[1.5, -2.25]]))[0].numpy()
    assert np.abs(moved - shapes.posed(shapes.hook(), 0.0, (1.5, -2.25))).max() < 0.02
