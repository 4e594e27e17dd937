"""`hydrapicker pick --project`: the micrographs of a window's project, and their picks back into it."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import typer

from napari_hydrapicker.cli.pick_run import prepare, run
from napari_hydrapicker.cli.spread import Spread
from napari_hydrapicker.errors import MicrographError, ParameterError
from napari_hydrapicker.picking.prepared_run import RunOptions
from napari_hydrapicker.wording import counted

logger = logging.getLogger(__name__)

_GO_WITH = {
    "project", "out", "workers", "threads", "device", "scheduler", "cluster", "overwrite", "resume", "quiet",
    "verbose",
}  # fmt: skip


def check_options(context: typer.Context) -> None:
    """Refuse options that do not go with a project.

    Raises
    ------
    ParameterError
        If one was given: the project says what to pick, and how.
    """
    for one in context.command.params:
        source = context.get_parameter_source(one.name or "")
        if source is not None and source.name == "COMMANDLINE" and one.name not in _GO_WITH:
            called = one.opts[0] if one.opts[0].startswith("-") else str(one.metavar)
            raise ParameterError(
                f"{called}: the project says what to pick and how; leave it out, or --project"
            )


def pick_project(
    path: Path,
    out: Path | None,
    spread: Spread,
    overwrite: bool,
    resume: bool,
    quiet: bool,
) -> None:
    """Pick the micrographs of a project as its window would, and take the picks into it.

    A window that has it open is left to take them in.

    Parameters
    ----------
    path
        The project.
    out
        Folder that keeps the picks until they are in the project; None: one beside it.
    spread, overwrite, resume, quiet
        As of `hydrapicker pick`.

    Raises
    ------
    ProjectError
        If the project cannot be written when all is picked.
    MicrographError
        If a micrograph was not picked; the others are in the project.
    """
    from napari_hydrapicker.cluster import project

    handed = project.read(path)
    s = handed.settings
    if spread.devices == ("auto",) and spread.scheduler is None:
        spread = replace(spread, devices=(s.device,))
    folder = out or project.results_folder(path)
    options = RunOptions(
        folder, handed.spec, s.parameters, device=spread.device_here, overwrite=overwrite, resume=resume,
        threshold=0.0, formats=(),  # the window cuts by score: it has all candidates
    )  # fmt: skip
    ready = prepare(options, handed.micrographs)
    failed: MicrographError | None = None
    try:
        run(
            ready.picker, handed.micrographs, ready.folder, quiet=quiet,
            engine=spread.engine(ready.picker, ready.spec),
        )  # fmt: skip
    except MicrographError as error:
        failed = error
    project.leave_note(path, handed, folder, ready.picker.threshold)
    n = project.take_in(path)
    if n is None:
        logger.warning(
            "a window has the project open, and offers the picks there, under Pick; once it is closed, the "
            "same command with --resume takes them in as well: %s",
            path,
        )
    elif not quiet:
        typer.echo(f"the picks of {counted(n, 'micrograph')} are in {path}")
    if failed is not None:
        raise failed
