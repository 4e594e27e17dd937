"""A body's weights as their difference from another's, in whole steps of one byte.

Unlike matrices of low rank, which are sums, steps make exactly the same weights on every computer. That
matters for the body: kept heads know theirs by its hash.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

STEPS, SCALE = ".steps", ".scale"
_MOST = 127
_LEAST_EXPONENT = -24  # of a power of two in half precision


def body_steps(body: Mapping[str, Tensor], base: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A body's tensors as steps from those of another.

    Parameters
    ----------
    body, base
        Tensors by name; the base's in half precision, as in its file.

    Returns
    -------
    dict
        For every tensor ``name.steps`` (bytes) and ``name.scale`` (shape (1,), a power of two). The largest
        change of a tensor takes 64 to 127 steps.
    """
    made = {}
    for name, tensor in body.items():
        change = tensor.detach().float() - base[name].float()
        largest = float(change.abs().max())
        exponent = math.ceil(math.log2(largest / _MOST)) if largest else 0
        scale = 2.0 ** max(exponent, _LEAST_EXPONENT)
        made[name + SCALE] = torch.tensor([scale]).half()
        made[name + STEPS] = (change / scale).round().to(torch.int8).contiguous()
    return made


def body_from_steps(tensors: Mapping[str, Tensor], base: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Make a body's tensors again, in half precision.

    Parameters
    ----------
    tensors
        Of `body_steps`, or of a file that claims so.
    base
        The other body's.

    Raises
    ------
    ValueError
        If the steps do not fit the base.
    """
    unknown = tensors.keys() - {name + suffix for name in base for suffix in (STEPS, SCALE)}
    if unknown:
        raise ValueError(f"it has the unknown tensor '{min(unknown)}' of the body")
    made = {}
    for name, whole in base.items():
        steps, scale = tensors.get(name + STEPS), tensors.get(name + SCALE)
        if steps is None or scale is None or not _fit(whole, steps, scale):
            raise ValueError(f"the steps of '{name}' do not make up that layer")
        # Bytes times a power of two are exact in single precision, and so is what half rounds.
        made[name] = (whole.float() + steps.float() * scale.float()).half()
    return made


def _fit(whole: Tensor, steps: Tensor, scale: Tensor) -> bool:
    types = steps.dtype == torch.int8 and scale.dtype == torch.float16
    return types and steps.shape == whole.shape and scale.shape == (1,)
