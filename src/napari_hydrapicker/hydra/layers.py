"""The layers of both architectures: the thesis body and head (section 3.1), and the compact ones."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_hydrapicker.hydra.head_record import FIRST_BLOCKS

BLOCKS = 3
STAGE_CHANNELS = (128, 256, 512, 1024)
CLASS_BIAS = -4.0  # before any training a cell is background with probability 0.98
OUTPUTS = 3  # logit, raw offset along rows, raw offset along columns
OUTPUT_STD = 1e-3  # over 9216 inputs: raw offsets start near 0, where tanh has its full slope
STRIDE = 8
HEAD_CHANNELS = 256


def initialise(weight: Tensor, std: float | None = None) -> None:
    """Draw normal weights: of this deviation, or such that rectified maps keep their variance (He et al.).

    Weights without storage, of a network that is about to be read, are left alone: drawing them would make
    torch import its tracing machinery, which takes longer than reading the file.
    """
    if weight.is_meta:
        return
    if std is None:
        nn.init.kaiming_normal_(weight, nonlinearity="relu")
    else:
        nn.init.normal_(weight, std=std)


def _conv(in_channels: int, out_channels: int) -> nn.Conv2d:
    # Every pair ends in a GroupNorm, whose shift does the work of a bias.
    conv = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False)
    initialise(conv.weight)
    return conv


def _pair(in_channels: int, channels: int, groups: int) -> nn.Sequential:
    """Two 3x3 convolutions with nothing between them (an effective 5x5), then GroupNorm."""
    return nn.Sequential(
        _conv(in_channels, channels), _conv(channels, channels), nn.GroupNorm(groups, channels)
    )


class ResidualBlock(nn.Module):
    """Two pairs of convolutions with an identity shortcut over both (thesis, Fig. 3.1)."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.first = _pair(channels, channels, groups)
        self.second = _pair(channels, channels, groups)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        # In place is safe: GroupNorm's backward pass needs its input, not its output.
        inner = functional.relu(self.first(features), inplace=True)
        return functional.relu(self.second(inner) + features, inplace=True)


class ThesisBody(nn.Module):
    """A stem and three residual blocks, stride 1 throughout (thesis, section 3.1, Fig. 3.1).

    Parameters
    ----------
    channels
        Feature maps of every layer; a multiple of `groups`.
    groups
        Groups of every GroupNorm.
    """

    def __init__(self, channels: int = 64, groups: int = 32) -> None:
        super().__init__()
        self.stem = _pair(1, channels, groups)
        self.blocks = nn.Sequential(*(ResidualBlock(channels, groups) for _ in range(BLOCKS)))

    def forward(self, images: Tensor) -> Tensor:
        """Map normalised images ``(B, 1, H, W)`` at working scale to features ``(B, C, H, W)``."""
        stem = functional.relu(self.stem(images), inplace=True)
        features: Tensor = self.blocks(stem)
        return features


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

    `output` is its last convolution, with the channels logit, row offset, column offset. `takes_images` says
    that it begins at the images, in place of the shared body's features.
    """

    output: nn.Conv2d
    takes_images = False

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


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each place of ``(B, C, H, W)`` maps."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise ``(B, C, H, W)``; fastest in channels-last order, where no copy is made."""
        normalised: Tensor = self.norm(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return normalised


def _compact_conv(
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
        self.norm1, self.conv1 = ChannelNorm(channels), _compact_conv(channels, channels)
        self.norm2, self.conv2 = ChannelNorm(channels), _compact_conv(channels, channels)
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
    blocks
        Residual blocks at a half, a quarter and an eighth of the resolution, each at least 1.
    """

    def __init__(self, channels: int = 48, blocks: tuple[int, int, int] = FIRST_BLOCKS) -> None:
        super().__init__()
        half, quarter, eighth = channels, 2 * channels, 4 * channels
        layers: list[nn.Module] = [_compact_conv(1, half, 5, 2), ChannelNorm(half), nn.ReLU()]
        layers += [_Residual(half) for _ in range(blocks[0])]
        layers += [ChannelNorm(half), nn.ReLU(), _compact_conv(half, quarter, stride=2)]
        layers += [_Residual(quarter) for _ in range(blocks[1])]
        layers += [ChannelNorm(quarter), nn.ReLU(), _compact_conv(quarter, eighth, stride=2)]
        layers += [_Residual(eighth) for _ in range(blocks[2])]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Map normalised images ``(B, 1, H, W)`` at working scale to features ``(B, 4 C, H/8, W/8)``."""
        features: Tensor = self.layers(images)
        return features

    def stages(self) -> list[list[nn.Module]]:
        """Return the layers at each resolution: what leads to it, then its residual blocks."""
        found: list[list[nn.Module]] = []
        for before, layer in zip([None, *self.layers], self.layers, strict=False):
            if isinstance(before, _Residual | None) and not isinstance(layer, _Residual):
                found.append([])
            found[-1].append(layer)
        return found

    def take(self, other: CompactBody) -> None:
        """Take the layers of a body with as many blocks or fewer: what it answers is the same.

        Blocks that the other has not stay as they were made: each begins as the identity.
        """
        for own, theirs in zip(self.stages(), other.stages(), strict=True):
            for layer, known in zip(own, theirs, strict=False):
                layer.load_state_dict(known.state_dict())


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
            _compact_conv(in_channels, HEAD_CHANNELS, bias=True), nn.ReLU(), ChannelNorm(HEAD_CHANNELS),
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


class AdaptedHead(Head):
    """A head with a body of its own, which was changed for its data set together with the head.

    It answers for images as other heads do for features; the shared body and the other heads do not notice.

    Parameters
    ----------
    body, head
        Both become part of it.
    """

    takes_images = True

    def __init__(self, body: nn.Module, head: Head) -> None:
        super().__init__()
        self.body = body
        self.head = head

    @property
    def output(self) -> nn.Conv2d:  # type: ignore[override]
        """Last convolution."""
        return self.head.output

    def dense(self, features: Tensor) -> Tensor:
        """Map images ``(B, 1, H, W)`` to raw answers ``(B, 3, H/8, W/8)``."""
        return self.head.dense(self.body(features))
