"""`hydrapicker pick --project`: the micrographs of a window's project, and their picks back into it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from napari_hydrapicker.cli.pick_loading import identified
from napari_hydrapicker.cli.pick_run import run
from napari_hydrapicker.cli.spread import Spread
from napari_hydrapicker.errors import MicrographError, ParameterError, ProjectError
from napari_hydrapicker.picking.parameters import CGanSpec, Contrast, HydraSpec
from napari_hydrapicker.picking.run_config import RunConfig

if TYPE_CHECKING:
    from napari_hydrapicker.io.micrograph import Micrograph
    from napari_hydrapicker.picking.base import Picker

Look = Callable[["Picker", HydraSpec | CGanSpec, "Sequence[Micrograph]", float], "tuple[Picker, Contrast]"]
logger = logging.getLogger(__name__)


def pick_project(
    path: Path,
    out: Path | None,
    given: Mapping[str, object],
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
    given
        Options that do not go with a project, by name, and whether they are given.
    look
        Finds out the particles' contrast, and warns.
    spread, overwrite, resume, quiet
        As of `hydrapicker pick`.

    Raises
    ------
    ParameterError
        If an option does not go with a project.
    ProjectError
        If a window has the project open when all is picked.
    MicrographError
        If a micrograph was not picked; the others are in the project.
    """
    for name, value in given.items():
        if value:
            raise ParameterError(f"{name}: the project says what to pick and how; leave it out, or --project")
    from napari_hydrapicker.cluster import project

    handed = project.read(path)
    s = handed.settings
    from napari_hydrapicker.picking.loading import load_network
    from napari_hydrapicker.picking.outputs import OutputFolder, Settings

    if spread.devices == ("auto",) and spread.scheduler is None:
        spread = replace(spread, devices=(s.device,))
    loaded = load_network(handed.spec, spread.device_here)
    network, head = identified(handed.spec)
    picker, seen = look(loaded, handed.spec, handed.micrographs, s.diameter_angstrom)
    spec = handed.spec
    if isinstance(spec, HydraSpec):
        spec = spec.model_copy(update={"contrast": seen})
    folder = out or project.results_folder(path)
    # The window cuts by score: it has all candidates.
    settings = Settings(folder, s.parameters, formats=(), threshold=0.0, overwrite=overwrite, resume=resume)
    config = RunConfig(
        picker=spec.kind, weights=network, head=head, diameter_angstrom=s.diameter_angstrom,
        border_angstrom=s.border_angstrom, threshold=0.0, no_mask=not s.use_mask, no_split=False,
        overlay=False, format=(), quality=s.quality, contrast=seen,
    )  # fmt: skip
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
