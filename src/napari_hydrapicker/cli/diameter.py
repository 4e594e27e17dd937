"""`hydrapicker diameter`: estimate the particles' diameter by picking a few micrographs at several."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from napari_hydrapicker.errors import MicrographError, ParameterError


class ContrastName(StrEnum):
    """How particles stand out from the background."""

    AUTO = "auto"
    DARK = "dark"
    LIGHT = "light"


def diameter(
    micrographs: Annotated[
        list[str], typer.Argument(metavar="MICROGRAPH", help="Files, folders or patterns, or lists of them.")
    ],
    stated: Annotated[
        float | None, typer.Option("--diameter", help="Look around this one, Angstrom; default: 80 to 900.")
    ] = None,
    pixel_size: Annotated[
        float | None, typer.Option(help="Angstrom per pixel; default: what the files state.")
    ] = None,
    number: Annotated[int, typer.Option(help="How many of the micrographs to look at.")] = 3,
    contrast: Annotated[
        ContrastName, typer.Option(help="Whether particles are dark or light; auto finds out.")
    ] = ContrastName.AUTO,
    weights: Annotated[Path | None, typer.Option(help="Network file; default: the bundled.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Estimate the particles' diameter.

    Picks a few micrographs with the generic head at several diameters, and measures the mean of the particles
    that the network is sure of.
    """
    from napari_hydrapicker.cli.inputs import doubt_pixel_size, open_named, with_pixel_size

    for option, value in (("--diameter", stated), ("--pixel-size", pixel_size)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ParameterError(f"{option} {value:g}: give a positive number of Angstrom")
    if number < 1:
        raise ParameterError(f"--number {number}: give 1 or more")
    opened, unopened = open_named(micrographs)
    if not opened:
        raise MicrographError(unopened[0].error)

    doubt_pixel_size(opened, pixel_size)

    from rich.console import Console

    from napari_hydrapicker.picking.hydra import HydraNetPicker
    from napari_hydrapicker.picking.parameters import HydraSpec
    from napari_hydrapicker.picking.survey import chosen_for_survey, estimate_diameter

    spec = HydraSpec(weights=weights, contrast=contrast.value)
    picker = HydraNetPicker.load(spec, device)
    few = with_pixel_size(chosen_for_survey(opened, number), pixel_size)
    with Console(stderr=True).status("looking at several diameters"):
        found, seen = estimate_diameter(picker, few, stated, spec.known_contrast)
    for one in found.trials:
        measured = (
            "" if math.isnan(one.measured_angstrom) else f", about {one.measured_angstrom:.0f} A across"
        )
        typer.echo(f"{one.diameter_angstrom:6.0f} A: {one.particles:6.1f} particles a micrograph{measured}")
    if not found.is_telling:
        raise MicrographError(
            f"{few[0].path}: hardly a particle is found at any of these diameters; give --diameter to look "
            "around another, or check the pixel size"
        )
    typer.echo(f"about {found.best_angstrom:.0f} A, particles {seen}")
