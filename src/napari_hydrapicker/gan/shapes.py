"""Shapes for the synthetic particles: where a random walk has been (Algorithm 1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.errors import ParameterError

_NEIGHBOURS = np.array([(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)])
_MAX_STEPS = 1_000_000


def random_walk_shape(steps: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw the pixels that a walk over the 8 neighbours visits (Algorithm 1).

    Every step goes to one of the 8 neighbours, all equally likely; the places after each step make the
    shape. The start counts only if the walk comes back to it.

    Parameters
    ----------
    steps : int
        Length of the walk.
    rng : numpy Generator

    Returns
    -------
    ndarray of bool, shape (H, W)
        As large as the walk's extent: the first and last rows and columns are visited.

    Raises
    ------
    ParameterError
        If the number of steps is not from 1 to a million.
    """
    if not 1 <= steps <= _MAX_STEPS:
        raise ParameterError(f"a random walk of {steps} steps: give 1 to {_MAX_STEPS}")
    places = np.cumsum(_NEIGHBOURS[rng.integers(8, size=steps)], axis=0)  # (steps, 2), row and column
    places -= places.min(axis=0)
    shape = np.zeros(places.max(axis=0) + 1, np.bool_)
    shape[tuple(places.T)] = True
    return shape


def resized(shape: NDArray[np.bool_], side: int) -> NDArray[np.float32]:
    """Bring a shape to a square, as Algorithm 2 does, whatever its extents.

    Parameters
    ----------
    shape : ndarray of bool, shape (H, W)
    side : int
        Pixels, at least 1.

    Returns
    -------
    ndarray of float32, shape (side, side)
        0..1: the share of each pixel's area that the shape covers, exact also where the shape's pixels
        end within it.
    """
    rows, cols = (_overlaps(n, side) for n in shape.shape)
    return np.asarray(rows @ shape.astype(np.float32) @ cols.T, np.float32)


def _overlaps(n: int, side: int) -> NDArray[np.float32]:
    """Matrix (side, n): the share of each of `side` equal parts of a line that each of `n` parts covers."""
    ends, source = np.arange(side + 1) / side, np.arange(n + 1) / n
    low = np.maximum(ends[:-1, None], source[None, :-1])
    high = np.minimum(ends[1:, None], source[None, 1:])
    return np.asarray(np.maximum(high - low, 0) * side, np.float32)
