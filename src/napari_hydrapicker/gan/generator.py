"""The generator: a U-Net that darkens particle regions (Kong et al., section 2.2.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from napari_hydrapicker.errors import ParameterError

# Of encoder layers 1 to 9; decoder layer 19 - i undoes the stride of layer i. The paper does not state them.
STRIDES = (2, 1, 2, 1, 2, 1, 2, 1, 1)
WIDTHS = (1, 1, 2, 2, 4, 4, 8, 8, 8)  # channels of layers 1 to 9, in units of the width
MULTIPLE = 16  # the product of the strides
DEFAULT_WIDTH = 16


class Generator(nn.Module):
    """Nine encoder and nine decoder layers of convolution, batch normalisation and ReLU.

    The output of layer i (1 to 8) also goes into layer 19 - i. Layer 18 gives the residual without
    normalisation and ReLU, since it must be able to take any value.

    Parameters
    ----------
    width
        Channels of the outermost layers; all others are multiples of it.

    Raises
    ------
    ParameterError
        If the width is not from 1 to 256.
    """

    def __init__(self, width: int = DEFAULT_WIDTH) -> None:
        super().__init__()
        if not 1 <= width <= 256:
            raise ParameterError(f"a generator {width} channels wide: give 1 to 256")
        self.width = width
        channels = [1, *(width * n for n in WIDTHS)]
        self.encoder = nn.ModuleList(
            _down(channels[i], channels[i + 1], stride) for i, stride in enumerate(STRIDES)
        )
        # Layer 10 undoes layer 9, from its output alone; and so on to layer 17, which undoes layer 2.
        self.decoder = nn.ModuleList(
            _up(channels[i + 1] * (1 if i == 8 else 2), channels[i], STRIDES[i]) for i in range(8, 0, -1)
        )
        self.last = nn.ConvTranspose2d(2 * channels[1], 1, 4, STRIDES[0], padding=1)
        for weight in self.last.parameters():  # nothing is marked before anything is learnt
            nn.init.zeros_(weight)

    def forward(self, images: Tensor) -> Tensor:
        """Images with their particles marked: ``O = I - gen(I)``.

        Parameters
        ----------
        images
            ``(B, 1, H, W)`` of any size, grey levels 0..1, particles dark.

        Returns
        -------
        Tensor
            ``(B, 1, H, W)`` float32; about 0 where there is a particle, the image elsewhere.

        Raises
        ------
        ParameterError
            If `images` is not a batch of single-channel images.
        """
        return images.float() - self.residual(images)

    def residual(self, images: Tensor) -> Tensor:
        """What is taken off the images: gen(I), ``(B, 1, H, W)`` float32; arguments as for `forward`."""
        if images.ndim != 4 or images.shape[1] != 1 or 0 in images.shape:
            raise ParameterError(
                f"the generator takes images of shape (batch, 1, height, width), not {tuple(images.shape)}"
            )
        rows, cols = images.shape[2:]
        # At the bottom and at the right only, so that sample (0, 0) stays in its place.
        features = pad(images, (0, -cols % MULTIPLE, 0, -rows % MULTIPLE), mode="replicate")
        passed: list[Tensor] = []
        for layer in self.encoder:
            features = layer(features)
            passed.append(features)
        for layer, skip in zip(self.decoder, [None, *passed[7:0:-1]], strict=True):
            features = layer(features if skip is None else torch.cat([features, skip], 1))
        residual: Tensor = self.last(torch.cat([features, passed[0]], 1))
        return residual[..., :rows, :cols].float()


def _normalised(convolution: nn.Module, channels: int) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


def _down(channels_in: int, channels_out: int, stride: int) -> nn.Sequential:
    size = 4 if stride == 2 else 3
    return _normalised(nn.Conv2d(channels_in, channels_out, size, stride, 1, bias=False), channels_out)


def _up(channels_in: int, channels_out: int, stride: int) -> nn.Sequential:
    size = 4 if stride == 2 else 3
    convolution = nn.ConvTranspose2d(channels_in, channels_out, size, stride, 1, bias=False)
    return _normalised(convolution, channels_out)
