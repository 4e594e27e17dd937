"""The parts of a network in the names of its tensors."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

BODY = "body."


def head_prefix(head: str) -> str:
    """What the names of a head's tensors begin with."""
    return f"heads.{head}."


def part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Tensors of a part of a network, by their names in it."""
    return {n.removeprefix(prefix): tensor for n, tensor in tensors.items() if n.startswith(prefix)}


def replaced(tensors: Mapping[str, Tensor], prefix: str, by: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A network's tensors with all those of a part replaced by others, or taken out."""
    others = {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}
    return others | {prefix + name: tensor.contiguous() for name, tensor in by.items()}
