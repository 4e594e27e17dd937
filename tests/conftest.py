"""Fixtures that several test files share."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:  # most tests need no tensors
    from napari_hydrapicker.hydra.head_record import HeadRecord
    from napari_hydrapicker.hydra.network import HydraPicker

# A run's outcome depends on the code alone; `pytest --hypothesis-profile=random` looks for new cases.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("random", deadline=None)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With HYDRAPICKER_TEST_SEED the tests run in a random order: none may need another before it."""
    seed = os.environ.get("HYDRAPICKER_TEST_SEED")
    if seed:
        random.Random(seed).shuffle(items)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real micrographs and other programs' files; tests that need it skip without it."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    shared = Path(os.environ.get("HYDRAPICKER_SHARED") or beside)
    folder = shared / "data" if (shared / "data").is_dir() else shared
    if not (folder / "formats").is_dir():
        pytest.skip(f"no real data at {folder}: set HYDRAPICKER_SHARED to its folder")
    return folder


@pytest.fixture(scope="session")
def model() -> HydraPicker:
    """A small network with random weights."""
    import torch

    from napari_hydrapicker.hydra.network import Architecture, HydraPicker

    torch.manual_seed(0)
    return HydraPicker(Architecture(channels=4, groups=4)).eval()


@pytest.fixture
def record_of(model: HydraPicker) -> Callable[..., HeadRecord]:
    """Make the record of a head of this network, of a name and with fields of one's own."""
    from napari_hydrapicker.hydra.head_record import HeadRecord, MicrographUse
    from napari_hydrapicker.hydra.weights import body_hash

    def make(name: str, **changes: object) -> HeadRecord:
        fields: dict[str, object] = {
            "name": name, "diameter_angstrom": 180, "pixel_size_angstrom": 1.77, "parent": body_hash(model),
            "created": "2026-01-02T03:04:05+00:00", **model.architecture.model_dump(),
            "calibration": (1.5, -0.25), "threshold": 0.4,
            "micrographs": (MicrographUse(name="m1", sha256="0" * 64, use="training", particles=80),),
            "figures_before": {"validation_ap": 0.7}, "figures_after": {"validation_ap": 0.8},
        }  # fmt: skip
        return HeadRecord.model_validate(fields | changes)

    return make
