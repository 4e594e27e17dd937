"""The compact network: the same body and heads on a coarser grid, at a tenth of the thesis network's cost.

Three resolutions in place of one. Half the work is done on an eighth of the resolution, where one 3x3
convolution spans more than a particle, so that every answer sees some 200 working pixels around it. Each
layer is normalised over the channels of one place alone (Ba et al. 2016; as in Liu et al., "A ConvNet for the
2020s", 2022), never over the image: what an answer is does not depend on what is masked elsewhere, on the
tile, or on the crop.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from napari_hydrapicker.hydra.head import Head, output_conv
from napari_hydrapicker.hydra.initial import initialise

STRIDE = 8
BLOCKS = (1, 3, 2)  # residual blocks of the body at a half, a quarter and an eighth of the resolution
HEAD_CHANNELS = 256


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each place of ``(B, C, H, W)`` maps."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise ``(B, C, H, W)``; fastest in channels-last order, where no copy is made."""
        normalised: Tensor = self.norm(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return normalised


def _conv(
    in_channels: int, out_channels: int, size: int = 3, stride: int = 1, bias: bool = False
) -> nn.Conv2d:
    conv = nn.Conv2d(in_channels, out_channels, size, stride=stride, padding=size // 2, bias=bias)
    initialise(conv.weight)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


class _Residual(nn.Module):
    """norm, ReLU, 3x3, norm, ReLU, 3x3 beside an identity (He et al., "Identity mappings", 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = ChannelNorm(channels), _conv(channels, channels)
        self.norm2, self.conv2 = ChannelNorm(channels), _conv(channels, channels)
        nn.init.zeros_(self.conv2.weight)  # the block begins as the identity

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.conv1(functional.relu(self.norm1(maps)))
        change: Tensor = self.conv2(functional.relu(self.norm2(inner)))
        return maps + change


class CompactBody(nn.Module):
    """From an image to features at an eighth of its resolution.

    Parameters
    ----------
    channels
        At half the resolution; twice as many at a quarter, four times as many at an eighth.
    """

    def __init__(self, channels: int = 48) -> None:
        super().__init__()
        half, quarter, eighth = channels, 2 * channels, 4 * channels
        layers: list[nn.Module] = [_conv(1, half, 5, 2), ChannelNorm(half), nn.ReLU()]
        layers += [_Residual(half) for _ in range(BLOCKS[0])]
        layers += [ChannelNorm(half), nn.ReLU(), _conv(half, quarter, stride=2)]
        layers += [_Residual(quarter) for _ in range(BLOCKS[1])]
        layers += [ChannelNorm(quarter), nn.ReLU(), _conv(quarter, eighth, stride=2)]
        layers += [_Residual(eighth) for _ in range(BLOCKS[2])]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Map normalised images ``(B, 1, H, W)`` at working scale to features ``(B, 4 C, H/8, W/8)``."""
        features: Tensor = self.layers(images)
        return features


class CompactHead(Head):
    """From the body's features to one logit and one offset for each cell, all at stride 8.

    It begins with a residual block of its own: a head for one data set changes the body's last features as it
    needs them, and other heads do not notice.

    Parameters
    ----------
    in_channels
        Channels of the body's features.
    dropout
        Probability of zeroing an activation in training.
    """

    def __init__(self, in_channels: int = 192, dropout: float = 0.1) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _Residual(in_channels), ChannelNorm(in_channels), nn.ReLU(),
            _conv(in_channels, HEAD_CHANNELS, bias=True), nn.ReLU(), ChannelNorm(HEAD_CHANNELS),
            nn.Dropout(dropout),
        )  # fmt: skip
        self.output = output_conv(HEAD_CHANNELS)

    def dense(self, features: Tensor) -> Tensor:
        """Answers of all cells: ``(B, C, h, w)`` -> ``(B, 3, h, w)``.

        The convolutions are centred on multiples of 8, cells on 7.5 more: an answer is that of the place
        below and to the right, and the offset takes up the half pixel. Beyond the last row and column there
        is one more.
        """
        maps = functional.pad(self.layers(features), (0, 1, 0, 1))
        raw: Tensor = self.output(maps)[..., 1:, 1:]
        return raw
