"""`hydrapicker pick`: pick particles on micrographs."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_hydrapicker.cli.options import ContrastName, PickerName, Quality
from napari_hydrapicker.cli.pick_loading import identified, picker_spec
from napari_hydrapicker.cli.pick_run import run
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picking.parameters import CGanSpec, Contrast, HydraSpec, PickParameters
from napari_hydrapicker.picking.run_config import RunConfig

if TYPE_CHECKING:
    from napari_hydrapicker.io.micrograph import Micrograph
    from napari_hydrapicker.picking.base import Picker

logger = logging.getLogger(__name__)

_FORMATS = ("star", "box", "cbox", "topaz", "csv")
_MICROGRAPHS = "Files, folders or patterns, or lists of them (RELION's .star, cryoSPARC's .cs)."


def pick(
    micrographs: Annotated[list[str], typer.Argument(metavar="MICROGRAPH", help=_MICROGRAPHS)],
    diameter: Annotated[float, typer.Option(help="The particle's longest diameter, Angstrom.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    pixel_size: Annotated[
        float | None, typer.Option(help="Angstrom per pixel; default: what the files state.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="Least figure of merit, 0..1; 0 keeps all candidates. Default: the network's."),
    ] = None,
    border: Annotated[
        float | None,
        typer.Option(help="Leave out what is this near to an edge, Angstrom; half the diameter by default."),
    ] = None,
    format: Annotated[
        str, typer.Option(help=f"One or more of {','.join(_FORMATS)}, comma separated.")
    ] = "star",
    overlay: Annotated[bool, typer.Option("--overlay", help="Draw a picture of each micrograph.")] = False,
    picker: Annotated[
        PickerName, typer.Option(help="hydra, or cgan, which was trained without any particle.")
    ] = PickerName.HYDRA,
    head: Annotated[
        str | None, typer.Option(help="Head: generic (the default), one of your library, or its file.")
    ] = None,
    library: Annotated[
        Path | None, typer.Option(help="Folder to look for the head in before your heads library.")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Network or generator file, or name of your own generator; default: the bundled."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    no_mask: Annotated[
        bool, typer.Option("--no-mask", help="Pick carbon film, bad ice and blank strips too.")
    ] = False,
    tile: Annotated[
        int | None, typer.Option(help="Side of tiles, working pixels (21 a particle), to save memory.")
    ] = None,
    quality: Annotated[
        Quality,
        typer.Option(help="hydra: best averages over flips and quarter turns, at eight times the cost."),
    ] = Quality.FAST,
    contrast: Annotated[
        ContrastName,
        typer.Option(
            help="hydra: whether particles are dark or light; auto looks at three micrographs first."
        ),
    ] = ContrastName.AUTO,
    no_split: Annotated[
        bool, typer.Option("--no-split", help="cgan: leave out merged marks, as in the paper.")
    ] = False,
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
    check(diameter, pixel_size, threshold, border)
    parameters = PickParameters(diameter_angstrom=diameter, border_angstrom=border, use_mask=not no_mask)
    spec = picker_spec(picker, weights, head, library, tile, no_split, quality, contrast)
    if overwrite and resume:
        raise ParameterError("--overwrite replaces what --resume would keep; give one of them")
    chosen = parse_formats(format)
    opened, unopened = open_named(micrographs)
    doubt_scale(opened, diameter, pixel_size)

    # Not before the arguments are known to make sense: torch takes a second or two to load.
    from napari_hydrapicker.picking.loading import load_picker
    from napari_hydrapicker.picking.outputs import OutputFolder, Settings

    loaded: Picker = load_picker(spec, device)
    network, network_head = identified(spec)
    loaded, seen = looked_at(loaded, spec, with_pixel_size(opened, pixel_size), diameter)
    least = loaded.threshold if threshold is None else threshold
    settings = Settings(out, parameters, chosen, pixel_size, least, overlay, overwrite, resume)
    config = RunConfig(
        picker=picker.value, weights=network, head=network_head, diameter_angstrom=diameter,
        border_angstrom=border, threshold=least, no_mask=no_mask, no_split=no_split, overlay=overlay,
        format=tuple(sorted(chosen)), quality=quality.value, contrast=seen,
    )  # fmt: skip
    run(loaded, opened, OutputFolder(settings, config), unopened, quiet)


def check(diameter: float, pixel_size: float | None, threshold: float | None, border: float | None) -> None:
    """Refuse lengths and a threshold that make no sense; ParameterError names the option."""
    for option, value in (("--diameter", diameter), ("--pixel-size", pixel_size)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ParameterError(f"{option} {value:g}: give a positive number of Angstrom")
    if border is not None and not (math.isfinite(border) and border >= 0):
        raise ParameterError(f"--border {border:g}: give 0 or more Angstrom")
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
    spec: HydraSpec | CGanSpec,
    micrographs: Sequence[Micrograph],
    diameter_angstrom: float,
) -> tuple[Picker, Contrast]:
    """Return the picker for the particles' contrast, and that contrast; warns of what `survey.look_first`
    sees.

    Pickers that know one contrast alone are returned as they are.
    """
    from napari_hydrapicker.picking.hydra import HydraNetPicker
    from napari_hydrapicker.picking.survey import look_first

    if not (isinstance(picker, HydraNetPicker) and isinstance(spec, HydraSpec)):
        return picker, "dark"
    found = look_first(picker, micrographs, diameter_angstrom, spec.known_contrast)
    for remark in found.remarks:
        logger.warning(
            remark.replace("choose the contrast dark", "give --contrast dark").replace(
                "estimate it from more micrographs", "see `hydrapicker diameter`"
            )
        )
    return found.picker, found.picker.contrast
