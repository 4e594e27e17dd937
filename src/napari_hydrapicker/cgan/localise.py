"""From the marks that the generator leaves to particle centres (Algorithm 3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.errors import ParameterError

Labels = NDArray[np.intp]

_MOST_MERGED = 20  # marks in one region; what is larger still is contamination, and is not divided
_ROUNDS = 10


@dataclass(frozen=True)
class LocaliseParameters:
    """How marks become picks; the defaults are the paper's.

    Attributes
    ----------
    threshold : float
        A pixel is marked where input minus output is at least this, grey levels of 0..1.
    erosion_wpx : int
        Side of the square that marked regions are eroded with, working pixels; odd. It removes tiny
        regions and parts those that hardly touch.
    tolerance : float
        Regions are kept whose area is within (1 +- this) times the mean area.
    split : bool
        Whether regions of several merged marks are divided by a watershed; without it most of them are too
        large to be kept, and the particles are lost (the weakness that the paper names).
    marker_wpx : float or None
        Side of one mark, working pixels: that of `SynthesisParameters.marker_wpx`. It tells `split` how many
        marks a region holds; None takes the median region for one mark, which fails where most are merged.

    Raises
    ------
    ParameterError
        If a value is out of bounds.
    """

    threshold: float = 0.1
    erosion_wpx: int = 5
    tolerance: float = 0.5
    split: bool = False
    marker_wpx: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ParameterError(f"threshold {self.threshold}: give a number between 0 and 1")
        if not (self.erosion_wpx >= 1 and self.erosion_wpx % 2 == 1):
            raise ParameterError(f"erosion {self.erosion_wpx}: give an odd number of pixels, 1 for none")
        if not self.tolerance >= 0:
            raise ParameterError(f"tolerance {self.tolerance}: give 0 or more")
        if self.marker_wpx is not None and not 1 <= self.marker_wpx < math.inf:
            raise ParameterError(f"marker {self.marker_wpx}: give at least 1 pixel")


def find_blobs(
    image: NDArray[np.float32],
    output: NDArray[np.float32],
    parameters: LocaliseParameters | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find the marks and their centres (Algorithm 3).

    What the erosion leaves of each region is measured and compared with the mean area. The centre and
    the score are then taken over the whole mark, as it was before the erosion.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W)
        The generator's input: a working image, grey levels 0..1.
    output : ndarray of float32, shape (H, W)
        The generator's output: the same, with dark marks.
    parameters : LocaliseParameters, optional

    Returns
    -------
    yx : ndarray of float64, shape (N, 2)
        Centres of mass of the marks' strength, (row, column) in working pixels.
    scores : ndarray of float64, shape (N,)
        Mean strength of each mark, 0..1. A pixel's strength is the share of its brightness that was taken
        away: a black mark's is 1, whatever was below it.

    Raises
    ------
    ParameterError
        If the images are not two-dimensional and of one shape.
    """
    if image.ndim != 2 or image.shape != output.shape:
        raise ParameterError(
            f"cannot compare a working image of shape {image.shape} with marks of {output.shape}"
        )
    p = parameters or LocaliseParameters()
    taken_away = np.asarray(image, np.float32) - output
    marked = taken_away >= np.float32(p.threshold)
    # Beyond the image's border nothing is eroded: a mark that the border cuts stays.
    square = np.ones((p.erosion_wpx,) * 2, np.bool_)
    eroded = ndimage.binary_erosion(marked, square, border_value=1)
    eroded_from_outside = ndimage.binary_erosion(marked, square, border_value=0)
    cores, whole = _regions(eroded, marked, p.erosion_wpx)
    if p.split:
        whole = _divided(whole, p.marker_wpx)
        cores = np.where(eroded, whole, 0)
    # Marked pixels are brighter than the threshold; elsewhere the quotient is not used.
    strength = np.clip(taken_away / np.maximum(image, np.float32(p.threshold)), 0, 1).astype(np.float32)
    return _measured(cores, eroded_from_outside, whole, strength, p.tolerance)


def _regions(eroded: NDArray[np.bool_], marked: NDArray[np.bool_], erosion_wpx: int) -> tuple[Labels, Labels]:
    """Label what the erosion left, connected also by corners, and the marks around it: (H, W) each."""
    from skimage.measure import label
    from skimage.segmentation import expand_labels

    cores: Labels = label(eroded)  # type: ignore[no-untyped-call]
    # The erosion took half its square: across corners the farthest pixel is at this distance.
    reach = math.sqrt(2) * (erosion_wpx // 2)
    grown: Labels = expand_labels(cores, reach + 0.01)  # type: ignore[no-untyped-call]
    return cores, np.where(marked, grown, 0)


def _properties(labels: Labels, strength: NDArray[np.float32] | None = None) -> list[Any]:
    from skimage.measure import regionprops

    regions: list[Any] = regionprops(labels, intensity_image=strength)  # type: ignore[no-untyped-call]
    return regions


def _measured(
    cores: Labels,
    eroded_from_outside: NDArray[np.bool_],
    whole: Labels,
    strength: NDArray[np.float32],
    tolerance: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres and mean strengths of the regions whose core is nearly of the mean area.

    A region at the image's border counts as large as its core, or as what is left when it is eroded from
    outside too, whichever fits: nobody sees whether the border cuts the mark or only touches it.
    """
    most = np.bincount(cores.ravel())
    if most[1:].sum() == 0:
        return np.empty((0, 2)), np.empty(0)
    least = np.bincount(cores[eroded_from_outside], minlength=len(most))
    mean_area = most[1:].sum() / np.count_nonzero(most[1:])
    fits = (most >= (1 - tolerance) * mean_area) & (least <= (1 + tolerance) * mean_area)
    fits &= most > 0
    kept = [
        region for region in _properties(whole, strength) if region.label < len(fits) and fits[region.label]
    ]
    yx = np.array([region.centroid_weighted for region in kept], np.float64).reshape(-1, 2)
    return yx, np.array([region.intensity_mean for region in kept], np.float64)


def _divided(whole: Labels, marker_wpx: float | None) -> Labels:
    """Divide regions as large as several marks by a watershed; relabels all (H, W)."""
    from skimage.segmentation import watershed

    regions = _properties(whole)
    if not regions:
        return whole
    one = marker_wpx**2 if marker_wpx else float(np.median([region.area for region in regions]))
    seeds = np.zeros_like(whole)
    inside = np.zeros(whole.shape, np.float64)
    count = 0
    for region in regions:
        # Distances within each region alone: touching neighbours have a border between them.
        window = region.slice
        inside[window] += ndimage.distance_transform_edt(np.pad(region.image, 1))[1:-1, 1:-1]
        number = round(region.area / one)
        for row, col in _middles(region.coords, number if 1 < number <= _MOST_MERGED else 1):
            count += 1
            seeds[row, col] = count
    divided: Labels = watershed(-inside, seeds, mask=whole > 0)  # type: ignore[no-untyped-call]
    return divided


def _middles(coords: NDArray[np.intp], number: int) -> NDArray[np.intp]:
    """Pixels of a region (P, 2) in the middle of equal parts of it, (number, 2), by k-means.

    The first middles are pixels far from each other, so nothing is left to chance.
    """
    apart = ((coords - coords.mean(axis=0)) ** 2).sum(1)
    if number == 1:
        return coords[[np.argmin(apart)]]
    first = []
    for _ in range(number):
        first.append(int(np.argmax(apart)))
        apart = np.minimum(apart, ((coords - coords[first[-1]]) ** 2).sum(1))
    middles = coords[first].astype(np.float64)
    for _ in range(_ROUNDS):
        nearest = ((coords[:, None] - middles) ** 2).sum(2).argmin(1)
        for i in np.unique(nearest):
            middles[i] = coords[nearest == i].mean(axis=0)
    pixels = ((coords[:, None] - middles) ** 2).sum(2).argmin(0)
    return np.asarray(coords[pixels], np.intp)
