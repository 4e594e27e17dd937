"""The ranges that synthetic pairs are drawn from."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from napari_hydrapicker.cgan.preprocess import CGAN_DIAMETER_WPX, PAPER_SIDE_WPX
from napari_hydrapicker.errors import ParameterError

Range = tuple[float, float]

LEAST_SHAPE_WPX = 3
"""Least side of a shape, working pixels."""

_MARKER_DIAMETERS = 0.55
_SIZE_RANGE = (0.52, 0.88)  # of the stated diameter, which is the particle's longest
_COUNT_RANGE = (0.6, 1.8)  # of the stated number; the more are tried, the more of them do not fit
_LEAST_MARKER_WPX = 7  # the paper's erosion takes 4: a mark of 3 x 3 is left


@dataclass(frozen=True)
class SynthesisParameters:
    """The ranges that pairs are drawn from; (low, high), both included. The defaults follow the paper.

    Attributes
    ----------
    diameter_wpx : (float, float)
        Side of the square that shapes are resized to, working pixels; drawn once for each pair.
    coverage : (float, float)
        Number of shapes tried times their diameter squared, over the background's area: drawn once for each
        pair, at most 1. Shapes that would overlap earlier ones are left out, so that fewer are there.
    contrast : (float, float)
        How far the darkest pixel of a shape goes below the background, in grey levels; drawn for each
        shape. The paper's full range is 0..1; what cannot be seen had better not be marked.
    steps : (float, float)
        Length of the random walks; drawn for each shape. Short walks make compact shapes.
    variation : (float, float)
        Factor on the diameter, drawn for each shape. Always 1 in the paper.
    smoothing_wpx : (float, float)
        Standard deviation of a Gaussian blur of the shapes, working pixels, drawn once for each pair: what
        low resolution does to particles. Always 0 in the paper. Blurred edges may reach into neighbours.
    marker_wpx : int
        Side of the black squares in the truth, working pixels.
    gap_wpx : int
        Least distance between two markers, working pixels.

    Raises
    ------
    ParameterError
        If a range is upside down or out of bounds.
    """

    diameter_wpx: Range = (10.0, 18.0)
    coverage: Range = (0.05, 0.7)
    contrast: Range = (0.1, 0.5)
    steps: Range = (30, 1000)
    variation: Range = (1.0, 1.0)
    smoothing_wpx: Range = (0.0, 0.0)
    marker_wpx: int = 11
    gap_wpx: int = 2

    def __post_init__(self) -> None:
        limits: dict[str, Range] = {
            "diameter_wpx": (LEAST_SHAPE_WPX, 512), "coverage": (0, 1), "contrast": (0, 1), "steps": (1, 1e6),
            "variation": (0.1, 10), "smoothing_wpx": (0, 64), "marker_wpx": (1, 512), "gap_wpx": (0, 512),
        }  # fmt: skip
        for field in fields(self):
            value, (least, most) = getattr(self, field.name), limits[field.name]
            low, high = value if isinstance(value, tuple) else (value, value)
            if not (math.isfinite(low) and math.isfinite(high) and least <= low <= high <= most):
                raise ParameterError(
                    f"{field.name} {value}: give values from {least:g} to {most:g}, low first"
                )

    @classmethod
    def for_particles(
        cls,
        diameter_wpx: float = CGAN_DIAMETER_WPX,
        number: float | None = None,
        shape_wpx: tuple[int, int] = (PAPER_SIDE_WPX, PAPER_SIDE_WPX),
    ) -> SynthesisParameters:
        """Ranges for particles of roughly this size and number, the others at their defaults.

        Parameters
        ----------
        diameter_wpx : float
            The longest diameter, working pixels.
        number : float, optional
            Particles on a micrograph; the default range of coverages without it.
        shape_wpx : (int, int)
            Working image shape of the micrograph that `number` refers to.

        Raises
        ------
        ParameterError
            If the values are out of bounds, or so many particles do not fit.
        """
        low, high = _SIZE_RANGE
        marker = max(_LEAST_MARKER_WPX, round(_MARKER_DIAMETERS * diameter_wpx))
        coverage = cls.coverage
        if number is not None:
            middle = (low + high) / 2 * diameter_wpx
            share = number * middle**2 / (shape_wpx[0] * shape_wpx[1])
            if not 0 < share <= 1:
                raise ParameterError(
                    f"particles of {diameter_wpx:g} working pixels, {number:g} of them, do not fit on "
                    f"{shape_wpx[0]} x {shape_wpx[1]}: check number and diameter"
                )
            coverage = (_COUNT_RANGE[0] * share, min(1.0, _COUNT_RANGE[1] * share))
        return cls((low * diameter_wpx, high * diameter_wpx), coverage, marker_wpx=marker)
