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
    path: Path, model: nn.Module, optimiser: torch.optim.Optimizer | None, progress: dict[str, Any]
) -> None:
    """Write a checkpoint, without an optimiser if it is not to be gone on from.

    An older one at `path` stays until the new one is complete.

    Raises
    ------
    WeightsError
        If it cannot be written.
    """
    tensors = {f"model.{k}": v.detach().contiguous() for k, v in model.state_dict().items()}
    for i, state in optimiser.state_dict()["state"].items() if optimiser else ():
        tensors.update({f"optimiser.{i}.{k}": torch.as_tensor(v).contiguous() for k, v in state.items()})
    part = path.with_suffix(".part")
    try:
        save_file(tensors, part, {"kind": _KIND, "progress": json.dumps(progress)})
        os.replace(part, path)
    except (SafetensorError, OSError) as error:
        part.unlink(missing_ok=True)  # on a full disk it would be in the way of its successor
        raise WeightsError(
            f"{path}: the checkpoint cannot be written ({error}); make room, then the same command goes on "
            "from the one before"
        ) from error


def read_progress(path: Path) -> dict[str, Any]:
    """Progress written in a checkpoint, without reading its tensors.

    Raises
    ------
    WeightsError
        If the file is not a checkpoint of this program.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return _progress(path, file.metadata())
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise WeightsError(f"{path}: cannot go on from this checkpoint ({error}); start anew") from error


def load_checkpoint(
    path: Path, model: nn.Module, optimiser: torch.optim.Optimizer | None = None
) -> dict[str, Any]:
    """Restore a checkpoint into `model` and, if given, `optimiser`; returns the progress.

    Raises
    ------
    WeightsError
        If the file is not a checkpoint of this program or of another network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            progress = _progress(path, file.metadata())
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        model.load_state_dict(_under("model.", tensors))
        if optimiser:
            state: dict[int, dict[str, Tensor]] = {}
            for key, tensor in _under("optimiser.", tensors).items():
                index, name = key.split(".", 1)
                state.setdefault(int(index), {})[name] = tensor
            optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
    except (SafetensorError, OSError, RuntimeError, ValueError, KeyError) as error:
        raise WeightsError(f"{path}: cannot go on from this checkpoint ({error}); start anew") from error
    return progress


def _progress(path: Path, metadata: dict[str, str] | None) -> dict[str, Any]:
    if not metadata or metadata.get("kind") != _KIND:
        raise WeightsError(f"{path}: not a training checkpoint of this version; start a new training")
    progress: dict[str, Any] = json.loads(metadata["progress"])
    return progress


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
