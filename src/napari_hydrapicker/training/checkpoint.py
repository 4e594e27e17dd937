"""Checkpoints without pickle: network, optimiser and progress in one safetensors file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from napari_hydrapicker.errors import WeightsError

_KIND = "napari-hydrapicker checkpoint 1"


def save_checkpoint(
    path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, progress: dict[str, Any]
) -> None:
    """Write a checkpoint; an older one at `path` stays until the new one is complete."""
    tensors = {f"model.{k}": v.detach().contiguous() for k, v in model.state_dict().items()}
    for i, state in optimiser.state_dict()["state"].items():
        tensors.update({f"optimiser.{i}.{k}": torch.as_tensor(v).contiguous() for k, v in state.items()})
    part = path.with_suffix(".part")
    save_file(tensors, part, {"kind": _KIND, "progress": json.dumps(progress)})
    os.replace(part, path)


def load_checkpoint(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """Restore a checkpoint into `model` and `optimiser`; returns the progress.

    Raises
    ------
    WeightsError
        If the file is not a checkpoint of this program or of another network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        if metadata.get("kind") != _KIND:
            raise WeightsError(f"{path}: not a training checkpoint of this version; start a new training")
        model.load_state_dict(_under("model.", tensors))
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in _under("optimiser.", tensors).items():
            index, name = key.split(".", 1)
            state.setdefault(int(index), {})[name] = tensor
        optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
        progress: dict[str, Any] = json.loads(metadata["progress"])
    except (SafetensorError, OSError, RuntimeError, ValueError, KeyError) as error:
        raise WeightsError(f"{path}: cannot go on from this checkpoint ({error}); start anew") from error
    return progress


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
