"""A module's weights as their difference from others': matrices of low rank, a few per cent of its size.

Weights that started from the same values differ by what training added, which is well approximated by its
largest singular values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

LEFT, RIGHT = ".left", ".right"
_STEPS = 127  # of the largest number of a row


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer's difference (out, in), and its left singular vectors (out, out) and values (out,)."""

    difference: Tensor
    left: Tensor
    values: Tensor

    @classmethod
    def of(cls, difference: Tensor) -> Layer:
        """Decompose a difference; a layer has many more inputs than outputs."""
        # Ten times faster than a whole decomposition, and exact enough: small values are left out anyway.
        squares, vectors = torch.linalg.eigh(difference @ difference.T)
        return cls(difference, vectors, squares.clamp(min=0).sqrt())

    def above(self, least: float, precision: torch.dtype = torch.float16) -> tuple[Tensor, Tensor]:
        """Factors (out, rank) and (rank, in) of the part whose singular values are above `least`.

        The first, in half precision, holds the scale: in the second 1 is the largest of each row. With
        ``torch.int8`` for `precision` the second, the larger one by far, is in steps of 1/127.
        """
        kept = self.left[:, self.values > least]
        right = kept.T @ self.difference
        largest = right.abs().amax(dim=1)
        right = right / largest[:, None]
        if precision == torch.int8:
            right = (_STEPS * right).round()
        return (kept * largest).half(), right.to(precision)


def restored(tensors: Mapping[str, Tensor], base: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Make a module's tensors again: in half precision where they are stored whole, else in single.

    Parameters
    ----------
    tensors
        Half precision, whole or, as ``name.left`` and ``name.right``, factors of a difference.
    base
        Those that the factors tell the difference from, by the same names.

    Raises
    ------
    ValueError
        If two factors do not make a matrix of the layer's size.
    """
    made = {name: tensor for name, tensor in tensors.items() if not name.endswith((LEFT, RIGHT))}
    for name in sorted({key.removesuffix(LEFT).removesuffix(RIGHT) for key in tensors.keys() - made.keys()}):
        whole, left, right = base.get(name), tensors.get(name + LEFT), tensors.get(name + RIGHT)
        if whole is None or left is None or right is None or not _fit(whole, left, right):
            raise ValueError(f"the factors of '{name}' do not make up that layer")
        scale = 1 / _STEPS if right.dtype == torch.int8 else 1.0
        product = scale * (left.float() @ right.float())
        made[name] = whole.float() + product.reshape(whole.shape)
    return made


def _fit(whole: Tensor, left: Tensor, right: Tensor) -> bool:
    rows, columns = whole.flatten(1).shape if whole.ndim > 1 else (0, 0)
    rank = left.shape[-1] if left.ndim else 0
    types = left.dtype == torch.float16 and right.dtype in (torch.float16, torch.int8)
    return types and left.shape == (rows, rank) and right.shape == (rank, columns)
