"""Asymmetric shapes, turned and moved: `shapes`, for the tests of classes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.classes.crops import BOX_PX

Image = NDArray[np.float32]


def blobs(*places: tuple[float, float, float], side: int = BOX_PX) -> Image:
    """Sum of Gaussian blobs at (row, column) from the middle, pixels, each with a strength."""
    place = np.arange(side) - side // 2
    image = np.zeros((side, side))
    for row, column, strength in places:
        image += strength * np.exp(
            -((place[:, None] - row) ** 2 + (place[None] - column) ** 2) / (2 * 3.0**2)
        )
    return image.astype(np.float32)


def hook() -> Image:
    return blobs((-9, 0, 1.0), (0, 0, 1.0), (9, 0, 1.0), (9, 8, 1.0))


def triangle() -> Image:
    return blobs((-8, -8, 1.0), (-8, 8, 1.0), (9, 0, 1.6))


def posed(image: Image, angle: float, shift: tuple[float, float]) -> Image:
    """Turn an image from the columns' axis to the rows' by radians, after moving it by (rows, columns)."""
    cos, sin = np.cos(angle), np.sin(angle)
    # affine_transform asks where each output pixel (row, column) comes from.
    matrix = np.array([[cos, -sin], [sin, cos]])
    middle = np.array(image.shape) // 2
    offset = middle - matrix @ middle - np.array(shift)
    return np.asarray(ndimage.affine_transform(image, matrix, offset, order=3), np.float32)


def noisy(images: Image, rng: np.random.Generator, spread: float = 1.0) -> Image:
    return (images + rng.normal(0, spread, images.shape)).astype(np.float32)


@pytest.fixture(scope="session")
def shapes() -> SimpleNamespace:
    """The functions above."""
    return SimpleNamespace(blobs=blobs, hook=hook, triangle=triangle, posed=posed, noisy=noisy)
