"""The network's dense answer in bfloat16 on the CPU, with fewer multiplications and passes over memory.

It computes what `HydraPicker.forward` does (batch of one, ``dense=True``, evaluation mode), rearranged:
convolutions by minimal filtering (`row_filtering`, `minimal_filtering`), the stem's two as one,
normalisation, shortcut and rectification in one go (`cpu_layers`), all in strips of rows and in memory that
is reused (`rows`).
"""

from __future__ import annotations

from threading import Lock
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_hydrapicker.hydra.body import ResidualBlock
from napari_hydrapicker.hydra.cpu_layers import Block, DenseStage, Norm, Stage, Stem
from napari_hydrapicker.hydra.head import OUTPUTS
from napari_hydrapicker.hydra.model import HydraPicker
from napari_hydrapicker.hydra.rows import Buffers, Rows, keep_freed_strips, to_half

_KEPT_BYTES = 512 * 2**20  # of buffers kept for the next micrograph: up to about 1300 x 1300 working pixels


class CpuInference:
    """One head of a network, its weights converted once.

    Later changes of the network's weights are not seen.

    Parameters
    ----------
    model
        In evaluation mode, on the CPU.
    head
        Which head answers.
    """

    @torch.inference_mode()
    def __init__(self, model: HydraPicker, head: str) -> None:
        keep_freed_strips()
        body, chosen = model.body, model.head(head)
        self._lock, self._buffers = Lock(), Buffers()
        self._channels = model.architecture.channels
        self._stem = Stem(body.stem)
        self._stem_norm = Norm(body.stem[2])
        self._blocks = [Block(cast(ResidualBlock, block)) for block in body.blocks.children()]
        self._first, *self._early = [Stage(cast(nn.Sequential, stage)) for stage in chosen.early.children()]
        self._last = DenseStage(chosen.last)
        self._output = to_half(chosen.output.weight), to_half(cast(Tensor, chosen.output.bias))

    @staticmethod
    def takes(shape: tuple[int, ...]) -> bool:
        """Whether images of this shape can be answered: sides of multiples of 16, at least 32."""
        return all(side % 16 == 0 and side >= 32 for side in shape)

    @torch.inference_mode()
    def __call__(self, image: Tensor) -> Tensor:
        """Raw answers ``(1, 3, H/8, W/8)`` float32 for an image ``(H, W)``, sides multiples of 16."""
        with self._lock:  # the buffers serve one micrograph at a time
            try:
                return self._answer(to_half(image))
            finally:  # where memory ran out, too: smaller tiles come next
                if self._buffers.bytes() > _KEPT_BYTES:
                    self._buffers.clear()

    def _answer(self, image: Tensor) -> Tensor:
        features, inner = self._rows("features", image.shape), self._rows("inner", image.shape)
        self._stem(image, features)
        self._stem_norm.apply_relu(features)
        for block in self._blocks:
            block(features, inner)
        maps = self._first.in_strips(features, self._buffers)
        for stage in self._early:
            maps = stage(maps)
        return self._dense(maps)

    def _rows(self, name: str, image_shape: tuple[int, ...]) -> Rows:
        return Rows(self._buffers.take(name, (image_shape[0] + 2, image_shape[1], self._channels)))

    def _dense(self, features8: Tensor) -> Tensor:
        raw = torch.empty((1, OUTPUTS, *features8.shape[2:]))
        for row, column, maps in self._last.grids(features8):
            raw[..., row::2, column::2] = functional.conv2d(maps, *self._output, padding=1)
        return raw
