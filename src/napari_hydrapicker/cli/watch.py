"""`hydrapicker watch`: pick micrographs as they appear."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_hydrapicker.cli.interruption import interruptible
from napari_hydrapicker.cli.pick_options import picking_options
from napari_hydrapicker.errors import MicrographError, ParameterError
from napari_hydrapicker.picking.parameters import NetworkSpec, PickParameters
from napari_hydrapicker.wording import by_number, counted

if TYPE_CHECKING:
    from napari_hydrapicker.io.micrograph import Micrograph
    from napari_hydrapicker.picking.base import Picker
    from napari_hydrapicker.picking.outputs import OutputFolder

logger = logging.getLogger(__name__)

_LISTED = 50


@picking_options
def watch(
    folders: Annotated[
        list[str],
        typer.Argument(metavar="FOLDER", help="Folders, patterns, or lists (.star, .cs) that grow."),
    ],
    parameters: PickParameters,
    spec: NetworkSpec,
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    every: Annotated[float, typer.Option(help="Seconds between two looks.")] = 15.0,
    stop_after: Annotated[
        float | None, typer.Option(help="End when nothing has come for so many minutes; default: never.")
    ] = None,
    pixel_size: Annotated[
        float | None, typer.Option(help="Angstrom per pixel; default: what the files state.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Least figure of merit, 0..1. Default: the network's.")
    ] = None,
    format: Annotated[str, typer.Option(help="As of pick, comma separated.")] = "star",
    overlay: Annotated[bool, typer.Option("--overlay", help="Draw a picture of each micrograph.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Pick micrographs as they appear, for days if need be, until Ctrl-C ends it.

    A file is picked once it is complete. Beside what `hydrapicker pick` writes, --out receives live.csv and
    live.png: picks, confidence and doubt in the course of time. The same command goes on where one before
    ended.
    """
    from napari_hydrapicker.cli.pick import check, parse_formats
    from napari_hydrapicker.cli.pick_run import prepare
    from napari_hydrapicker.cluster.arrivals import Arrivals
    from napari_hydrapicker.picking.prepared_run import RunOptions, as_before

    check(pixel_size, threshold)
    for option, value in (("--every", every), ("--stop-after", stop_after)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ParameterError(f"{option} {value:g}: give a positive number")
    missing = next((one for one in folders if not _may_grow(one)), None)
    if missing is not None:
        raise MicrographError(f"no such folder, list or pattern: {missing}; make the folder first")
    options = RunOptions(
        out, spec, parameters, threshold, pixel_size, device, parse_formats(format), overlay, resume=True
    )
    arrivals = Arrivals(folders)

    def begin(first: Sequence[Micrograph]) -> tuple[Picker, OutputFolder]:
        from napari_hydrapicker.cli.inputs import doubt_scale

        doubt_scale(first, parameters.diameter_angstrom, pixel_size)
        ready = prepare(replace(options, spec=as_before(spec, out)), first)
        return ready.picker, ready.folder

    from napari_hydrapicker.cluster.watch import Watch

    watching = Watch(arrivals, begin)
    logger.info("watching %s; Ctrl-C ends it", ", ".join(folders))
    try:
        with interruptible(
            lambda: f"{counted(watching.n_picked, 'micrograph')} picked; the same command goes on"
        ):
            watching.run(every, None if stop_after is None else 60 * stop_after)
    finally:
        watching.close()
        unfinished = arrivals.unfinished
        for path, why in list(unfinished.items())[:_LISTED]:
            logger.warning("not finished: %s", why if str(path) in why else f"{path}: {why}")
        if len(unfinished) > _LISTED:
            logger.warning("not finished: %d more", len(unfinished) - _LISTED)
    typer.echo(
        f"{counted(watching.n_picks, 'pick')} on {counted(watching.n_picked, 'micrograph')}, written as "
        f"{', '.join(options.formats)} to {out}"
    )
    left = len(unfinished) + watching.n_failed
    if left:
        raise MicrographError(
            f"{counted(left, 'file')} {by_number(left, 'was', 'were')} not finished or not picked (see above)"
        )


def _may_grow(name: str) -> bool:
    """Whether micrographs may come under a name: a folder or list that is there, or a pattern."""
    import glob
    import os

    path = os.path.expanduser(name)
    return os.path.exists(path) or glob.has_magic(path)
