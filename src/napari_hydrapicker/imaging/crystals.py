"""Crystalline ice inside a micrograph: solid bright patches beside solid dark ones, a particle wide or more.

Diffraction makes crystals swing both ways. Particles are dark, and the gaps between them only as bright as
the ice; contamination and thick ice are dark too; a thin place is bright, but nothing dark lies beside it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.imaging.tiles import TILES_PER_DIAMETER, Mask, closed, connected, grow, opened

_SWING = 2.8  # how bright and how dark every tile of such patches is, in robust deviations
_PATCH = TILES_PER_DIAMETER  # their side, tiles
_APART = 12  # how far they may lie from each other, tiles
_BODY = 1.5  # how far from the background a crystal's other tiles are, in robust deviations
_GAP = 7  # narrower gaps inside a crystal belong to it, tiles


def crystalline_ice(level: NDArray[np.float32]) -> Mask:
    """Find ice crystals of two particle diameters and more.

    Parameters
    ----------
    level : ndarray of float32, shape (rows, cols)
        Brightness of tiles of a fifth of a diameter against the background (`level.tile_level`).

    Returns
    -------
    ndarray of bool, shape (rows, cols)
        True on crystals.
    """
    bright = opened(level > _SWING, _PATCH)
    if not bright.any():
        return bright
    dark = opened(level < -_SWING, _PATCH)
    pairs = (bright & grow(dark, _APART)) | (dark & grow(bright, _APART))
    if not pairs.any():
        return pairs
    body = opened(level > _BODY, 3) | opened(level < -_BODY, 3)
    return grow(closed(connected(body | pairs, pairs), _GAP), 2)
