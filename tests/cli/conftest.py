"""What the commands are tried with."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.hydra.weights import Metadata, save


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network that has learnt nothing, and finds every second cell worth picking."""
    torch.manual_seed(2)
    model = HydraPicker(Architecture(channels=4, groups=4))
    with torch.no_grad():
        model.head().output.bias[0] = 0  # type: ignore[index, union-attr]
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save(model, path, Metadata(thresholds={"generic": 0.25}))
    return path
