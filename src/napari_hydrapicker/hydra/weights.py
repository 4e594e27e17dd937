"""Networks and heads on disk: one safetensors file each, float16, with all that is needed to use it.

Nothing in such a file is ever executed. What is not ours or not whole is refused before a tensor is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.hydra.head_record import FIRST_BLOCKS, HeadRecord, check_head_name, parse_record
from napari_hydrapicker.hydra.layers import Head
from napari_hydrapicker.hydra.network import GENERIC, Architecture, HydraPicker
from napari_hydrapicker.io import safetensors as container
from napari_hydrapicker.io.safetensors import GET_ANOTHER, HEAD, NETWORK, fill_module, reason, stored

FORMAT_VERSION: Final = 5
"""1: the thesis' network; 2 and 3, differences of it, are no longer read; 4: compact; 5: of other depths."""


class Metadata(BaseModel):
    """What must be known to use a network, and where it came from.

    Attributes
    ----------
    architecture
        Sizes of the layers.
    diameter_wpx
        Length of a particle, in pixels of the images that the network takes.
    heads
        Names of the heads, ``generic`` among them.
    calibration
        For each calibrated head ``(a, b)`` of ``probability = sigmoid(a * logit + b)``, ``a > 0``.
    thresholds
        For each head the probability from which on a pick is shown by default.
    preprocessing
        Settings with which images were prepared in training, and must be in picking.
    training
        Provenance: data sets, losses' weights, steps, whatever tells how the network came to be.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: Literal["napari-hydrapicker"] = "napari-hydrapicker"
    format_version: Literal[1, 4, 5] = 1
    architecture: Architecture = Architecture()
    diameter_wpx: Literal[21] = 21
    heads: tuple[str, ...] = Field(default=(GENERIC,), max_length=1000)
    calibration: dict[str, tuple[float, float]] = Field(default_factory=dict)
    thresholds: dict[str, float] = Field(default_factory=dict)
    preprocessing: dict[str, JsonValue] = Field(default_factory=dict)
    training: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if GENERIC not in self.heads or len(set(self.heads)) < len(self.heads):
            raise ValueError(f"heads must hold {GENERIC!r}, and each name once, not {self.heads}")
        for name in self.heads:
            try:
                check_head_name(name)
            except ParameterError as error:
                raise ValueError(str(error)) from error
        unknown = {*self.calibration, *self.thresholds} - set(self.heads)
        if unknown:
            raise ValueError(f"it speaks of heads that are not there: {sorted(unknown)}")
        if self.architecture.kind != "thesis" and self.format_version < 4:
            raise ValueError("the compact architecture: since format 4")
        if self.architecture.blocks != FIRST_BLOCKS and self.format_version < 5:
            raise ValueError("other numbers of residual blocks: since format 5")
        if any(slope <= 0 for slope, _ in self.calibration.values()):
            raise ValueError("the slope of a calibration must be above 0")
        if any(not 0 <= threshold <= 1 for threshold in self.thresholds.values()):
            raise ValueError("thresholds must be between 0 and 1")
        return self

    def only(self, heads: tuple[str, ...]) -> Metadata:
        """The same for a network of which only `heads` are kept."""
        return self.model_copy(
            update={
                "heads": heads,
                "calibration": {k: v for k, v in self.calibration.items() if k in heads},
                "thresholds": {k: v for k, v in self.thresholds.items() if k in heads},
            }
        )

    def with_head(self, record: HeadRecord) -> Metadata:
        """The same for a network with a head added: its images are prepared as the head wants them."""
        return self.model_copy(
            update={
                "heads": (*self.heads, record.name),
                "calibration": {**self.calibration, record.name: record.calibration},
                "thresholds": {**self.thresholds, record.name: record.threshold},
                "preprocessing": record.preprocessing,
            }
        )


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
    header = {"format": NETWORK, "metadata": meta.model_dump_json()}
    container.write_module(path, model, header, "network")
    return meta


def read_metadata(path: Path) -> Metadata:
    """What a network file says about itself, without reading its tensors.

    Raises
    ------
    WeightsError
        If the file is not one of ours or is damaged.
    """
    return _parse(path, container.read_header(path, NETWORK))


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
    header, tensors = container.read(path, NETWORK)
    meta = _parse(path, header)
    wanted = _wanted(path, meta, heads)
    unwanted = tuple(f"heads.{name}." for name in meta.heads if name not in wanted)
    tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith(unwanted)}
    meta = meta.only(wanted)
    model = fill_module(path, tensors, _empty_model(meta))
    return model, _described(model, meta)


def _described(model: HydraPicker, meta: Metadata) -> Metadata:
    made = model.architecture
    version = 5 if made.blocks != FIRST_BLOCKS else 4 if made.kind == "compact" else 1
    facts = {"heads": model.head_names, "architecture": made, "format_version": version}
    try:
        return Metadata.model_validate({**dict(meta), **facts})
    except ValidationError as error:
        raise ParameterError(f"The description does not fit the network: {reason(error)}.") from error


def _parse(path: Path, header: dict[str, str]) -> Metadata:
    text = header.get("metadata", "")
    return container.parse(path, text, Metadata, FORMAT_VERSION, ("format", "description"))


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
    container.write_module(path, head, {"format": HEAD, "record": record.model_dump_json()}, "head")


def load_head(path: Path) -> tuple[Head, HeadRecord]:
    """Read a head, on the CPU, in float32 and in evaluation mode.

    Raises
    ------
    WeightsError
        If the file is none of ours, is damaged, or comes from a newer version.
    """
    header, tensors = container.read(path, HEAD)
    record = parse_record(path, header)
    with torch.device("meta"):  # shapes without storage: a strange file cannot ask for memory
        head = _architecture(path, record).make_head(record.own_body)
    return fill_module(path, tensors, head).requires_grad_(False), record


def _architecture(path: Path, record: HeadRecord) -> Architecture:
    names = ("kind", "channels", "groups", "dropout", "blocks")
    try:
        return Architecture(**{name: getattr(record, name) for name in names})
    except ValidationError as error:
        raise WeightsError(f"{path}: no such head can be made ({reason(error)}). {GET_ANOTHER}") from error


def attach(model: HydraPicker, head: Head, record: HeadRecord) -> None:
    """Add a head to the network that it was trained on, or that is built alike, under its record's name.

    Raises
    ------
    WeightsError
        If it was trained on another body, and has none of its own.
    ParameterError
        If the network has a head of that name.
    """
    here = body_hash(model)
    if not record.own_body and record.parent != here:
        raise WeightsError(
            f"The head {record.name!r} was trained on another network (body {record.parent[:8]}, this one "
            f"is {here[:8]}): its picks would be nonsense. Choose the network it was trained on, or train it "
            "again from the same corrections."
        )
    device = next(model.parameters()).device
    model.add_head(record.name)
    model.heads[record.name] = head.to(device)
