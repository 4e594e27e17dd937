"""`hydrapicker pick`: pick particles on micrographs."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_hydrapicker.cli.pick_options import picking_options
from napari_hydrapicker.cli.pick_run import run
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picking.base import Picker, load_picker
from napari_hydrapicker.picking.parameters import HydraSpec, NetworkSpec, PickParameters, RunConfig

if TYPE_CHECKING:
    from napari_hydrapicker.io.micrograph import Micrograph

logger = logging.getLogger(__name__)

_FORMATS = ("star", "box", "cbox", "topaz", "csv")
_MICROGRAPHS = "Files, folders or patterns, or lists of them (RELION's .star, cryoSPARC's .cs)."


@picking_options
def pick(
    micrographs: Annotated[list[str], typer.Argument(metavar="MICROGRAPH", help=_MICROGRAPHS)],
    parameters: PickParameters,
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    spec: NetworkSpec,
    pixel_size: Annotated[
        float | None, typer.Option(help="Angstrom per pixel; default: what the files state.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="Least figure of merit, 0..1; 0 keeps all candidates. Default: the network's."),
    ] = None,
    format: Annotated[
        str, typer.Option(help=f"One or more of {','.join(_FORMATS)}, comma separated.")
    ] = "star",
    overlay: Annotated[bool, typer.Option("--overlay", help="Draw a picture of each micrograph.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on: leave out what was picked into --out before.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print warnings and errors only.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Print a line for each micrograph.")] = False,
) -> None:
    """Pick particles on micrographs.

    Writes coordinates for each micrograph, and summary.csv, into the folder --out. Positions are centres in
    pixels of the micrograph; the figure of merit is the probability of a particle.
    """
    from napari_hydrapicker.cli.inputs import doubt_scale, open_named, with_pixel_size

    if quiet or verbose:
        logging.getLogger("napari_hydrapicker").setLevel(logging.WARNING if quiet else logging.DEBUG)
    _check(pixel_size, threshold)
    if overwrite and resume:
        raise ParameterError("--overwrite replaces what --resume would keep; give one of them")
    chosen = parse_formats(format)
    opened, unopened = open_named(micrographs)
    doubt_scale(opened, parameters.diameter_angstrom, pixel_size)

    # Not before the arguments are known to make sense: torch takes a second or two to load.
    from napari_hydrapicker.picking.library import identified
    from napari_hydrapicker.picking.outputs import OutputFolder, Settings

    picker = load_picker(spec, device)
    picker, spec = looked_at(picker, spec, with_pixel_size(opened, pixel_size), parameters.diameter_angstrom)
    least = picker.threshold if threshold is None else threshold
    settings = Settings(out, parameters, chosen, pixel_size, least, overlay, overwrite, resume)
    config = RunConfig.of(spec, identified(spec), parameters, least, chosen, overlay)
    run(picker, opened, OutputFolder(settings, config), unopened, quiet)


def _check(pixel_size: float | None, threshold: float | None) -> None:
    if pixel_size is not None and not (math.isfinite(pixel_size) and pixel_size > 0):
        raise ParameterError(f"--pixel-size {pixel_size:g}: give a positive number of Angstrom")
    if threshold is not None and not 0 <= threshold <= 1:
        raise ParameterError(f"--threshold {threshold:g}: give a number from 0 to 1")


def parse_formats(text: str) -> tuple[str, ...]:
    """Return the formats that --format names, each once; ParameterError for one that is not known."""
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in _FORMATS]
    if unknown or not names:
        raise ParameterError(f"--format {text}: give one or more of {','.join(_FORMATS)}")
    return names


def looked_at(
    picker: Picker,
    spec: NetworkSpec,
    micrographs: Sequence[Micrograph],
    diameter_angstrom: float,
) -> tuple[Picker, NetworkSpec]:
    """Return the picker for the particles' contrast, and its specification with that contrast.

    Warns of what `survey.look_first` sees. Pickers that know one contrast alone are returned as they are.
    """
    from napari_hydrapicker.picking.survey import look_first

    if not isinstance(spec, HydraSpec):
        return picker, spec
    seen = look_first(picker, micrographs, diameter_angstrom, spec.known_contrast)
    for remark in seen.remarks:
        logger.warning(
            remark.replace("choose the contrast dark", "give --contrast dark").replace(
                "estimate it from more micrographs", "see `hydrapicker diameter`"
            )
        )
    return seen.picker, spec.model_copy(update={"contrast": seen.contrast})
