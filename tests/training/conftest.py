"""Fixtures for the tests of training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.training.labelled_image import LabelledImage, Marks


@pytest.fixture(autouse=True, scope="package")
def _one_thread() -> Iterator[None]:
    """Compute on one core: at the tests' sizes more of them mostly wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def model() -> HydraPicker:
    """Return a small untrained network."""
    torch.manual_seed(0)
    return HydraPicker(Architecture(channels=8, groups=4)).eval()


@pytest.fixture(scope="module")
def micrograph() -> LabelledImage:
    """Return noise of a side ratio of its own, with marks up to its edges."""
    rng = np.random.default_rng(1)
    image = rng.normal(size=(90, 200)).astype(np.float32)
    yx = rng.uniform(0, 1, (40, 2)) * (90, 200) - 0.5
    return LabelledImage("m", image, Marks(yx, yx[:5] + 3, np.empty((0, 2)), True))
