"""The bundled network, without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.hydra import weights
from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.hydra.weights import Metadata
from napari_hydrapicker.picking import library as bundled
from napari_hydrapicker.picking.library import bundled_path, check_not_own, head_names


def test_names_as_the_network_has_them(tmp_path: Path) -> None:
    model = HydraPicker(Architecture(channels=4, groups=4))
    model.add_head("b")
    model.add_head("a")
    path = tmp_path / "net.safetensors"
    weights.save(model, path, Metadata())
    assert head_names(path) == ["generic", "b", "a"]
    check_not_own("c", path)
    with pytest.raises(ParameterError, match="'a' of its own; choose another"):
        check_not_own("a", path)
    assert tuple(head_names()) == weights.read_metadata(bundled_path()).heads


def test_without_torch() -> None:
    code = "import sys; from napari_hydrapicker.picking.library import head_names; head_names(); "
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("metadata", [None, "", "[1]", "{}", '{"heads": []}', '{"heads": [1]}'])
def test_other_files_are_refused(tmp_path: Path, metadata: str | None) -> None:
    path = tmp_path / "other.safetensors"
    header = None if metadata is None else {"format": "napari-hydrapicker", "metadata": metadata}
    path.write_bytes(safetensors.torch.save({"a": torch.zeros(1)}, header))
    with pytest.raises(WeightsError, match=r"other\.safetensors: .*Copy or download the file again"):
        head_names(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.safetensors: cannot be read"):
        head_names(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("no tensors")
    with pytest.raises(WeightsError, match="not a safetensors file"):
        head_names(tmp_path / "text.safetensors")


def test_a_missing_bundled_network_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bundled.resources, "files", lambda package: tmp_path / package)
    with pytest.raises(WeightsError, match=r"compact\.safetensors: .*missing.*Install"):
        bundled_path()
