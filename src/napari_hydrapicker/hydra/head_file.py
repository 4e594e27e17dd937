"""A head on disk: one safetensors file, float16, with the record of how it came to be.

A head is kept whole, not as a difference: it needs the body that it was trained on, but no other head, so
that its picks stay the same to the bit whatever is trained later.
"""

from __future__ import annotations

from pathlib import Path

import torch
from pydantic import ValidationError

from napari_hydrapicker.description import reason
from napari_hydrapicker.errors import WeightsError
from napari_hydrapicker.heads.reading import parse_record
from napari_hydrapicker.heads.record import HEAD_FORMAT, HeadRecord
from napari_hydrapicker.hydra import container
from napari_hydrapicker.hydra.container import GET_ANOTHER
from napari_hydrapicker.hydra.head import Head
from napari_hydrapicker.hydra.model import Architecture, HydraPicker
from napari_hydrapicker.hydra.weights import body_hash, stored


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
