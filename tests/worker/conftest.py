"""A simulated micrograph as a file, for the worker to pick."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import torch

from napari_hydrapicker.hydra import weights
from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.hydra.weights import Metadata
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.parameters import HydraSpec, PickParameters
from napari_hydrapicker.simulation.sample import Sample, sample_micrograph
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph
from napari_hydrapicker.worker.messages import PickRequest, TrainRequest


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sample]:
    """A micrograph's file, not square, and what is on it."""
    path = tmp_path_factory.mktemp("micrographs") / "m1.mrc"
    sample = sample_micrograph(3, (480, 640))
    with mrcfile.new(path) as file:
        file.set_data(sample.image)
        file.voxel_size = sample.pixel_size_angstrom
    return path, sample


def micrograph_at(path: Path, sample: Sample) -> Micrograph:
    """The simulated micrograph in a file of this name, as a project knows it."""
    rows, cols = sample.image.shape
    return Micrograph(path, (rows, cols), sample.pixel_size_angstrom)


@pytest.fixture
def request_of(simulated: tuple[Path, Sample], tmp_path: Path) -> Callable[..., PickRequest]:
    """Makes requests to pick that micrograph, or other paths."""
    path, sample = simulated

    def make(job: int, paths: list[Path] | None = None, **changes: object) -> PickRequest:
        chosen = [path] if paths is None else paths
        fields: dict[str, object] = {
            "job": job,
            "micrographs": {i: micrograph_at(p, sample) for i, p in enumerate(chosen)},
            "parameters": PickParameters(diameter_angstrom=sample.diameter_angstrom), "device": "cpu",
            "picker": HydraSpec(), "folder": tmp_path / "picking",
        }  # fmt: skip
        return PickRequest(**(fields | changes))  # type: ignore[arg-type]

    return make


@pytest.fixture
def train_request(simulated: tuple[Path, Sample], tmp_path: Path) -> TrainRequest:
    """Two steps' worth of work on a network small enough for it."""
    path, sample = simulated
    torch.manual_seed(0)
    small = HydraPicker(Architecture(channels=4, groups=4))
    network = tmp_path / "net.safetensors"
    weights.save(small, network, Metadata())
    corrected = AnnotatedMicrograph(
        micrograph_at(path, sample), sample.picks.yx, np.array([[20.0, 30.0]]), complete=True
    )
    folders = (str(tmp_path / "a"), str(tmp_path / "b"))
    return TrainRequest(
        1, "mine", (corrected,), sample.diameter_angstrom, str(network), "cpu", folders, False,
        tmp_path / "job",
    )  # fmt: skip


@pytest.fixture
def no_thread_left() -> Iterator[None]:
    """Nothing of a process is left after the test: not the process itself, nor what listens to it."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 20  # a process that was killed needs its turn to be gone
    while not set(threading.enumerate()) <= before:
        assert time.monotonic() < deadline, f"left: {set(threading.enumerate()) - before}"
        time.sleep(0.01)
