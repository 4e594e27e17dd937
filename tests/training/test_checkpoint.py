"""Checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from napari_hydrapicker.errors import WeightsError
from napari_hydrapicker.training import checkpoint
from napari_hydrapicker.training.checkpoint import load_checkpoint, read_progress, save_checkpoint


def trained(seed: int, steps: int = 3) -> tuple[torch.nn.Module, torch.optim.Adam]:
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.Flatten(), torch.nn.Linear(3, 2))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        step(model, optimiser)
    return model, optimiser


def step(model: torch.nn.Module, optimiser: torch.optim.Optimizer) -> None:
    optimiser.zero_grad()
    model(torch.linspace(-1, 2, 9).reshape(1, 1, 3, 3)).square().sum().backward()
    optimiser.step()


def test_training_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    model, optimiser = trained(1)
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, model, optimiser, {"step": 3, "name": "ä"})
    other, its_optimiser = trained(2, steps=0)
    assert load_checkpoint(path, other, its_optimiser) == {"step": 3, "name": "ä"}
    for _ in range(2):
        step(model, optimiser)
        step(other, its_optimiser)
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)
    assert [f.name for f in tmp_path.iterdir()] == [path.name]


def test_a_newer_checkpoint_takes_the_place_of_the_older(tmp_path: Path) -> None:
    model, optimiser = trained(1)
    path = tmp_path / "checkpoint.safetensors"
    for number in (1, 2):
        save_checkpoint(path, model, optimiser, {"step": number})
    assert load_checkpoint(path, model, optimiser) == {"step": 2}


def test_a_state_without_an_optimiser(tmp_path: Path) -> None:
    model, _ = trained(1)
    path = tmp_path / "best.safetensors"
    save_checkpoint(path, model, None, {"ap": 0.5})
    assert read_progress(path) == {"ap": 0.5}
    other, optimiser = trained(2)
    kept = optimiser.state_dict()["state"][0]["step"].clone()
    assert load_checkpoint(path, other) == {"ap": 0.5}
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)
    assert optimiser.state_dict()["state"][0]["step"] == kept


@pytest.mark.parametrize("length", [0, 5, 100, -1])
def test_a_file_cut_short_is_refused(tmp_path: Path, length: int) -> None:
    model, optimiser = trained(1)
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, model, optimiser, {"step": 3})
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(WeightsError, match=r"checkpoint\.safetensors"):
        load_checkpoint(path, model, optimiser)
    with pytest.raises(WeightsError, match=r"checkpoint\.safetensors"):
        read_progress(path if length < 100 else tmp_path / "no checkpoint.safetensors")


def test_other_files_are_refused(tmp_path: Path) -> None:
    model, optimiser = trained(1)
    foreign = tmp_path / "foreign.safetensors"
    save_file({"a": torch.ones(2)}, foreign, {"kind": "another"})
    with pytest.raises(WeightsError, match="not a training checkpoint"):
        load_checkpoint(foreign, model, optimiser)
    save_file({"a": torch.ones(2)}, foreign)
    with pytest.raises(WeightsError, match="not a training checkpoint"):
        load_checkpoint(foreign, model, optimiser)
    foreign.write_text("text")
    with pytest.raises(WeightsError, match="start anew"):
        load_checkpoint(foreign, model, optimiser)
    with pytest.raises(WeightsError, match="none"):
        load_checkpoint(tmp_path / "none.safetensors", model, optimiser)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, *trained(1), {"step": 3})
    other = torch.nn.Linear(3, 2)
    with pytest.raises(WeightsError, match="start anew"):
        load_checkpoint(path, other, torch.optim.Adam(other.parameters()))


def test_a_failed_write_keeps_the_checkpoint_before_and_leaves_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, optimiser = trained(1)
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, model, optimiser, {"step": 1})

    def full_disk(tensors: object, part: Path, metadata: object) -> None:
        part.write_bytes(b"half")
        raise SafetensorError("I/O error: No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full_disk)
    with pytest.raises(WeightsError, match=r"checkpoint\.safetensors: .* cannot be written .*No space left"):
        save_checkpoint(path, model, optimiser, {"step": 2})
    assert read_progress(path) == {"step": 1}
    assert list(tmp_path.iterdir()) == [path]
