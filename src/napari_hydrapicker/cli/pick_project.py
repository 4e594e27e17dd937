"""`hydrapicker pick --project`: the micrographs of a window's project, and their picks back into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from napari_hydrapicker.cli.pick_run import run
from napari_hydrapicker.cli.spread import Spread
from napari_hydrapicker.errors import MicrographError, ParameterError, ProjectError
from napari_hydrapicker.picking.parameters import NetworkSpec, RunConfig

if TYPE_CHECKING:
    from napari_hydrapicker.io.micrograph import Micrograph
    from napari_hydrapicker.picking.base import Picker

Look = Callable[["Picker", NetworkSpec, "Sequence[Micrograph]", float], "tuple[Picker, NetworkSpec]"]
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
    look: Look,
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
    look
        Finds out the particles' contrast, and warns.
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
    from napari_hydrapicker.picking.base import load_picker
    from napari_hydrapicker.picking.library import identified
    from napari_hydrapicker.picking.outputs import OutputFolder, Settings

    if spread.devices == ("auto",) and spread.scheduler is None:
        spread = replace(spread, devices=(s.device,))
    loaded = load_picker(handed.spec, spread.device_here)
    picker, spec = look(loaded, handed.spec, handed.micrographs, s.diameter_angstrom)
    folder = out or project.results_folder(path)
    # The window cuts by score: it has all candidates.
    settings = Settings(folder, s.parameters, formats=(), threshold=0.0, overwrite=overwrite, resume=resume)
    config = RunConfig.of(spec, identified(spec), s.parameters, threshold=0.0, formats=())
    failed: MicrographError | None = None
    try:
        run(
            picker, handed.micrographs, OutputFolder(settings, config), quiet=quiet,
            engine=spread.engine(picker, spec),
        )  # fmt: skip
    except MicrographError as error:
        failed = error
    try:
        n = project.take_in(path, handed, folder, picker.threshold)
    except ProjectError as error:
        raise ProjectError(
            f"{error}; the picks are in {folder}: close the window, then the same command with --resume "
            "takes them in, and picks nothing again"
        ) from error
    if not quiet:
        typer.echo(f"the picks of {n} micrographs are in {path}")
    if failed is not None:
        raise failed
