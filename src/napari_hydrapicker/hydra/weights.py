"""Networks and heads on disk: one safetensors file each, float16, with all that is needed to use it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.hydra.bundled import bundled_path
from napari_hydrapicker.hydra.head_record import HEAD_FORMAT, HeadRecord, parse_record
from napari_hydrapicker.hydra.layers import Head
from napari_hydrapicker.hydra.metadata import FORMAT, FORMAT_VERSION, Metadata
from napari_hydrapicker.hydra.network import GENERIC, Architecture, HydraPicker
from napari_hydrapicker.io import safetensors as container
from napari_hydrapicker.io.safetensors import GET_ANOTHER, parse, reason

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


def save_head(path: Path, head: Head, record: HeadRecord) -> None:
    """Write a head; an existing file is replaced only once the new one is whole.

    Raises
    ------
    WeightsError
        If the head holds values that float16 cannot, or the file cannot be written.
    """
    tensors = {name: stored(tensor) for name, tensor in head.state_dict().items()}
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise WeightsError(f"{path}: not written, since the head is not finite in float16. Train it again.")
    container.write(path, tensors, {"format": HEAD_FORMAT, "record": record.model_dump_json()})


def load_head(path: Path) -> tuple[Head, HeadRecord]:
    """Read a head, on the CPU, in float32 and in evaluation mode.

    Raises
    ------
    WeightsError
        If the file is none of ours, is damaged, or comes from a newer version.
    """
    header, tensors = container.read(path, HEAD_FORMAT)
    record = parse_record(path, header)
    with torch.device("meta"):  # shapes without storage: a strange file cannot ask for memory
        head = _architecture(path, record).make_head()
    container.check(path, tensors, head)
    head.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, assign=True)
    return head.requires_grad_(False).eval(), record


def _architecture(path: Path, record: HeadRecord) -> Architecture:
    names = ("kind", "channels", "groups", "dropout")
    try:
        return Architecture(**{name: getattr(record, name) for name in names})
    except ValidationError as error:
        raise WeightsError(f"{path}: no such head can be made ({reason(error)}). {GET_ANOTHER}") from error


def attach(model: HydraPicker, head: Head, record: HeadRecord) -> None:
    """Add a head to the network that it was trained on, under its record's name.

    Raises
    ------
    WeightsError
        If it was trained on another body.
    ParameterError
        If the network has a head of that name.
    """
    here = body_hash(model)
    if record.parent != here:
        raise WeightsError(
            f"The head {record.name!r} was trained on another network (body {record.parent[:8]}, this one "
            f"is {here[:8]}): its picks would be nonsense. Choose the network it was trained on, or train it "
            "again from the same corrections."
        )
    device = next(model.parameters()).device
    model.add_head(record.name)
    model.heads[record.name] = head.to(device)
