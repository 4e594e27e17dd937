"""Bad ice inside a micrograph: patches that stand out from a smooth background, thick ice, crystals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.imaging.tiles import TILES_PER_DIAMETER, Mask, closed, connected, grow, opened, robust

_TREND_STEP, _TREND_ROUNDS = 4, 6
_OUTLIER = 2.0  # residual that halves the root of a tile's weight, in robust deviations

# Thick ice: solid dark patches.
_DARK = 3.5  # how dark every tile of a patch's core is, in robust deviations
_CORE = 2 * TILES_PER_DIAMETER - 1  # side of a core, tiles
_BODY = TILES_PER_DIAMETER  # least width of what belongs to the patch around its core
_PARTICLES = 1.0  # percentile of the brightness elsewhere that stands for the particles
_DARKER = 1.3  # how much darker than those a patch is: particles that overlap are darker than one
_RING = (0.4, 2.0)  # where a patch's surroundings are looked at, diameters from it
_ENDS = 0.25  # how dark they may be, relative to the patch
# Crystalline ice: solid bright patches beside solid dark ones.
_SWING = 2.8  # how bright and how dark every tile of such patches is, in robust deviations
_PATCH = TILES_PER_DIAMETER  # their side, tiles
_APART = 12  # how far they may lie from each other, tiles
_LEAST_CONTRAST = 1.5  # how far from the background a crystal's other tiles are, in robust deviations
_GAP = 7  # narrower gaps inside a crystal belong to it, tiles
_WIDEST = 3 * TILES_PER_DIAMETER  # what is wider is one side of an edge, no patch of a crystal; tiles


def tile_level(binned: NDArray[np.float32], usable: Mask) -> NDArray[np.float32]:
    """Compare each tile, lightly smoothed, with the quadratic surface that most of the map follows.

    Parameters
    ----------
    binned : ndarray of float32, shape (rows, cols)
        Mean brightness of tiles.
    usable : ndarray of bool, shape (rows, cols)
        Tiles that count: at least one, and one on the grid of every fourth row and column.

    Returns
    -------
    ndarray of float32, shape (rows, cols)
        In robust standard deviations, median about 0; 0 where not usable.
    """
    filled = np.where(usable, binned, np.float32(robust(binned[usable])[0]))
    smooth: NDArray[np.float32] = ndimage.gaussian_filter(filled, 1.0, truncate=3.0)
    smooth -= _trend(smooth, usable)
    centre, spread = robust(smooth[usable])
    if spread <= 0:
        return np.zeros_like(smooth)
    smooth -= np.float32(centre)
    smooth *= np.float32(1 / spread)
    smooth[~usable] = 0
    return smooth


def _trend(smooth: NDArray[np.float32], usable: Mask) -> NDArray[np.float32]:
    """Quadratic surface through most of a map, by repeatedly reweighted least squares on a coarse grid."""
    terms = [_powers(n) for n in smooth.shape]
    grid = (slice(None, None, _TREND_STEP),) * 2
    down, across = (part[:, ::_TREND_STEP] for part in terms)
    kept = usable[grid]
    powers = [(i, j) for i in range(3) for j in range(3 - i)]
    design = np.stack([np.outer(down[i], across[j])[kept] for i, j in powers])  # (6, N)
    values = smooth[grid][kept].astype(np.float64)
    weight = np.ones(len(values))
    coefficients = np.zeros((3, 3))
    for _ in range(_TREND_ROUNDS):
        weighted = design * weight
        solution = np.linalg.lstsq(weighted @ design.T, weighted @ values, rcond=None)[0]
        residual = np.abs(values - solution @ design)
        coefficients[tuple(zip(*powers, strict=True))] = solution
        scale = _OUTLIER * 1.4826 * robust(residual)[0]
        if scale <= 0:
            break
        weight = (1 + (residual / scale) ** 2) ** -2.0
    surface: NDArray[np.float32] = (terms[0].T @ coefficients @ terms[1]).astype(np.float32)
    return surface


def _powers(n: int) -> NDArray[np.float64]:
    """Powers 0, 1, 2 of a coordinate that runs from -1 to 1: shape (3, n)."""
    return np.linspace(-1, 1, n) ** np.arange(3)[:, None]


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
    bright = opened(_patches(level) > _SWING, _PATCH)
    if not bright.any():
        return bright
    dark = opened(_patches(-level) > _SWING, _PATCH)
    pairs = (bright & grow(dark, _APART)) | (dark & grow(bright, _APART))
    if not pairs.any():
        return pairs
    body = opened(level > _LEAST_CONTRAST, 3) | opened(level < -_LEAST_CONTRAST, 3)
    return grow(closed(connected(body | pairs, pairs), _GAP), 2)


def _patches(level: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far a tile stands out from the background, and from what lies on all sides of it.

    The ice beside a carbon film stands out from the background alone.
    """
    standing: NDArray[np.float32] = np.minimum(level, ndimage.white_tophat(level, _WIDEST))
    return standing
