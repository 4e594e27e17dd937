"""A head as its difference from the generic one. How fine it must be is measured in the score of picks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from napari_hydrapicker.hydra.head import Head
from napari_hydrapicker.hydra.low_rank import LEFT, RIGHT, Layer, restored

SCORE_TOLERANCE = 1e-3  # largest change of any cell's score
_FINER = 0.7  # each try keeps singular values down to this part of the last try's least
_TRIES = 40
_TRIES_IN_BYTES = 4
_FEW = 8  # layers of so few outputs are kept whole: scores say nothing of the offsets, in the last one
_WORTH = 0.5  # a difference larger than this part of the head is not worth having


def smallest_difference(
    head: Head,
    generic: Head,
    features: Sequence[Tensor],
    score: Callable[[Tensor], Tensor],
    tolerance: float = SCORE_TOLERANCE,
) -> dict[str, Tensor] | None:
    """Tensors of which `low_rank.restored` makes the head again, up to a change in score.

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
        Biases, norms and the last layer whole, in half precision; of other weights ``name.left``
        (out, rank) and ``name.right`` (rank, in). None where the head differs too much for that to save half
        its size.
    """
    ours = {name: tensor.detach() for name, tensor in head.state_dict().items()}
    theirs = {name: tensor.detach().half() for name, tensor in generic.state_dict().items()}
    layers = {
        name: Layer.of((ours[name] - theirs[name].float()).flatten(1))
        for name in ours
        if ours[name].ndim > 1 and len(ours[name]) > _FEW
    }
    wanted = _scores(_with(head, ours), features, score)

    def is_close(tensors: Mapping[str, Tensor]) -> bool:
        again = _scores(_with(head, restored(tensors, theirs)), features, score)
        changes = (one - other for one, other in zip(wanted, again, strict=True))
        return all(bool(change.abs().max() <= tolerance) for change in changes)

    least = max(float(layer.values.max()) for layer in layers.values())
    found, size = None, int(_WORTH * _size(ours))
    # Bytes in place of half precision, if no more than a few singular values have to be added for that.
    for precision, tries in ((torch.float16, _TRIES), (torch.int8, _TRIES_IN_BYTES)):
        for _ in range(tries):
            tensors = _factors(ours, layers, least, precision)
            if _size(tensors) > size:
                break
            if is_close(tensors):
                found, size = tensors, _size(tensors)
                break
            least *= _FINER
    return found


def _factors(
    ours: Mapping[str, Tensor], layers: Mapping[str, Layer], least: float, precision: torch.dtype
) -> dict[str, Tensor]:
    """The tensors of a difference of which singular values above `least` are kept."""
    tensors = {name: tensor.half() for name, tensor in ours.items() if name not in layers}
    for name, layer in layers.items():
        tensors[name + LEFT], tensors[name + RIGHT] = layer.above(least, precision)
    return tensors


def _size(tensors: Mapping[str, Tensor]) -> int:
    """Bytes on disk, where nothing takes more than half precision."""
    return sum(tensor.numel() * min(tensor.element_size(), 2) for tensor in tensors.values())


def _with(head: Head, tensors: Mapping[str, Tensor]) -> Head:
    made = copy.deepcopy(head)
    made.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    return made.eval()


@torch.inference_mode()
def _scores(head: Head, features: Sequence[Tensor], score: Callable[[Tensor], Tensor]) -> list[Tensor]:
    return [score(head.dense(one)[:, 0]) for one in features]
