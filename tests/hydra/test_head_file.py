"""Heads on disk, and on the body that they were trained on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.hydra.head_record import HeadRecord
from napari_hydrapicker.hydra.layers import Head, ThesisHead
from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.hydra.weights import attach, body_hash, load_head, save_head
from napari_hydrapicker.io import safetensors as container

SMALL = Architecture(channels=4, groups=4)


@pytest.fixture
def model() -> HydraPicker:
    torch.manual_seed(0)
    return HydraPicker(SMALL).eval()


@pytest.fixture
def record(model: HydraPicker) -> HeadRecord:
    return HeadRecord(
        name="mine", diameter_angstrom=180, created="now", parent=body_hash(model), **SMALL.model_dump()
    )


@pytest.fixture
def head() -> Head:
    torch.manual_seed(1)
    return ThesisHead(4, 4, 0.3).half().float().eval()


def test_a_head_comes_back(tmp_path: Path, head: Head, record: HeadRecord) -> None:
    path = tmp_path / "a.safetensors"
    save_head(path, head, record)
    loaded, found = load_head(path)
    assert found == record
    assert not loaded.training
    image = torch.randn(1, 4, 48, 80)
    assert torch.equal(loaded.dense(image), head.dense(image))


def test_a_head_with_its_own_body_fits_any_network(
    tmp_path: Path, model: HydraPicker, record: HeadRecord
) -> None:
    own = model.adapted()
    with torch.no_grad():
        for weight in own.parameters():
            weight.add_(0.01)
    own = own.half().float().eval()
    path = tmp_path / "a.safetensors"
    save_head(path, own, record.model_copy(update={"own_body": True, "format_version": 2}))
    loaded, found = load_head(path)
    image = torch.randn(1, 1, 48, 80)
    torch.manual_seed(7)
    other = HydraPicker(SMALL).eval()
    generic = other(image)
    attach(other, loaded, found)
    assert torch.equal(other(image, "mine"), own.dense(image))
    assert torch.equal(other(image), generic)
    assert not torch.equal(other(image, "mine"), model(image))


def test_a_body_of_its_own_is_of_the_newer_format(record: HeadRecord) -> None:
    with pytest.raises(ValueError, match="since head format 2"):
        HeadRecord(**{**record.model_dump(), "own_body": True})


def test_a_head_for_a_body_of_another_depth_has_a_newer_format(tmp_path: Path, record: HeadRecord) -> None:
    deeper = Architecture.compact(8, blocks=(1, 4, 3))
    facts = record.model_dump() | deeper.model_dump() | {"own_body": True, "format_version": 3}
    own = HydraPicker(deeper).adapted().half().float().eval()
    path = tmp_path / "a.safetensors"
    save_head(path, own, HeadRecord(**facts))
    loaded, _ = load_head(path)
    image = torch.randn(1, 1, 48, 80)
    assert torch.equal(loaded.dense(image), own.dense(image))
    with pytest.raises(ValueError, match="since head format 3"):
        HeadRecord(**facts | {"format_version": 2})


def test_attached_heads_answer_and_change_nothing_else(
    model: HydraPicker, head: Head, record: HeadRecord
) -> None:
    image = torch.randn(1, 1, 48, 80)
    generic = model(image)
    attach(model, head, record)
    first = model(image, "mine")
    assert torch.equal(first, head(model.features(image)))
    for name in ("second", "third"):
        attach(model, ThesisHead(4, 4, 0.3).eval(), record.model_copy(update={"name": name}))
    assert torch.equal(model(image, "mine"), first)
    assert torch.equal(model(image), generic)
    with pytest.raises(ParameterError, match="already"):
        attach(model, head, record)


def test_another_body_is_refused(head: Head, record: HeadRecord) -> None:
    torch.manual_seed(7)
    other = HydraPicker(SMALL)
    with pytest.raises(WeightsError, match=r"another network .*train it again"):
        attach(other, head, record)
    assert other.head_names == ("generic",)


def test_infinite_weights_are_not_written(tmp_path: Path, head: Head, record: HeadRecord) -> None:
    with torch.no_grad():
        head.output.weight[0, 0, 0, 0] = 1e6
    with pytest.raises(WeightsError, match="not finite"):
        save_head(tmp_path / "a.safetensors", head, record)
    assert list(tmp_path.iterdir()) == []


def test_files_with_other_tensors_are_refused(tmp_path: Path, head: Head, record: HeadRecord) -> None:
    path = tmp_path / "a.safetensors"
    good = {name: tensor.detach().half() for name, tensor in head.state_dict().items()}
    header = {"format": "napari-hydrapicker head", "record": record.model_dump_json()}
    name = "output.bias"
    cases = [
        ({k: v for k, v in good.items() if k != name}, "lacks"),
        ({**good, name: torch.zeros(4).half()}, "of shape"),
        ({**good, name: torch.zeros(3).double()}, "float64"),
        ({**good, name: torch.full((3,), torch.nan).half()}, "NaN"),
    ]
    for tensors, message in cases:
        container.write(path, tensors, header)
        with pytest.raises(WeightsError, match=message):
            load_head(path)
