"""Where the cGAN's training pairs come from, and batches of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.gan.discriminator import MIN_SIZE
from napari_hydrapicker.gan.generator import MULTIPLE
from napari_hydrapicker.imaging.turns import TURNS, turn

MIN_PAIR = max(MIN_SIZE, 2 * MULTIPLE)  # normalisation needs more than one value at the coarsest layer


class TrainingPair(Protocol):
    """An input image and the same with its particles marked, grey levels 0..1, ``(H, W)`` each."""

    @property
    def image(self) -> NDArray[np.float32]:
        """The input."""
        ...

    @property
    def truth(self) -> NDArray[np.float32]:
        """The marked image."""
        ...


Pairs = Callable[[np.random.Generator], TrainingPair]
"""Where pairs come from: makes one, or takes one of those that there are, by the random numbers given."""


def fixed_pairs(pairs: Sequence[TrainingPair]) -> Pairs:
    """Draw from a fixed number of pairs; the paper takes 100.

    Raises
    ------
    ParameterError
        If there is none.
    """
    if not pairs:
        raise ParameterError("there is no pair to train on: make at least one")
    return lambda rng: pairs[int(rng.integers(len(pairs)))]


def draw_batch(pairs: Pairs, rng: np.random.Generator, n: int) -> tuple[Tensor, Tensor]:
    """Draw `n` pairs, flipped and turned at random: inputs and truths, ``(n, 1, H, W)`` each.

    Raises
    ------
    ParameterError
        If the pairs differ in size or are too small.
    """
    drawn = [pairs(rng) for _ in range(n)]
    rows, cols = drawn[0].image.shape
    if min(rows, cols) < MIN_PAIR:
        raise ParameterError(f"pairs of {rows} x {cols} pixels: make them {MIN_PAIR} or more on a side")
    # Flips alone where a quarter turn would give the images of a batch different shapes.
    turns = rng.integers(TURNS if rows == cols else TURNS // 2, size=n)
    if any(part.shape != (rows, cols) for pair in drawn for part in (pair.image, pair.truth)):
        raise ParameterError("pairs of different sizes: make them all of one size")
    parts = [
        np.stack([turn(image, [], which)[0] for image, which in zip(images, turns, strict=True)])
        for images in ([pair.image for pair in drawn], [pair.truth for pair in drawn])
    ]
    inputs, truths = (
        torch.from_numpy(part[:, None]).contiguous(memory_format=torch.channels_last) for part in parts
    )
    return inputs, truths
