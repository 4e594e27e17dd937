from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.hydra import weights
from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.hydra.weights import Metadata
from napari_hydrapicker.io import safetensors as container
from napari_hydrapicker.picking.library import bundled_path

SMALL = Architecture(channels=8, groups=4, dropout=0.1)
META = Metadata(
    heads=("generic", "ribosome"),
    calibration={"generic": (0.8, -0.25), "ribosome": (1.5, 0.125)},
    thresholds={"generic": 0.3},
    preprocessing={"whiten": True, "highpass": 0.01},
    training={"sets": ["a", "b"], "steps": 3},
)


@pytest.fixture(scope="module")
def model() -> HydraPicker:
    torch.manual_seed(5)
    model = HydraPicker(SMALL)
    model.add_head("ribosome")
    with torch.no_grad():
        model.head("ribosome").output.bias += 0.5
    return model


@pytest.fixture(scope="module")
def saved(model: HydraPicker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "net.safetensors"
    weights.save(model, path, META)
    return path


@pytest.fixture
def copied(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(saved, tmp_path / "copy.safetensors"))


def test_round_trip(model: HydraPicker, saved: Path) -> None:
    loaded, meta = weights.load(saved)
    assert meta == META.model_copy(update={"architecture": SMALL})
    assert weights.read_metadata(saved) == meta
    assert loaded.architecture == SMALL
    assert loaded.head_names == ("generic", "ribosome")
    assert not loaded.training
    before, after = model.state_dict(), loaded.state_dict()
    assert before.keys() == after.keys()
    for name, tensor in after.items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, before[name].half().float()), name
    assert all(p.requires_grad for p in loaded.parameters())


def test_a_second_round_trip_changes_nothing(saved: Path, tmp_path: Path) -> None:
    loaded, meta = weights.load(saved)
    again = tmp_path / "again.safetensors"
    weights.save(loaded.to(memory_format=torch.channels_last), again, meta)
    # The header names the tensors' checksum, so equal headers mean equal tensors.
    read = container.read_header
    assert read(again, "napari-hydrapicker") == read(saved, "napari-hydrapicker")
    assert [path.name for path in tmp_path.iterdir()] == ["again.safetensors"]


def test_is_half_precision_on_disk(model: HydraPicker, saved: Path) -> None:
    parameters = sum(p.numel() for p in model.parameters())
    assert 2 * parameters < saved.stat().st_size < 2 * parameters + 20_000


def test_keeps_only_the_heads_asked_for(saved: Path) -> None:
    loaded, meta = weights.load(saved, heads=[])
    assert loaded.head_names == meta.heads == ("generic",)
    assert meta.calibration == {"generic": (0.8, -0.25)}
    loaded, meta = weights.load(saved, heads=["ribosome"])
    assert loaded.head_names == meta.heads == ("generic", "ribosome")
    with pytest.raises(ParameterError, match=r"'virus'.*generic, ribosome"):
        weights.load(saved, heads=["virus"])


def test_heads_in_the_file_are_those_of_the_model(model: HydraPicker, tmp_path: Path) -> None:
    written = weights.save(model, tmp_path / "a.safetensors", Metadata())
    assert written.heads == ("generic", "ribosome")
    meta = Metadata(heads=("generic", "virus"), thresholds={"virus": 0.5})
    with pytest.raises(ParameterError, match="virus"):
        weights.save(model, tmp_path / "b.safetensors", meta)
    assert not (tmp_path / "b.safetensors").exists()


def test_diverged_networks_are_not_written(copied: Path) -> None:
    before = copied.read_bytes()
    model = HydraPicker(SMALL)
    with torch.no_grad():
        model.body.stem[0].weight[0] = 1e6  # infinite in float16
    with pytest.raises(WeightsError, match=r"copy\.safetensors.*body\.stem\.0\.weight.*diverged"):
        weights.save(model, copied, Metadata())
    assert copied.read_bytes() == before


def test_a_folder_that_is_not_there(model: HydraPicker, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"cannot be written"):
        weights.save(model, tmp_path / "missing" / "a.safetensors", Metadata())


def test_body_hash_knows_the_body_alone(model: HydraPicker, saved: Path) -> None:
    loaded, _ = weights.load(saved)
    first = weights.body_hash(model)
    assert len(first) == 64
    assert weights.body_hash(loaded) == first
    with torch.no_grad():
        loaded.head("ribosome").output.bias += 1
        assert weights.body_hash(loaded) == first
        loaded.head("generic").output.bias += 1
        assert weights.body_hash(loaded) == first
        loaded.body.stem[0].weight[0, 0, 0, 0] += 1
        assert weights.body_hash(loaded) != first


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a safetensors file"),
        (b"PK\x03\x04" + b"\0" * 500, "not a safetensors file"),
        (b"\xff" * 4096, "not a safetensors file"),
        (safetensors.torch.save({"a": torch.zeros(3)}), "not a network of HydraPicker"),
        (safetensors.torch.save({}, {"format": "napari-hydrapicker", "sha256": "0"}), "checksum"),
    ],
)
def test_files_that_are_not_ours(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=rf"other\.safetensors: .*{message}"):
        weights.load(path)


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.safetensors: cannot be read"):
        weights.load(tmp_path / "none.safetensors")
    with pytest.raises(WeightsError, match="Check the path"):
        weights.load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.safetensors"
    os.mkfifo(pipe)
    with pytest.raises(WeightsError, match="not a regular file"):
        weights.load(pipe)


def test_truncated_files(copied: Path) -> None:
    content = copied.read_bytes()
    for length in (4, 8, 100, 3000, len(content) // 2, len(content) - 1):
        copied.write_bytes(content[:length])
        with pytest.raises(WeightsError, match=r"copy\.safetensors"):
            weights.load(copied)


def test_one_changed_bit_of_a_tensor_is_noticed(copied: Path) -> None:
    content = bytearray(copied.read_bytes())
    content[-1000] ^= 1
    copied.write_bytes(content)
    with pytest.raises(WeightsError, match="checksum"):
        weights.load(copied)


Tensors = dict[str, Tensor]
BIAS = "heads.generic.output.bias"


def without_bias(tensors: Tensors) -> None:
    del tensors[BIAS]


def with_another(tensors: Tensors) -> None:
    tensors["heads.virus.output.bias"] = torch.zeros(3).half()


def with_four_outputs(tensors: Tensors) -> None:
    tensors[BIAS] = torch.zeros(4).half()


def in_double(tensors: Tensors) -> None:
    tensors[BIAS] = torch.zeros(3).double()


def with_nan(tensors: Tensors) -> None:
    tensors[BIAS] = torch.tensor([0.0, float("nan"), 0.0]).half()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_bias, rf"lacks tensor '{BIAS}'"),
        (with_another, "unknown tensor 'heads.virus.output.bias'"),
        (with_four_outputs, r"shape \(4,\)"),
        (in_double, "float64"),
        (with_nan, "NaN or infinity"),
    ],
)
def test_wrong_tensors(copied: Path, change: Callable[[Tensors], None], message: str) -> None:
    header, tensors = container.read(copied, "napari-hydrapicker")
    change(tensors)
    container.write(copied, tensors, header)
    with pytest.raises(WeightsError, match=rf"copy\.safetensors: .*{message}"):
        weights.load(copied)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format_version", 6, "newer version.*Update"),
        ("format_version", 0, "description is invalid: format_version"),
        ("diameter_wpx", 30, "diameter_wpx"),
        ("heads", ["ribosome"], "generic"),
        ("heads", ["generic", "generic"], "each name once"),
        ("heads", ["generic", "../etc"], "cannot be the name"),
        ("calibration", {"virus": [1, 0]}, "virus"),
        ("calibration", {"generic": [-1, 0]}, "slope"),
        ("thresholds", {"generic": 1.5}, "between 0 and 1"),
        ("architecture", {"kind": "compact", "channels": 8, "groups": 1}, "since format 4"),
        ("architecture", {"kind": "other"}, "kind"),
        ("architecture", {"channels": 10**9}, "channels"),
        ("unheard_of", 1, "unheard_of"),
    ],
)
def test_wrong_descriptions(copied: Path, key: str, value: object, message: str) -> None:
    header, tensors = container.read(copied, "napari-hydrapicker")
    description = {**json.loads(header["metadata"]), key: value}
    container.write(copied, tensors, {**header, "metadata": json.dumps(description)})
    for read in (weights.load, weights.read_metadata):
        with pytest.raises(WeightsError, match=rf"copy\.safetensors: .*{message}"):
            read(copied)


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 10_000])
def test_descriptions_that_are_no_description(copied: Path, text: str) -> None:
    header, tensors = container.read(copied, "napari-hydrapicker")
    container.write(copied, tensors, {**header, "metadata": text})
    with pytest.raises(WeightsError, match="description"):
        weights.load(copied)


def test_a_hundred_mutated_headers_are_refused_or_load_cleanly(copied: Path, model: HydraPicker) -> None:
    content = copied.read_bytes()
    header_end = 8 + int.from_bytes(content[:8], "little")
    chance = random.Random(12)
    clean = 0
    with copied.open("r+b", buffering=0) as file:
        for _ in range(100):
            place = chance.randrange(header_end)
            file.seek(place)
            file.write(bytes([chance.randrange(256)]))
            with contextlib.suppress(WeightsError):  # any other error fails the test
                loaded, _ = weights.load(copied)
                assert torch.equal(loaded.body.stem[1].weight, model.body.stem[1].weight.half().float())
                clean += 1
            file.seek(place)
            file.write(content[place : place + 1])
    assert 0 < clean < 50


@pytest.mark.parametrize(("blocks", "version"), [((1, 3, 2), 4), ((1, 5, 3), 5)])
def test_a_compact_network_comes_back_the_same(
    tmp_path: Path, blocks: tuple[int, int, int], version: int
) -> None:
    torch.manual_seed(2)
    made = HydraPicker(Architecture.compact(8, blocks=blocks))
    made.add_head("mine")
    path = tmp_path / "compact.safetensors"
    written = weights.save(made.eval(), path, Metadata())
    assert (written.format_version, written.architecture.kind) == (version, "compact")
    loaded, about = weights.load(path)
    assert about == written
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, made.state_dict()[name].half().float()), name


def test_the_bundled_network_can_be_loaded() -> None:
    model, meta = weights.load(bundled_path())
    assert meta.architecture.kind == "compact"
    assert model.head_names[0] == "generic"
    assert meta.calibration.keys() == meta.thresholds.keys() == set(meta.heads)
    assert meta.training["simulated"]
    assert bundled_path().stat().st_size < 12_000_000
