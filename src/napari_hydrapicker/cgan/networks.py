"""The generator, a U-Net that darkens particles, its discriminator, and their losses (Kong et al., 2.2)."""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, pad

from napari_hydrapicker.errors import ParameterError

# Of encoder layers 1 to 9; decoder layer 19 - i undoes the stride of layer i. The paper does not state them.
STRIDES = (2, 1, 2, 1, 2, 1, 2, 1, 1)
WIDTHS = (1, 1, 2, 2, 4, 4, 8, 8, 8)  # channels of layers 1 to 9, in units of the width
MULTIPLE = 16  # the product of the strides
GENERATOR_WIDTH = 16

DISCRIMINATOR_WIDTH = 16
MIN_SIZE = 32  # sides of the smallest images whose map of answers is not empty
_SLOPE = 0.2
LossName = Literal["mean-squared", "cross-entropy"]


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

    def __init__(self, width: int = GENERATOR_WIDTH) -> None:
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

    def __init__(self, width: int = DISCRIMINATOR_WIDTH) -> None:
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


class AdversarialLoss(Protocol):
    """What the networks minimise against one another; logits ``(B,)`` of true and of generated images."""

    def discriminator(self, true: Tensor, generated: Tensor) -> Tensor:
        """Loss of the discriminator, a scalar."""
        ...

    def generator(self, true: Tensor, generated: Tensor) -> Tensor:
        """Loss of the generator, a scalar."""
        ...


class MeanSquared:
    """Squared distances of scores from 1 and 0, and of one score from the other."""

    def discriminator(self, true: Tensor, generated: Tensor) -> Tensor:
        """``E[(D(x, y) - 1)^2] + E[D(G)^2]`` (Eq. 5)."""
        return (torch.tanh(true) - 1).square().mean() + torch.tanh(generated).square().mean()

    def generator(self, true: Tensor, generated: Tensor) -> Tensor:
        """``E[(D(x, y) - D(G))^2]`` (Eq. 6, first term). The true images' scores are no function of G."""
        return (torch.tanh(true).detach() - torch.tanh(generated)).square().mean()


class CrossEntropy:
    """Cross-entropy of the probability ``(1 + score) / 2`` that an image is true.

    That is the sigmoid of twice the logit, whose logarithm is finite and has a slope everywhere.
    """

    def discriminator(self, true: Tensor, generated: Tensor) -> Tensor:
        """``-E[log D(x, y)] - E[log(1 - D(G))]`` (Eq. 1)."""
        return -(logsigmoid(2 * true).mean() + logsigmoid(-2 * generated).mean())

    def generator(self, true: Tensor, generated: Tensor) -> Tensor:
        """``-E[log D(G)]``: as in pix2pix, since Eq. 1's own term has no slope where D is sure."""
        return -logsigmoid(2 * generated).mean()


def adversarial_loss(name: LossName) -> AdversarialLoss:
    """Return the loss of that name.

    Raises
    ------
    ParameterError
        If there is none.
    """
    losses: dict[str, AdversarialLoss] = {"mean-squared": MeanSquared(), "cross-entropy": CrossEntropy()}
    if name not in losses:
        raise ParameterError(f"there is no loss called {name!r}: choose from {', '.join(losses)}")
    return losses[name]


def data_loss(truth: Tensor, generated: Tensor) -> Tensor:
    """L1 distance of generated images from the true ones, ``(B, 1, H, W)`` each, per pixel (Eq. 4)."""
    return (truth - generated).abs().mean()
