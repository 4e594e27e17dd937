"""`hydrapicker pick`: pick particles on micrographs."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Annotated

import typer

from napari_hydrapicker.cli.pick_options import picking_options
from napari_hydrapicker.cli.pick_run import prepare, run
from napari_hydrapicker.cli.spread import ClusterName, Spread
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picking.parameters import NetworkSpec, PickParameters
from napari_hydrapicker.picking.prepared_run import RunOptions

_FORMATS = ("star", "box", "cbox", "topaz", "csv")
_MICROGRAPHS = "Files, folders or patterns, or lists of them (RELION's .star, cryoSPARC's .cs)."


@picking_options
def pick(
    context: typer.Context,
    micrographs: Annotated[
        list[str] | None, typer.Argument(metavar="MICROGRAPH", help=_MICROGRAPHS, show_default=False)
    ] = None,
    *,
    parameters: PickParameters | None = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.", show_default=False)] = None,
    spec: NetworkSpec,
    project: Annotated[
        Path | None,
        typer.Option(help="Project of the window: pick its micrographs with its settings, into it."),
    ] = None,
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
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda or mps; cuda:0,cuda:1 for a process on each.")
    ] = "auto",
    workers: Annotated[
        int | None, typer.Option(help="Number of processes, each with a network.", show_default=False)
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(help="Threads of each that read ahead; default: what suits the device."),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Pick on this dask cluster: address or file of its scheduler.")
    ] = None,
    cluster: Annotated[
        ClusterName | None, typer.Option(help="Pick in processes of this machine, restarted if they die.")
    ] = None,
    shard: Annotated[
        str | None, typer.Option(help="Pick this part of the micrographs, 3/8 say; then hydrapicker merge.")
    ] = None,
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
    if quiet or verbose:
        logging.getLogger("napari_hydrapicker").setLevel(logging.WARNING if quiet else logging.DEBUG)
    spread = Spread.of_options(workers, threads, device, scheduler, cluster, shard)
    if overwrite and resume:
        raise ParameterError("--overwrite replaces what --resume would keep; give one of them")
    if project is not None:
        from napari_hydrapicker.cli.pick_project import check_options, pick_project

        check_options(context)
        pick_project(project, out, spread, overwrite, resume, quiet)
        return
    if not micrographs or parameters is None or out is None:
        raise ParameterError("give micrographs, --diameter and --out, or --project")
    check(pixel_size, threshold)
    chosen = parse_formats(format)
    from napari_hydrapicker.cli.inputs import doubt_scale, open_named  # with scipy: not for a wrong option

    opened, unopened = open_named(micrographs)
    doubt_scale(opened, parameters.diameter_angstrom, pixel_size)

    options = RunOptions(
        out, spec, parameters, threshold, pixel_size, spread.device_here, chosen, overlay, overwrite, resume,
        spread.shard,
    )  # fmt: skip
    ready = prepare(options, opened)  # all shards look at the same: what they see holds for all
    if spread.shard is not None:
        opened, unopened = spread.shard.of(opened), spread.shard.of(unopened)
    run(ready.picker, opened, ready.folder, unopened, quiet, spread.engine(ready.picker, ready.spec))


def check(pixel_size: float | None, threshold: float | None) -> None:
    """Refuse a pixel size and a threshold that make no sense; ParameterError names the option."""
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
