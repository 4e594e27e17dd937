"""Backgrounds of `hydrapicker synthesise` from micrographs: the scale of each, and what is free on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from napari_hydrapicker.errors import HydraPickerError, ParameterError

if TYPE_CHECKING:
    from napari_hydrapicker.gan.background import Patch
    from napari_hydrapicker.micrograph import Micrograph

_MOST_MICROGRAPHS = 40  # more add little to the backgrounds


@dataclass(frozen=True)
class Scale:
    """The particle's diameter as it was given, and what it means on each micrograph.

    Attributes
    ----------
    diameter_angstrom, diameter_px
        Longest diameter, in Angstrom or in pixels of the micrographs.
    pixel_angstrom
        Pixel size that overrides what the files state, Angstrom.
    """

    diameter_angstrom: float | None
    diameter_px: float | None
    pixel_angstrom: float | None

    def check(self, has_micrographs: bool) -> None:
        """Refuse lengths that make no sense, or that have no micrographs to refer to.

        Raises
        ------
        ParameterError
            Naming the option.
        """
        named = {
            "--diameter": self.diameter_angstrom, "--diameter-px": self.diameter_px,
            "--pixel-size": self.pixel_angstrom,
        }  # fmt: skip
        for option, value in named.items():
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ParameterError(f"{option} {value:g}: give a positive number")
            if value is not None and not has_micrographs:
                raise ParameterError(
                    f"{option}: only with micrographs; simulated backgrounds have particles of 20 pixels"
                )
        if has_micrographs and (self.diameter_angstrom is None) == (self.diameter_px is None):
            raise ParameterError("backgrounds from micrographs need one of --diameter and --diameter-px")

    def on(self, micrograph: Micrograph) -> float:
        """Diameter in pixels of a micrograph.

        Raises
        ------
        ParameterError
            If no pixel size is known.
        """
        if self.diameter_px is not None:
            return self.diameter_px
        pixel = self.pixel_angstrom or micrograph.pixel_size_angstrom
        if pixel is None:
            raise ParameterError(
                f"{micrograph.path}: the file states no pixel size; give --pixel-size or --diameter-px"
            )
        return (self.diameter_angstrom or math.nan) / pixel

    @property
    def canvas_pixel_angstrom(self) -> float:
        """Pixel size of the pairs; 0, which stands for unknown in MRC files, without a size in Angstrom."""
        from napari_hydrapicker.gan.canvas import CANVAS_DIAMETER_CPX

        diameter = self.diameter_angstrom or (self.diameter_px or 0) * (self.pixel_angstrom or 0)
        return diameter / CANVAS_DIAMETER_CPX


def free_patches_of(
    paths: Sequence[str], scale: Scale, known_empty: bool
) -> tuple[list[Patch], tuple[int, int] | None]:
    """Cut patches out of micrographs.

    Parameters
    ----------
    paths
        Files, folders or patterns; of very many micrographs some are taken.
    scale
        The particle's diameter.
    known_empty
        Whether there are no particles on them.

    Returns
    -------
    patches : list of Patch
    shape : (int, int) or None
        Of the first one's canvas; None without micrographs.

    Raises
    ------
    HydraPickerError
        Naming the micrograph that cannot be read, or that the diameter does not fit to.
    """
    from napari_hydrapicker.gan.background import free_patches
    from napari_hydrapicker.gan.canvas import to_canvas
    from napari_hydrapicker.micrograph import open_micrographs
    from napari_hydrapicker.micrograph_files import find_micrographs

    opened = [one for path in find_micrographs(paths) for one in open_micrographs(path)] if paths else []
    if len(opened) > _MOST_MICROGRAPHS:
        typer.echo(f"{_MOST_MICROGRAPHS} of {len(opened)} micrographs are used, spread evenly")
        step = len(opened) / _MOST_MICROGRAPHS
        opened = [opened[int(i * step)] for i in range(_MOST_MICROGRAPHS)]
    patches: list[Patch] = []
    first = None
    for one in opened:
        diameter_px = scale.on(one)
        try:
            canvas = to_canvas(one.pixels(), diameter_px)
        except HydraPickerError as error:
            raise error if str(one.path) in str(error) else type(error)(f"{one.path}: {error}") from error
        found = free_patches(canvas, known_empty=known_empty)
        share = sum(patch.weight.sum() for patch in found) / canvas.image.size
        typer.echo(f"{one.path}: {share:.0%} taken for background")
        patches += found
        first = first or canvas.shape_cpx
    return patches, first
