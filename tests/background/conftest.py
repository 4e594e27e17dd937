"""A simulated micrograph as a file, for the worker to pick."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mrcfile
import pytest

from napari_hydrapicker.background.messages import MicrographRef, PickRequest
from napari_hydrapicker.simulation.sample import Sample, sample_micrograph


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sample]:
    """A micrograph's file, not square, and what is on it."""
    path = tmp_path_factory.mktemp("micrographs") / "m1.mrc"
    sample = sample_micrograph(3, (480, 640))
    with mrcfile.new(path) as file:
        file.set_data(sample.image)
        file.voxel_size = sample.pixel_size_angstrom
    return path, sample


@pytest.fixture
def request_of(simulated: tuple[Path, Sample]) -> Callable[..., PickRequest]:
    """Makes requests to pick that micrograph, or other paths."""
    path, sample = simulated

    def make(job: int, paths: list[Path] | None = None, **changes: object) -> PickRequest:
        chosen = [path] if paths is None else paths
        fields: dict[str, object] = {
            "job": job,
            "micrographs": tuple(
                MicrographRef(i, str(p), 0, sample.pixel_size_angstrom) for i, p in enumerate(chosen)
            ),
            "diameter_angstrom": sample.diameter_angstrom,
            "weights": None, "head": "generic", "device": "cpu", "border_angstrom": None, "use_mask": True,
            "min_distance_angstrom": None,
        }  # fmt: skip
        return PickRequest(**(fields | changes))  # type: ignore[arg-type]

    return make
