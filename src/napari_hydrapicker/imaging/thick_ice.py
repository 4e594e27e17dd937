"""Thick ice inside a micrograph: solid dark patches, wider than particles, with an edge of their own.

What tells a patch from a crowd of particles is that it has no bright gaps, and that it is darker than
particles are elsewhere in the micrograph; what tells it from a gradient is that it ends within a few
diameters. A micrograph that is thick all over has nothing to compare with, and stays usable.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.imaging.tiles import TILES_PER_DIAMETER, Mask, closed, connected, grow, opened

_DARK = 3.5  # how dark every tile of a patch's core is, in robust deviations
_CORE = 2 * TILES_PER_DIAMETER - 1  # side of a core, tiles
_BODY = TILES_PER_DIAMETER  # least width of what belongs to the patch around its core
_PARTICLES = 1.0  # percentile of the brightness elsewhere that stands for the particles
_DARKER = 1.3  # how much darker than those a patch is: particles that overlap are darker than one
_RING = (0.4, 2.0)  # where a patch's surroundings are looked at, diameters from it
_ENDS = 0.25  # how dark they may be, relative to the patch


def thick_ice(level: NDArray[np.float32], usable: Mask) -> Mask:
    """Find patches of thick ice (or other solid dark matter) at least two particle diameters wide.

    Parameters
    ----------
    level : ndarray of float32, shape (rows, cols)
        Brightness of tiles of a fifth of a diameter against the background (`level.tile_level`).
    usable : ndarray of bool, shape (rows, cols)
        Tiles that are neither blank nor carbon.

    Returns
    -------
    ndarray of bool, shape (rows, cols)
        True on thick ice.
    """
    found = np.zeros(level.shape, np.bool_)
    cores = opened(level < -_DARK, _CORE)
    if not cores.any():
        return found
    elsewhere = level[usable & ~grow(cores, 2)]
    particles = float(np.percentile(elsewhere, _PARTICLES)) if elsewhere.size else -np.inf
    labels, n_cores = ndimage.label(cores)
    for label in range(1, n_cores + 1):
        core = labels == label
        depth = float(np.median(level[core]))
        if depth >= _DARKER * particles:
            continue
        patch = connected(core | (opened(level < depth / 2, _BODY) & usable), core)
        if _ends(patch, level, usable, _ENDS * depth):
            found |= patch
    return grow(closed(found, _BODY), 1) if found.any() else found


def _ends(patch: Mask, level: NDArray[np.float32], usable: Mask, bound: float) -> bool:
    """Whether the surroundings are brighter than a bound: a gradient goes on, a patch of ice ends."""
    near, far = (grow(patch, round(diameters * TILES_PER_DIAMETER)) for diameters in _RING)
    ring = level[far & ~near & usable]
    return bool(ring.size and np.median(ring) > bound)
