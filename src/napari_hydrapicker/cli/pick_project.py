"""`hydrapicker pick --project`: the micrographs of a window's project, and their picks back into it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import typer

from napari_hydrapicker.cli.pick_run import run
from napari_hydrapicker.cli.prepared_run import RunOptions, prepared
from napari_hydrapicker.cli.spread import Spread
from napari_hydrapicker.errors import MicrographError, ParameterError, ProjectError

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
        If a window has the project open when all is picked.
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
    ready = prepared(options, handed.micrographs)
    failed: MicrographError | None = None
    try:
        run(
            ready.picker, handed.micrographs, ready.folder, quiet=quiet,
            engine=spread.engine(ready.picker, ready.spec),
        )  # fmt: skip
    except MicrographError as error:
        failed = error
    try:
        n = project.take_in(path, handed, folder, ready.picker.threshold)
    except ProjectError as error:
        raise ProjectError(
            f"{error}; the picks are in {folder}: close the window, then the same command with --resume "
            "takes them in, and picks nothing again"
        ) from error
    if not quiet:
        typer.echo(f"the picks of {n} micrographs are in {path}")
    if failed is not None:
        raise failed
