"""Heads to keep."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_hydrapicker.hydra.layers import Head, ThesisHead
from napari_hydrapicker.hydra.network import HydraPicker
from napari_hydrapicker.picking.library import HOME_VARIABLE, HeadLibrary


@pytest.fixture
def head(model: HydraPicker) -> Head:
    torch.manual_seed(1)
    made = ThesisHead(4, 4, 0.3).eval()
    with torch.no_grad():  # as it is on disk, so that it comes back the same
        for tensor in made.parameters():
            tensor.copy_(tensor.half().float())
    return made


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HeadLibrary:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return HeadLibrary(tmp_path / "home" / "heads")
