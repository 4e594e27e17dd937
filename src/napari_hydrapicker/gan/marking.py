"""Marking a canvas with a generator: once, as in the paper, or on copies of rising darkness.

A generator marks or does not mark: nearly all its marks are as black as one another, and it leaves out what
it holds for noise by a hair. Asked again about the same canvas a little darker it marks more, the likely
particles first. What it takes away is averaged over the copies: a mark's strength then says how much it
needed to be persuaded, and particles that hardly show are found, with a low one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from napari_hydrapicker.gan.canvas import FLOOR
from napari_hydrapicker.gan.generator import Generator

ONCE = (0.0,)
"""The canvas as it is, alone: the paper's way."""

DARKENED = (0.0, 0.15)
"""How much darker the copies are, grey levels of 0..1."""


def marked(
    generator: Generator, image: NDArray[np.float32], darker: Sequence[float] = DARKENED
) -> NDArray[np.float32]:
    """Mark a canvas.

    Parameters
    ----------
    generator : Generator
        In evaluation mode; it computes on the device that it is on.
    image : ndarray of float32, shape (H, W)
        Grey levels of a canvas.
    darker : sequence of float
        For each copy what is subtracted from the grey levels; none goes below `canvas.FLOOR`.

    Returns
    -------
    ndarray of float32, shape (H, W)
        The image times the share of brightness that the generator leaves, averaged over the copies. With
        `ONCE` the generator's output, except where that is above the image or below 0.
    """
    device = next(generator.parameters()).device
    left = np.zeros(image.shape, np.float32)
    for less in darker:
        copy = np.maximum(image - np.float32(less), np.minimum(image, np.float32(FLOOR)))
        with torch.inference_mode():
            output = generator(torch.from_numpy(copy)[None, None].to(device))[0, 0].cpu().numpy()  # (H, W)
        # Where there is no light at all, nothing can be taken away.
        left += np.clip(np.divide(output, copy, out=np.ones_like(copy), where=copy > 0), 0, 1)
    return np.asarray(image * (left / len(darker)), np.float32)
