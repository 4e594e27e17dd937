"""The discriminator: does a marked image belong to its input? (Kong et al., section 2.2.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_hydrapicker.errors import ParameterError

DEFAULT_WIDTH = 16
MIN_SIZE = 32  # sides of the smallest images whose map of answers is not empty
_SLOPE = 0.2


class Discriminator(nn.Module):
    """Five convolutions that judge a marked image together with the input it is said to come from.

    The paper builds on pix2pix: the last layer answers for overlapping patches of the image, and an image's
    answer is the mean of theirs. The first and last layer are not normalised.

    Parameters
    ----------
    width
        Channels of the first layer; the next three have 2, 4 and 8 times as many.

    Raises
    ------
    ParameterError
        If the width is not from 1 to 256.
    """

    def __init__(self, width: int = DEFAULT_WIDTH) -> None:
        super().__init__()
        if not 1 <= width <= 256:
            raise ParameterError(f"a discriminator {width} channels wide: give 1 to 256")
        self.layers = nn.Sequential(
            nn.Conv2d(2, width, 4, 2, 1),
            nn.LeakyReLU(_SLOPE, inplace=True),
            *_layer(width, 2 * width, 2),
            *_layer(2 * width, 4 * width, 2),
            *_layer(4 * width, 8 * width, 1),
            nn.Conv2d(8 * width, 1, 4, 1, 1),
        )

    def forward(self, images: Tensor, marked: Tensor) -> Tensor:
        """Score of each image, from -1 to 1: tanh of its logit. Arguments as for `logit`."""
        return torch.tanh(self.logit(images, marked))

    def logit(self, images: Tensor, marked: Tensor) -> Tensor:
        """What the score is the tanh of; the cross-entropy takes it from here, where nothing is saturated.

        Parameters
        ----------
        images, marked
            Inputs and marked images, ``(B, 1, H, W)`` each, at least `MIN_SIZE` on a side.

        Returns
        -------
        Tensor
            ``(B,)`` float32.

        Raises
        ------
        ParameterError
            If the two differ in shape, or are no batches of large enough single-channel images.
        """
        shape = tuple(images.shape)
        if shape != tuple(marked.shape) or len(shape) != 4 or shape[1] != 1 or min(shape[2:]) < MIN_SIZE:
            raise ParameterError(
                "the discriminator takes two batches of shape (batch, 1, height, width), "
                f"{MIN_SIZE} pixels or more on a side, not {shape} and {tuple(marked.shape)}"
            )
        answers: Tensor = self.layers(torch.cat([images, marked], 1))  # (B, 1, h, w), one for each patch
        return answers.float().mean((1, 2, 3))


def _layer(channels_in: int, channels_out: int, stride: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(channels_in, channels_out, 4, stride, 1, bias=False)
    return convolution, nn.BatchNorm2d(channels_out), nn.LeakyReLU(_SLOPE, inplace=True)
