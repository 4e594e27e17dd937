"""Averaging a network's answers over the eight flips and quarter turns of an image.

What a particle is does not depend on how the image lies, but an answer does a little: the mean of eight is
steadier, most where particles are faint.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.imaging.turns import TURNS, turn

Answer = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Logits ``(h, w)`` and centres ``(h, w, 2)`` in working pixels, of the cells of an image."""


def averaged_over_turns(
    predict: Callable[[NDArray[np.float32]], Answer], image: NDArray[np.float32], first: Answer | None = None
) -> Answer:
    """Mean of the answers for all turns of an image, as those of the image itself.

    Parameters
    ----------
    predict
        Answers for an image whose sides are multiples of 16.
    image
        ``(H, W)``.
    first
        The answer for the image as it is, where it is known.

    Returns
    -------
    logits, centres
        ``(H/8, W/8)`` and ``(H/8, W/8, 2)``. The outermost row and column of cells, whose centres lie beyond
        the image, have no counterpart on a flipped one: there it is the image's own answer alone.
    """
    logits, centres = first or predict(image)
    sums = [logits[:-1, :-1].copy(), centres[:-1, :-1].copy()]
    for which in range(1, TURNS):
        turned, _ = turn(image, (), which)
        sums = [
            total + part
            for total, part in zip(sums, _turned_back(predict(turned), turned.shape, which), strict=True)
        ]
    made = logits.copy(), centres.copy()
    for whole, total in zip(made, sums, strict=True):
        whole[:-1, :-1] = total / TURNS
    return made


def _turned_back(answer: Answer, shape: tuple[int, ...], which: int) -> Answer:
    """Undo `turns.turn` on all cells but the last row and column, among which it exchanges the places."""
    logits, centres = (part[:-1, :-1] for part in answer)
    for axis in (0, 1):
        if which & (1 << axis):
            logits, centres = np.flip(logits, axis), np.flip(centres, axis).copy()
            centres[..., axis] = shape[axis] - 1 - centres[..., axis]
    if which & 4:
        logits, centres = logits.T, centres.transpose(1, 0, 2)[..., ::-1]
    return logits, centres
