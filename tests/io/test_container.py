"""A safetensors file with a format name and a checksum."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch

from napari_hydrapicker.errors import WeightsError
from napari_hydrapicker.io import safetensors as container

TENSORS = {"b": torch.arange(6.0).view(2, 3), "a": torch.ones(4, dtype=torch.float16)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "net.safetensors"
    container.write(path, TENSORS, {"format": "ours", "text": "ä"})
    return path


def test_round_trip(path: Path) -> None:
    header, tensors = container.read(path, "ours")
    assert header["text"] == "ä"
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)
    assert container.read_header(path, "ours") == header


def test_others_can_read_it(path: Path) -> None:
    assert safetensors.torch.load_file(path).keys() == TENSORS.keys()


def test_the_same_content_makes_the_same_file(path: Path) -> None:
    before = path.read_bytes()
    for _ in range(4):
        container.write(path, dict(reversed(TENSORS.items())), {"text": "ä", "format": "ours"})
        assert path.read_bytes() == before


def test_the_header_alone_is_read_without_the_tensors(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert container.read_header(path, "ours")["text"] == "ä"
    with pytest.raises(WeightsError, match=r"net\.safetensors: damaged: .*checksum"):
        container.read(path, "ours")


def test_zeroed_tensors_are_noticed(path: Path) -> None:
    size = sum(tensor.nbytes for tensor in TENSORS.values())
    path.write_bytes(path.read_bytes()[:-size] + bytes(size))
    with pytest.raises(WeightsError, match="damaged"):
        container.read(path, "ours")


def test_another_format_is_refused(path: Path, tmp_path: Path) -> None:
    for read in (container.read, container.read_header):
        with pytest.raises(WeightsError, match="a file of another program, not theirs"):
            read(path, "theirs")
    bare = tmp_path / "bare.safetensors"
    safetensors.torch.save_file(TENSORS, bare)
    with pytest.raises(WeightsError, match="a file of another program, not ours"):
        container.read(bare, "ours")


def test_what_is_no_safetensors_file(tmp_path: Path) -> None:
    text = tmp_path / "a.safetensors"
    text.write_text("no network at all")
    with pytest.raises(WeightsError, match="not a safetensors file, or damaged"):
        container.read(text, "ours")
    with pytest.raises(WeightsError, match="cannot be read"):
        container.read(tmp_path / "missing.safetensors", "ours")
    with pytest.raises(WeightsError, match=r"cannot be read \(it is a folder\)"):
        container.read(tmp_path, "ours")


def test_a_failed_write_keeps_the_file_before_and_leaves_no_other(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def full_disk(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(container.os, "replace", full_disk)
    with pytest.raises(WeightsError, match=r"cannot be written \(No space left on device\)"):
        container.write(path, {"c": torch.zeros(3)}, {"format": "ours"})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_an_interrupted_write_leaves_no_other_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def interrupted(source: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(container.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        container.write(path, {"c": torch.zeros(3)}, {"format": "ours"})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
