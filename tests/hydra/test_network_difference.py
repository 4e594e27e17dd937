"""Network files that hold changes to another network."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from napari_hydrapicker.errors import WeightsError
from napari_hydrapicker.hydra import container, network_difference, weights
from napari_hydrapicker.hydra.body_steps import body_from_steps, body_steps
from napari_hydrapicker.hydra.head_difference import smallest_difference
from napari_hydrapicker.hydra.metadata import FORMAT, Base, Metadata
from napari_hydrapicker.hydra.model import Architecture, HydraPicker
from napari_hydrapicker.hydra.network_difference import NetworkDifference


@pytest.fixture
def base(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    model = HydraPicker(Architecture(channels=8, groups=4))
    path = tmp_path / "base.safetensors"
    weights.save(model, path, Metadata())
    return path


@pytest.fixture
def small(base: Path) -> Path:
    """A network trained on from the base, with a head of its own."""
    start, _ = weights.load(base)
    torch.manual_seed(4)
    model = copy.deepcopy(start)
    with torch.no_grad():
        for parameter in model.body.parameters():
            parameter += 0.01 * torch.randn_like(parameter)
        model.head().output.bias += 0.25
        model.add_head("ribosome").output.bias -= 0.5
    features = [torch.rand(1, 8, 48, 32)]
    generic = smallest_difference(model.head(), start.head(), features, torch.sigmoid)
    own = smallest_difference(model.head("ribosome"), model.head(), features, torch.sigmoid)
    assert generic is not None
    assert own is not None
    body = {name: weights.stored(tensor) for name, tensor in start.body.state_dict().items()}
    origin = Base(file=base.name, sha256=container.read_header(base, FORMAT)["sha256"])
    change = NetworkDifference(origin, body_steps(model.body.state_dict(), body), generic)
    path = base.with_name("small.safetensors")
    weights.save(model, path, Metadata(), {"ribosome": own}, change)
    return path


def test_body_and_heads_are_made_again(base: Path, small: Path) -> None:
    start, _ = weights.load(base)
    model, about = weights.load(small)
    assert about.base is None  # once loaded it is a network like any other
    assert about.format_version == 1
    assert weights.read_metadata(small).format_version == 3
    assert small.stat().st_size < 0.2 * base.stat().st_size
    assert model.head_names == ("generic", "ribosome")
    bias = start.head().output.bias
    torch.testing.assert_close(model.head().output.bias, bias + 0.25, atol=1e-3, rtol=0)
    torch.testing.assert_close(model.head("ribosome").output.bias, bias - 0.25, atol=1e-3, rtol=0)
    for name, weight in model.body.state_dict().items():
        moved = (weight - start.body.state_dict()[name]).std()
        assert 0.005 < moved < 0.02 or weight.numel() < 20, name
    assert weights.load(small, [])[0].head_names == ("generic",)


def test_the_hash_of_the_body_is_that_of_its_steps(base: Path, small: Path) -> None:
    model, _ = weights.load(small)
    theirs = {name: weights.stored(t) for name, t in weights.load(base)[0].body.state_dict().items()}
    exact = body_from_steps(body_steps(model.body.state_dict(), theirs), theirs)
    for name, tensor in model.body.state_dict().items():
        assert torch.equal(weights.stored(tensor), tensor.half())
        # Steps of steps: at most one rounding to half precision away.
        torch.testing.assert_close(exact[name].float(), tensor, atol=1e-3, rtol=2e-3)
    assert weights.body_hash(weights.load(small)[0]) == weights.body_hash(model)


def test_a_base_that_is_not_there(base: Path, small: Path) -> None:
    base.unlink()
    with pytest.raises(WeightsError, match=r"small\.safetensors: .*base\.safetensors, which is missing"):
        weights.load(small)
    weights.read_metadata(small)  # what it says about itself is there all the same


def test_another_network_of_that_name(base: Path, small: Path) -> None:
    weights.save(HydraPicker(Architecture(channels=8, groups=4)), base, Metadata())
    with pytest.raises(WeightsError, match=r"base\.safetensors, which is another network.*Put that file"):
        weights.load(small)


def test_a_damaged_base(base: Path, small: Path) -> None:
    content = bytearray(base.read_bytes())
    content[-1] ^= 1
    base.write_bytes(content)
    with pytest.raises(WeightsError, match=r"base\.safetensors: damaged"):
        weights.load(small)


def test_a_base_of_the_package(
    base: Path, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = weights.body_hash(weights.load(small)[0])
    package = tmp_path / "package"
    package.mkdir()
    shutil.move(base, package / base.name)
    monkeypatch.setattr(network_difference, "weights_folder", lambda: package)
    assert weights.body_hash(weights.load(small)[0]) == expected


Tensors = dict[str, Tensor]


def without_a_factor(tensors: Tensors) -> None:
    del tensors["heads.generic.last.0.weight.left"]


def with_a_whole_layer(tensors: Tensors) -> None:
    tensors["body.stem.0.weight"] = torch.zeros(8, 1, 3, 3).half()


def with_nan_scales(tensors: Tensors) -> None:
    tensors["body.stem.0.weight.scale"] = torch.tensor([float("nan")]).half()


def with_a_strange_head(tensors: Tensors) -> None:
    tensors["heads.virus.output.bias"] = torch.zeros(3).half()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_a_factor, r"factors of 'last\.0\.weight'"),
        (with_a_whole_layer, "the unknown tensor"),
        (with_nan_scales, "NaN or infinity"),
        (with_a_strange_head, "unknown tensor"),
    ],
)
def test_changes_that_do_not_fit(small: Path, change: Callable[[Tensors], None], message: str) -> None:
    header, tensors = container.read(small, FORMAT)
    change(tensors)
    container.write(small, tensors, header)
    with pytest.raises(WeightsError, match=rf"small\.safetensors: .*{message}"):
        weights.load(small)


@pytest.mark.parametrize("file", ["../base.safetensors", "", "a/b", ".hidden", "C:\\x"])
def test_a_base_elsewhere_is_refused(small: Path, file: str) -> None:
    header, tensors = container.read(small, FORMAT)
    description = json.loads(header["metadata"])
    description["base"]["file"] = file
    container.write(small, tensors, {**header, "metadata": json.dumps(description)})
    with pytest.raises(WeightsError, match=r"base\.file"):
        weights.load(small)
