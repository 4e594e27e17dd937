"""A trained network as its changes to the one it started from."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.hydra import weights
from napari_hydrapicker.hydra.metadata import Metadata
from napari_hydrapicker.hydra.model import GENERIC, Architecture, HydraPicker
from napari_hydrapicker.training.packing import head_differences, pack

SIZES = Architecture(channels=8, groups=4)
CALIBRATION = {GENERIC: (1.5, 0.25), "capsid": (2.0, -0.5)}
META = Metadata(heads=(GENERIC, "capsid"), calibration=CALIBRATION, training={"phase": "multi-head"})
IMAGES = [np.random.default_rng(seed).normal(size=(48, 64)).astype(np.float32) for seed in range(2)]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = HydraPicker(SIZES)
    with torch.no_grad():
        model.head().output.weight.normal_(0, 0.05)
    path = tmp_path / "base.safetensors"
    weights.save(model, path, Metadata(training={"simulated": ["1aa6"]}))
    return path


def trained(base: Path, size: float = 0.02) -> HydraPicker:
    """What training makes of a network: layers changed along a few directions, the head's less than all."""
    model, _ = weights.load(base)
    torch.manual_seed(1)
    _train(model.body, size)
    _train(model.head(), size)
    _train(model.add_head("capsid").last, size)
    return model.eval()


@torch.no_grad()
def _train(module: torch.nn.Module, size: float) -> None:
    for parameter in module.parameters():
        rows = parameter.flatten(1) if parameter.ndim > 1 else parameter[:, None]
        factors = torch.randn(len(rows), 2), torch.randn(2, rows.shape[1])
        parameter += size * rows.std(correction=0) * (factors[0] @ factors[1]).view_as(parameter)
        parameter.copy_(parameter.half())  # as read from a file


@torch.inference_mode()
def scores(
    model: HydraPicker, head: str, image: np.ndarray[tuple[int, int], np.dtype[np.float32]]
) -> torch.Tensor:
    a, b = CALIBRATION[head]
    return torch.sigmoid(a * model(torch.from_numpy(image)[None, None], head, dense=True)[:, 0] + b)


def test_the_file_is_small_and_picks_as_the_network_did(base: Path, tmp_path: Path) -> None:
    model = trained(base)
    before, start = copy.deepcopy(model), weights.load(base)[0]
    path = tmp_path / "small.safetensors"
    meta = pack(model, META, base, IMAGES, path, tolerance=1e-2)
    assert meta.base is not None
    assert meta.base.file == "base.safetensors"
    assert meta.differences == ("capsid",)
    assert path.stat().st_size < 0.5 * base.stat().st_size
    read, about = weights.load(path)
    assert about.calibration == CALIBRATION
    assert about.training == {"phase": "multi-head", "before": {"simulated": ["1aa6"]}}
    for image in IMAGES:
        assert (scores(read, GENERIC, image) - scores(start, GENERIC, image)).abs().max() > 0.03
        for head, most in ((GENERIC, 2e-2), ("capsid", 2e-2)):
            assert (scores(read, head, image) - scores(before, head, image)).abs().max() < most
        # The network was changed to what the file says.
        assert torch.equal(scores(read, GENERIC, image), scores(model, GENERIC, image))
        assert (scores(read, "capsid", image) - scores(model, "capsid", image)).abs().max() <= 1.1e-3
    assert weights.body_hash(read) == weights.body_hash(model)


def test_a_base_that_holds_changes_itself(base: Path, tmp_path: Path) -> None:
    first = tmp_path / "first.safetensors"
    pack(trained(base), META, base, IMAGES, first)
    with pytest.raises(ParameterError, match=r"first\.safetensors: it holds changes"):
        pack(trained(base), META, first, IMAGES, tmp_path / "second.safetensors")
    assert not (tmp_path / "second.safetensors").exists()


def test_bases_that_are_of_no_use(base: Path, tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    other = tmp_path / "other.safetensors"
    weights.save(HydraPicker(Architecture(channels=4, groups=4)), other, Metadata())
    with pytest.raises(ParameterError, match=r"other\.safetensors: it has layers of other sizes"):
        pack(trained(base), META, other, IMAGES, path)
    torch.manual_seed(9)
    weights.save(HydraPicker(SIZES), other, Metadata())
    with pytest.raises(ParameterError, match=r"other\.safetensors: the generic heads differ too much"):
        pack(trained(base), META, other, IMAGES, path, tolerance=1e-3)
    with pytest.raises(WeightsError, match=r"none\.safetensors"):
        pack(trained(base), META, tmp_path / "none.safetensors", IMAGES, path)
    assert not path.exists()


def test_heads_without_an_image_to_compare_on_are_left_whole(base: Path) -> None:
    model = trained(base)
    assert head_differences(model, {}, CALIBRATION) == {}
    assert head_differences(model, {"capsid": IMAGES}, CALIBRATION).keys() == {"capsid"}
    assert head_differences(model, {GENERIC: IMAGES}, CALIBRATION).keys() == {"capsid"}
