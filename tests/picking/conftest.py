"""A small network with heads to keep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from napari_hydrapicker.hydra.head_record import HeadRecord, MicrographUse
from napari_hydrapicker.hydra.layers import Head, ThesisHead
from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.hydra.weights import body_hash
from napari_hydrapicker.picking.head_library import HOME_VARIABLE, HeadLibrary


@pytest.fixture(scope="session")
def model() -> HydraPicker:
    torch.manual_seed(0)
    return HydraPicker(Architecture(channels=4, groups=4)).eval()


@pytest.fixture
def head(model: HydraPicker) -> Head:
    torch.manual_seed(1)
    made = ThesisHead(4, 4, 0.3).eval()
    with torch.no_grad():  # as it is on disk, so that it comes back the same
        for tensor in made.parameters():
            tensor.copy_(tensor.half().float())
    return made


@pytest.fixture
def record_of(model: HydraPicker) -> Callable[..., HeadRecord]:
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


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HeadLibrary:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return HeadLibrary(tmp_path / "home" / "heads")
