"""The carbon film: what a long, sharp edge sets off from brighter ice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.imaging.tiles import TILES_PER_DIAMETER, Mask, connected, eroded, grow, robust

_EDGE_LINK = 5.0  # gradient of a film's edge at a diameter's resolution, in robust deviations
_EDGE_END = 3.0  # the same where an edge that was found fades out
_EDGE = (10.0, 6.0)  # what an edge reaches, and its least extent in diameters
_FAINT = (7.0, 12.0)  # the same of an edge that a film, and no crowd of particles, ends at
_CORNER = (15.0, 2.5)  # the same where it only cuts off a corner
_SLOPE_DIAMETERS = 4.0  # width from which on a steep ridge is a slope of the ice, not an edge
_DARKER = 0.5  # how much darker than the ice the carbon is, in robust deviations
_RIM_DIAMETERS = 3.0  # how far to look across an edge
_ICE_FRACTION = 0.15  # least part of the image for a region to be the ice itself


def carbon_film(binned: NDArray[np.float32], usable: Mask) -> Mask:
    """Find long sharp edges, and the darker areas that they cut off.

    Parameters
    ----------
    binned : ndarray of float32, shape (rows, cols)
        Mean brightness of tiles of a fifth of a diameter, particles dark.
    usable : ndarray of bool, shape (rows, cols)
        Tiles that are not blank.

    Returns
    -------
    ndarray of bool, shape (rows, cols)
        True on carbon, and on ice too small to hold a few particles.
    """
    nothing = np.zeros(binned.shape, np.bool_)
    if min(binned.shape) < 6 * TILES_PER_DIAMETER or usable.mean() < 0.5:
        return nothing
    centre, spread = robust(binned[usable])
    if spread <= 0:
        return nothing
    level = ((np.where(usable, binned, centre) - centre) / spread).astype(np.float32)
    smooth = _blurred(np.clip(level, -4, 4))
    edges = _film_edges(smooth, usable, level)
    if edges.any():
        edges = _without_slopes(edges, level)
    regions, n_regions = ndimage.label(~edges & usable)
    if not (edges.any() and n_regions):
        return nothing
    index = np.arange(1, n_regions + 1)
    area = np.bincount(regions.ravel(), minlength=n_regions + 1)[1:]
    brightness = ndimage.mean(smooth, regions, index)
    ice = float(np.max(brightness[area >= min(_ICE_FRACTION * level.size, area.max())]))
    # The blurred edge itself lies where the brightness is halfway between the two sides.
    film = min(float(np.percentile(smooth[edges], 10)), ice - 2 * _DARKER)
    carbon = edges & (smooth < (ice + film) / 2)
    for label in index[brightness < ice - _DARKER]:
        region = regions == label
        carbon |= region & (smooth < _bound(region, regions, smooth))
    return carbon | _crumbs(usable & ~carbon)


def _blurred(level: NDArray[np.float32], diameter: float = TILES_PER_DIAMETER) -> NDArray[np.float32]:
    """What is left at a resolution of one diameter."""
    blurred: NDArray[np.float32] = ndimage.gaussian_filter(level, diameter, truncate=3.0)
    return blurred


def _crumbs(usable: Mask) -> Mask:
    """Usable areas too small to hold a few particles."""
    labels, n_labels = ndimage.label(usable)
    area = np.bincount(labels.ravel(), minlength=n_labels + 1)
    small = area < (3 * TILES_PER_DIAMETER) ** 2
    small[0] = False
    crumbs: Mask = small[labels]
    return crumbs


def _film_edges(smooth: NDArray[np.float32], usable: Mask, level: NDArray[np.float32]) -> Mask:
    """Ridges in the gradient of a blurred map that are too strong and too long to be particles."""
    gradient = np.hypot(*np.gradient(smooth))
    centre, spread = robust(gradient)
    if spread <= 0:
        return np.zeros(smooth.shape, np.bool_)
    linked: Mask = (gradient > centre + _EDGE_LINK * spread) & usable
    labels, _ = ndimage.label(linked, np.ones((3, 3)))
    edges = np.zeros(smooth.shape, np.bool_)
    for label, place in enumerate(ndimage.find_objects(labels), start=1):
        ridge = labels[place] == label
        peak = (gradient[place][ridge].max() - centre) / spread
        extent = max(ridge.shape) / TILES_PER_DIAMETER
        sides = [part.start == 0 or part.stop == n for part, n in zip(place, smooth.shape, strict=True)]
        enough = (_EDGE, _CORNER) if all(sides) else (_EDGE,)
        is_edge = any(peak >= least and extent >= shortest for least, shortest in enough)
        if not is_edge and peak >= _FAINT[0] and extent >= _FAINT[1]:
            is_edge = _ends_a_film(labels == label, smooth, level)
        if is_edge:
            edges[place] |= ridge
    return _to_sides(connected((gradient > centre + _EDGE_END * spread) & usable, edges)) & usable


def _ends_a_film(ridge: Mask, smooth: NDArray[np.float32], level: NDArray[np.float32]) -> bool:
    """Whether what is darker on one side of a ridge is dark all over: between particles one sees the ice."""
    beside = grow(ridge, round(_RIM_DIAMETERS * TILES_PER_DIAMETER)) & ~grow(ridge, TILES_PER_DIAMETER)
    darker = beside & (smooth < np.median(smooth[ridge]))
    brighter = beside & ~darker
    if not (darker.any() and brighter.any()):
        return False
    seen = ndimage.gaussian_filter(level, 1.0)
    ice, film = np.median(seen[brighter]), np.median(seen[darker])
    return bool(np.percentile(seen[darker], 90) < ice - (ice - film) / 4)


def _to_sides(edges: Mask) -> Mask:
    """Lead edges that end near a side of the image to it: a blurred map is level there."""
    outermost = np.ones(edges.shape, np.bool_)
    outermost[TILES_PER_DIAMETER:-TILES_PER_DIAMETER, TILES_PER_DIAMETER:-TILES_PER_DIAMETER] = False
    led: Mask = edges | (grow(edges, TILES_PER_DIAMETER) & outermost)
    return led


def _without_slopes(edges: Mask, level: NDArray[np.float32]) -> Mask:
    """Leave out ridges that are half as steep as they get, or more, over several diameters.

    The blurred gradient of a sharp edge is 2.4 diameters wide at half its height. That of a wedge of ice is
    as wide as the wedge, if only no level was clipped.
    """
    half = level[: len(level) // 2 * 2, : level.shape[1] // 2 * 2]
    half = half[::2, ::2] + half[1::2, ::2] + half[::2, 1::2] + half[1::2, 1::2]
    gradient = np.hypot(*np.gradient(_blurred(half, TILES_PER_DIAMETER / 2)))
    labels, n_ridges = ndimage.label(edges, np.ones((3, 3)))
    coarse = labels[::2, ::2][: half.shape[0], : half.shape[1]]
    side = round(_SLOPE_DIAMETERS * TILES_PER_DIAMETER / 2)
    slopes = []
    for label in range(1, n_ridges + 1):
        ridge = grow(coarse == label, side // 2)
        if not ridge.any():  # a crumb between the coarser tiles
            continue
        steep = gradient > float(np.percentile(gradient[ridge], 90)) / 2
        if (eroded(steep, side) & ridge).any():
            slopes.append(label)
    return edges & ~np.isin(labels, slopes)


def _bound(region: Mask, regions: NDArray[np.int32], smooth: NDArray[np.float32]) -> float:
    """Brightness below which a region that is darker than the ice is taken for carbon.

    Usually that is all of it. None is where the region is the bright side of its edges: ice beside a dark
    band, which need not be as bright as the ice on the other side. And it is halfway between the two sides
    where most of the region is brighter than that, because the edge ends and ice lies behind the carbon.
    """
    coarse = (slice(None, None, 2),) * 2
    region, others, smooth = region[coarse], ((regions > 0) & ~region)[coarse], smooth[coarse]
    reach = round(_RIM_DIAMETERS * TILES_PER_DIAMETER / 2)
    inside, outside = region & grow(others, reach), others & grow(region, reach)
    if not (inside.any() and outside.any()):
        return np.inf
    own, other = float(smooth[inside].mean()), float(smooth[outside].mean())
    if own > other + _DARKER:
        return -np.inf
    halfway = (own + other) / 2
    return halfway if own < other - _DARKER and np.median(smooth[region]) > halfway else np.inf
