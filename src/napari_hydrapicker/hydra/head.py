"""A detector head: from the body's features to one logit and one offset a cell (thesis, Fig. 3.2)."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from napari_hydrapicker.hydra.initial import initialise

STAGE_CHANNELS = (128, 256, 512, 1024)
CLASS_BIAS = -4.0  # before any training a cell is background with probability 0.98
OUTPUTS = 3  # logit, raw offset along rows, raw offset along columns
OUTPUT_STD = 1e-3  # over 9216 inputs: raw offsets start near 0, where tanh has its full slope


def _stage(in_channels: int, out_channels: int, groups: int, dropout: float) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=2, padding=1)
    initialise(conv.weight)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return nn.Sequential(conv, nn.ReLU(inplace=True), nn.GroupNorm(groups, out_channels), nn.Dropout(dropout))


def output_conv(in_channels: int) -> nn.Conv2d:
    """Return the last convolution of a head, whose answer is "background" and "here" before any training."""
    conv = nn.Conv2d(in_channels, OUTPUTS, kernel_size=3, padding=1)
    initialise(conv.weight, OUTPUT_STD)
    with torch.no_grad():
        conv.bias.copy_(torch.tensor([CLASS_BIAS, 0.0, 0.0]))  # type: ignore[union-attr]
    return conv


class Head(nn.Module, ABC):
    """What every head is: a module whose answer has one cell for each 8 x 8 working pixels.

    `output` is its last convolution, with the channels logit, row offset, column offset.
    """

    output: nn.Conv2d

    @abstractmethod
    def dense(self, features: Tensor) -> Tensor:
        """Map the body's features of images ``(B, 1, H, W)`` to raw answers ``(B, 3, H/8, W/8)``."""

    def forward(self, features: Tensor) -> Tensor:
        """As `dense`."""
        return self.dense(features)


class ThesisHead(Head):
    """Four halvings of the resolution and a 3x3 convolution to three maps (thesis, section 3.1).

    Every output is ``(B, 3, h, w)``: the logit of "a particle is here" and the raw offsets (rows,
    columns) that `anchors.decode` turns into centres. GroupNorm comes after the rectification, as in
    the thesis.

    Parameters
    ----------
    in_channels
        Channels of the body's features.
    groups
        Groups of every GroupNorm; a divisor of 128.
    dropout
        Probability of zeroing an activation in training.
    """

    def __init__(self, in_channels: int = 64, groups: int = 32, dropout: float = 0.3) -> None:
        super().__init__()
        widths = (in_channels, *STAGE_CHANNELS)
        self.early = nn.Sequential(*(_stage(widths[i], widths[i + 1], groups, dropout) for i in range(3)))
        self.last = _stage(widths[3], widths[4], groups, dropout)
        self.output = output_conv(widths[4])

    def stages(self, features: Tensor) -> Tensor:
        """First three stages: ``(B, C, H, W)`` -> ``(B, 512, H/8, W/8)``, sizes rounded up."""
        features8: Tensor = self.early(features)
        return features8

    def tail(self, features8: Tensor) -> Tensor:
        """Fourth stage and output: ``(B, 512, h8, w8)`` -> ``(B, 3, h8/2, w8/2)``, rounded up."""
        raw: Tensor = self.output(self.last(features8))
        return raw

    def coarse(self, features: Tensor) -> Tensor:
        """One answer a 16x16 cell: ``(B, C, H, W)`` -> ``(B, 3, H/16, W/16)``, sizes rounded up."""
        return self.tail(self.stages(features))

    def dense(self, features: Tensor) -> Tensor:
        """Answers of the four grids shifted by half a cell, interleaved: ``(B, 3, H/8, W/8)``.

        Shifting the features by 8 pixels shifts the stride-8 maps by exactly one sample, so the four
        grids share the first three stages and only the last stage runs four times. Cells with even
        row and column are those of `coarse`, bit for bit in evaluation mode.
        """
        features8 = self.stages(features)
        batch, _, rows, columns = features8.shape
        dense = features8.new_empty((batch, OUTPUTS, rows, columns))
        for row in range(min(2, rows)):
            for column in range(min(2, columns)):
                dense[..., row::2, column::2] = self.tail(features8[..., row:, column:])
        return dense
