"""Backgrounds without particles: found on micrographs and laid side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from napari_hydrapicker.cgan.background import Patch, free_patches, mosaic, particle_mask
from napari_hydrapicker.cgan.preprocess import FLOOR, WorkingImage, to_working_image
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.micrograph import open_micrograph


def noise(shape: tuple[int, int], seed: int = 0, smoothing: float = 0.0) -> np.ndarray:
    """Noise of mean 0.6 and standard deviation 0.1."""
    values = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), smoothing)
    return (0.6 + 0.1 * values / values.std()).astype(np.float32)


def with_particles(shape: tuple[int, int], centres: list[tuple[int, int]], seed: int = 0) -> WorkingImage:
    image = noise(shape, seed)
    row, col = np.ogrid[: shape[0], : shape[1]]
    for y, x in centres:
        image[np.hypot(row - y, col - x) < 7] -= 0.2
    return WorkingImage(np.clip(image, FLOOR, 1), np.ones(shape, bool), shape)


CENTRES = [(30, 40), (40, 150), (80, 90), (110, 170), (100, 20)]


def test_particles_are_kept_out_whole() -> None:
    working = with_particles((140, 200), CENTRES)
    mask = particle_mask(working)
    row, col = np.ogrid[:140, :200]
    for y, x in CENTRES:
        assert mask[np.hypot(row - y, col - x) < 7].mean() > 0.95
    assert mask.mean() < 0.4


def test_a_lesser_depth_keeps_more_out() -> None:
    working = with_particles((140, 200), CENTRES)
    areas = [particle_mask(working, depth=depth).mean() for depth in (1.5, 2.2, 3.0, 100.0)]
    assert areas == sorted(areas, reverse=True)
    assert areas[0] > areas[1] > areas[2] > areas[3] == 0


def test_patches_weigh_nothing_where_particles_or_masked_areas_are() -> None:
    working = with_particles((140, 200), CENTRES)
    working.mask[:, 180:] = False
    barred = particle_mask(working) | ~working.mask
    whole = np.full((140, 200), np.nan, np.float32)
    patches = free_patches(working, side_wpx=70)
    assert len(patches) == 6
    for i, patch in enumerate(patches):  # 2 x 3 tiles; those at the right are smaller
        place = slice(70 * (i // 3), 70 * (i // 3) + 70), slice(70 * (i % 3), 70 * (i % 3) + 70)
        np.testing.assert_array_equal(patch.image, working.image[place])
        whole[place] = patch.weight
    assert (whole[barred] == 0).all()
    assert (whole[~barred] > 0).all()
    assert whole.max() == 1


def test_known_empty_micrographs_serve_entirely() -> None:
    working = with_particles((140, 200), CENTRES)
    working.mask[:, :30] = False
    found = free_patches(working, known_empty=True, side_wpx=200)
    assert len(found) == 1
    assert (found[0].weight[working.mask] > 0).all()
    assert (found[0].weight[~working.mask] == 0).all()


def test_a_micrograph_without_free_area_gives_no_patches() -> None:
    working = with_particles((140, 200), CENTRES)
    working.mask[:] = False
    assert free_patches(working) == []


@pytest.mark.parametrize("smoothing", [0.0, 2.0])
def test_a_mosaic_has_the_noise_of_its_patches(smoothing: float) -> None:
    images = [noise((96, 96), seed, smoothing) for seed in range(20)]
    patches = [patch for image in images for patch in free_patches(
        WorkingImage(image, np.ones((96, 96), bool), (96, 96)), known_empty=True)]  # fmt: skip
    made = mosaic(patches, (300, 430), np.random.default_rng(1))
    assert made.shape == (300, 430)
    assert made.dtype == np.float32
    assert made.mean() == pytest.approx(0.6, abs=0.02)
    assert made.std() == pytest.approx(0.1, rel=0.06)

    def neighbours(image: np.ndarray, axis: int) -> float:
        """Correlation of pixels two apart."""
        values = image - image.mean()
        return float((values * np.roll(values, 2, axis)).mean() / values.var())

    expected = np.mean([neighbours(image, axis) for image in images for axis in (0, 1)])
    for axis in (0, 1):
        assert neighbours(made, axis) == pytest.approx(expected, abs=0.04)


def test_seams_keep_the_variance_of_the_noise() -> None:
    images = [noise((24, 24), seed) for seed in range(200)]
    whole = np.ones((24, 24), bool)
    patches = [patch for image in images for patch in free_patches(
        WorkingImage(image, whole, (24, 24)), known_empty=True)]  # fmt: skip
    assert len(patches) == 200
    made = mosaic(patches, (250, 330), np.random.default_rng(1))
    assert made.std() == pytest.approx(0.1, rel=0.03)


def test_holes_in_patches_are_filled_and_never_shown() -> None:
    patches = []
    for seed in range(10):
        image = noise((96, 70), seed)
        mask = np.ones((96, 70), bool)
        mask[20:45, 10:50] = False
        image[~mask] = 0.21
        patches += free_patches(WorkingImage(image, mask, (96, 70)), known_empty=True)
    made = mosaic(patches, (200, 150), np.random.default_rng(2))
    assert ndimage.uniform_filter(made, 9).min() > 0.5
    assert made.std() == pytest.approx(0.1, rel=0.1)


def test_one_small_patch_fills_any_shape() -> None:
    working = WorkingImage(noise((40, 60)), np.ones((40, 60), bool), (40, 60))
    (patch,) = free_patches(working, known_empty=True)
    made = mosaic([patch], (130, 90), np.random.default_rng(0))
    assert made.shape == (130, 90)
    assert made.std() == pytest.approx(0.1, rel=0.15)


def test_a_generator_s_state_is_one_mosaic() -> None:
    patches = free_patches(with_particles((140, 200), CENTRES))
    first, again, other = (mosaic(patches, (90, 120), np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_patches_there_is_no_mosaic() -> None:
    with pytest.raises(ParameterError, match="particle-free"):
        mosaic([], (50, 60), np.random.default_rng(0))


def test_patches_keep_to_grey_levels() -> None:
    image = noise((64, 64))
    image[::2] -= 0.6
    made = mosaic([Patch(image, np.ones_like(image))], (80, 90), np.random.default_rng(0))
    assert made.min() == np.float32(FLOOR)
    assert made.max() <= 1


@pytest.mark.parametrize(
    ("folder", "pattern", "diameter", "least_found", "most_area"),
    [("empiar10028", "062", 300, 0.95, 0.6), ("empiar10017", "*15_41_22_0", 180, 0.75, 0.55)],
)
def test_labelled_particles_of_real_micrographs_are_kept_out(
    shared_data: Path, folder: str, pattern: str, diameter: float, least_found: float, most_area: float
) -> None:
    (path,) = (shared_data / "micrographs" / folder).glob(f"{pattern}.mrc")
    micrograph = open_micrograph(path)
    assert micrograph.pixel_size_angstrom is not None
    working = to_working_image(micrograph.pixels(), diameter / micrograph.pixel_size_angstrom)
    labels = formats.read(shared_data / "coordinates" / folder / f"{micrograph.name}_autopick.star")
    row, col = np.round(working.to_wpx(labels[micrograph.name].yx)).astype(int).T
    mask = particle_mask(working)
    assert mask[row, col].mean() > least_found
    assert mask[working.mask].mean() < most_area
