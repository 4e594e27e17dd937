"""A head as its difference from the generic one: matrices of low rank, a few per cent of the head's size.

Heads of one network start from the same weights, so that what training added to a layer is well
approximated by its largest singular values. How many are needed is measured in the score of picks.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_hydrapicker.hydra.head import Head

LEFT, RIGHT = ".left", ".right"
SCORE_TOLERANCE = 1e-3  # largest change of any cell's score
_FINER = 0.7  # each try keeps singular values down to this part of the last try's least
_TRIES = 40
_WORTH = 0.5  # a difference larger than this part of the head is not worth having


@dataclass(frozen=True, eq=False)
class _Layer:
    """A layer's difference (out, in), and its left singular vectors (out, out) and values (out,)."""

    difference: Tensor
    left: Tensor
    values: Tensor

    @classmethod
    def of(cls, difference: Tensor) -> _Layer:
        """Decompose a difference; a layer has many more inputs than outputs."""
        # Ten times faster than a whole decomposition, and exact enough: small values are left out anyway.
        squares, vectors = torch.linalg.eigh(difference @ difference.T)
        return cls(difference, vectors, squares.clamp(min=0).sqrt())

    def above(self, least: float) -> tuple[Tensor, Tensor]:
        """Two factors, in half precision, of the part whose singular values are above `least`."""
        kept = self.values > least
        left, root = self.left[:, kept], self.values[kept].sqrt()
        return (left * root).half(), (left.T @ self.difference / root[:, None]).half()


def smallest_difference(
    head: Head,
    generic: Head,
    features: Sequence[Tensor],
    score: Callable[[Tensor], Tensor],
    tolerance: float = SCORE_TOLERANCE,
) -> dict[str, Tensor] | None:
    """Tensors of which `restored` makes the head again, up to a change in score.

    Parameters
    ----------
    head, generic
        In float32, on the CPU.
    features
        Of images, ``(1, C, H, W)`` each, on which scores are compared.
    score
        From logits to scores, as in picking.
    tolerance
        Largest change of the score of any cell of the four shifted grids.

    Returns
    -------
    dict or None
        Half precision; biases and norms whole, of other weights ``name.left`` (out, rank) and
        ``name.right`` (rank, in). None where the head differs too much for that to save half its size.
    """
    ours = {name: tensor.detach() for name, tensor in head.state_dict().items()}
    theirs = {name: tensor.detach().half() for name, tensor in generic.state_dict().items()}
    layers = {
        name: _Layer.of((ours[name] - theirs[name].float()).flatten(1))
        for name in ours
        if ours[name].ndim > 1
    }
    stored_size = sum(tensor.numel() for tensor in ours.values())
    wanted = _scores(_with(head, ours), features, score)
    least = max(float(layer.values.max()) for layer in layers.values())
    for _ in range(_TRIES):
        tensors = {name: tensor.half() for name, tensor in ours.items() if name not in layers}
        for name, layer in layers.items():
            tensors[name + LEFT], tensors[name + RIGHT] = layer.above(least)
        if sum(tensor.numel() for tensor in tensors.values()) > _WORTH * stored_size:
            return None
        again = _scores(_with(head, restored(tensors, theirs)), features, score)
        if all(
            bool((one - other).abs().max() <= tolerance) for one, other in zip(wanted, again, strict=True)
        ):
            return tensors
        least *= _FINER
    return None


def restored(tensors: Mapping[str, Tensor], generic: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Make a head's tensors again: in half precision where they are stored whole, else in single.

    Parameters
    ----------
    tensors
        Of `smallest_difference`, or of a file that claims so.
    generic
        Those of the generic head, by the same names.

    Raises
    ------
    ValueError
        If two factors do not make a matrix of the layer's size.
    """
    made = {name: tensor for name, tensor in tensors.items() if not name.endswith((LEFT, RIGHT))}
    for name in sorted({key.removesuffix(LEFT).removesuffix(RIGHT) for key in tensors.keys() - made.keys()}):
        whole, left, right = generic.get(name), tensors.get(name + LEFT), tensors.get(name + RIGHT)
        if whole is None or left is None or right is None or not _fit(whole, left, right):
            raise ValueError(f"the factors of '{name}' do not make up that layer")
        made[name] = whole.float() + (left.float() @ right.float()).reshape(whole.shape)
    return made


def part(tensors: Mapping[str, Tensor], head: str) -> dict[str, Tensor]:
    """A head's tensors out of a network's, by their names in the head."""
    prefix = _prefix(head)
    return {n.removeprefix(prefix): tensor for n, tensor in tensors.items() if n.startswith(prefix)}


def replaced(tensors: Mapping[str, Tensor], head: str, by: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A network's tensors with all those of a head replaced by others, or taken out."""
    prefix = _prefix(head)
    others = {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}
    return others | {prefix + name: tensor.contiguous() for name, tensor in by.items()}


def _prefix(head: str) -> str:
    return f"heads.{head}."


def _fit(whole: Tensor, left: Tensor, right: Tensor) -> bool:
    rows, columns = whole.flatten(1).shape if whole.ndim > 1 else (0, 0)
    rank = left.shape[-1] if left.ndim else 0
    return left.shape == (rows, rank) and right.shape == (rank, columns)


def _with(head: Head, tensors: Mapping[str, Tensor]) -> Head:
    made = copy.deepcopy(head)
    made.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    return made.eval()


@torch.inference_mode()
def _scores(head: Head, features: Sequence[Tensor], score: Callable[[Tensor], Tensor]) -> list[Tensor]:
    return [score(head.dense(one)[:, 0]) for one in features]
