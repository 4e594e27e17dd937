"""The shared body of the network: full-resolution features of a micrograph (thesis, section 3.1)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from napari_hydrapicker.hydra.initial import initialise

BLOCKS = 3


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
