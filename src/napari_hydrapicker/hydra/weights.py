"""Networks on disk: one safetensors file, float16, whose metadata says all that is needed to use it.

Nothing in such a file is ever executed. What is not ours or not whole is refused before a tensor is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor

from napari_hydrapicker.description import parse, reason
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra import container
from napari_hydrapicker.hydra.bundled import bundled_path
from napari_hydrapicker.hydra.container import GET_ANOTHER
from napari_hydrapicker.hydra.metadata import FORMAT, FORMAT_VERSION, Metadata
from napari_hydrapicker.hydra.model import GENERIC, HydraPicker

__all__ = ["Metadata", "body_hash", "bundled_path", "load", "read_metadata", "save"]


def body_hash(model: HydraPicker) -> str:
    """Identity of the body that a head was made for: SHA-256 of its weights.

    Taken over the float16 values, so that it is the same before saving and after loading.
    """
    digest = hashlib.sha256()
    for name, tensor in model.body.named_parameters():
        digest.update(name.encode())
        digest.update(stored(tensor).numpy().tobytes())
    return digest.hexdigest()


def save(model: HydraPicker, path: Path, meta: Metadata) -> Metadata:
    """Write a network with all its heads; an existing file is replaced only once the new one is whole.

    Parameters
    ----------
    model
        The network.
    path
        File to write.
    meta
        What to say about it. Its list of heads and its architecture are taken from `model`.

    Returns
    -------
    Metadata
        What was written.

    Raises
    ------
    WeightsError
        If the network holds values that float16 cannot, or the file cannot be written.
    ParameterError
        If `meta` speaks of heads that the network does not have.
    """
    meta = _described(model, meta)
    tensors = {name: stored(tensor) for name, tensor in model.state_dict().items()}
    container.check_finite(path, tensors, "network")
    container.write(path, tensors, {"format": FORMAT, "metadata": meta.model_dump_json()})
    return meta


def read_metadata(path: Path) -> Metadata:
    """What a network file says about itself, without reading its tensors.

    Raises
    ------
    WeightsError
        If the file is not one of ours or is damaged.
    """
    return _parse(path, container.read_header(path, FORMAT))


def load(path: Path, heads: Sequence[str] | None = None) -> tuple[HydraPicker, Metadata]:
    """Read a network, on the CPU, in float32 and in evaluation mode.

    Parameters
    ----------
    path
        A file written by `save`.
    heads
        Which heads to keep beside the generic one; all by default.

    Returns
    -------
    model, metadata
        The metadata speak of the heads that were kept.

    Raises
    ------
    WeightsError
        If the file is not one of ours, is damaged, or comes from a newer version.
    ParameterError
        If it has no such head.
    """
    header, tensors = container.read(path, FORMAT)
    meta = _parse(path, header)
    wanted = _wanted(path, meta, heads)
    unwanted = tuple(f"heads.{name}." for name in meta.heads if name not in wanted)
    tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith(unwanted)}
    meta = meta.only(wanted)
    model = _empty_model(meta)
    container.check(path, tensors, model)
    # Assigning replaces the shapes without storage by the tensors of the file.
    model.load_state_dict({name: tensors[name].float() for name in model.state_dict()}, assign=True)
    return model.eval(), _described(model, meta)


def stored(tensor: Tensor) -> Tensor:
    """Return a tensor as it is written to a file."""
    return tensor.detach().to("cpu", torch.float16).contiguous()


def _described(model: HydraPicker, meta: Metadata) -> Metadata:
    made = model.architecture
    version = 1 if made.kind == "thesis" else FORMAT_VERSION
    facts = {"heads": model.head_names, "architecture": made, "format_version": version}
    try:
        return Metadata.model_validate({**dict(meta), **facts})
    except ValidationError as error:
        raise ParameterError(f"The description does not fit the network: {reason(error)}.") from error


def _parse(path: Path, header: dict[str, str]) -> Metadata:
    text = header.get("metadata", "")
    return parse(path, text, Metadata, FORMAT_VERSION, ("format", "description"), GET_ANOTHER)


def _wanted(path: Path, meta: Metadata, heads: Sequence[str] | None) -> tuple[str, ...]:
    if heads is None:
        return meta.heads
    unknown = [name for name in heads if name not in meta.heads]
    if unknown:
        known = ", ".join(meta.heads)
        raise ParameterError(f"{path}: there is no head called {unknown[0]!r}. Choose one of: {known}.")
    return tuple(name for name in meta.heads if name == GENERIC or name in heads)


def _empty_model(meta: Metadata) -> HydraPicker:
    """A network with shapes but no storage, so that a strange file cannot ask for memory."""
    with torch.device("meta"):
        model = HydraPicker(meta.architecture)
        for name in meta.heads:
            if name != GENERIC:
                model.add_head(name)
    return model
