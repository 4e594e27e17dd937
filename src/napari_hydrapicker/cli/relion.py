"""`hydrapicker relion`: pick as a job of RELION's type *External*."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_hydrapicker.cli.interruption import EXIT_CODE, interruptible
from napari_hydrapicker.cli.pick_options import picking_options
from napari_hydrapicker.errors import MicrographError, ParameterError
from napari_hydrapicker.io.relion_job import RelionJob
from napari_hydrapicker.picking.parameters import NetworkSpec, PickParameters
from napari_hydrapicker.wording import counted

if TYPE_CHECKING:
    from napari_hydrapicker.io.micrograph import Micrograph
    from napari_hydrapicker.picking.base import Picker
    from napari_hydrapicker.picking.outputs import OutputFolder
    from napari_hydrapicker.picking.results import MicrographResult

logger = logging.getLogger(__name__)

CONTEXT_SETTINGS = {"token_normalize_func": lambda name: name.replace("_", "-")}  # RELION writes _ for -
_FOLDER = "--o"
_INTERRUPTED = range(EXIT_CODE - 1, EXIT_CODE + 14)  # SIGHUP, Ctrl-C, SIGTERM


@contextmanager
def watched(arguments: Sequence[str]) -> Iterator[None]:
    """Leave the mark that RELION waits for in the job's folder, however the command ends, even by a typing
    mistake in its parameters: without one the job would run for ever in RELION's eyes.

    Yields
    ------
    None
        To run the command, which leaves the mark of its success itself: printing the help is none.
    """
    folder = _job_folder(arguments)
    if folder is None:
        yield
        return
    job = RelionJob(folder)
    try:
        yield
    except KeyboardInterrupt:
        job.end("ABORTED")
        raise
    except SystemExit as stop:
        if stop.code:
            job.end("ABORTED" if stop.code in _INTERRUPTED else "FAILURE")
        raise
    except Exception:
        if folder.is_dir():
            job.end("FAILURE")
        raise


def _job_folder(arguments: Sequence[str]) -> Path | None:
    for i, one in enumerate(arguments):
        if one == _FOLDER and i + 1 < len(arguments):
            return Path(arguments[i + 1])
        if one.startswith(f"{_FOLDER}="):
            return Path(one.removeprefix(f"{_FOLDER}="))
    return None


@picking_options
def relion(
    in_mics: Annotated[Path, typer.Option("--in_mics", help="RELION gives it: the micrographs STAR file.")],
    o: Annotated[Path, typer.Option(_FOLDER, help="RELION gives it: the job's folder.")],
    parameters: PickParameters,
    spec: NetworkSpec,
    j: Annotated[int, typer.Option("--j", help="RELION gives it: number of threads.")] = 1,
    threshold: Annotated[
        float | None, typer.Option(help="Least figure of merit, 0..1. Default: the network's.")
    ] = None,
    pixel_size: Annotated[
        float | None,
        typer.Option(help="Angstrom per pixel; default: the list's."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Pick all anew in place of going on.")
    ] = False,
    pipeline_control: Annotated[str, typer.Option("--pipeline_control", hidden=True)] = "",
) -> None:
    """Pick as a job of RELION's type External: RELION calls this in the project's folder.

    Writes autopick.star, RELION_OUTPUT_NODES.star, a STAR file for each micrograph and summary.csv into the
    job's folder. A job that is continued leaves out what it has picked.
    """
    # RELION adds `pipeline_control` where a path of the command has "relion_" in it; it repeats `o`.
    from napari_hydrapicker.cli.inputs import doubt_scale
    from napari_hydrapicker.cli.pick import check
    from napari_hydrapicker.cli.pick_run import not_picked, prepare
    from napari_hydrapicker.io.relion_job import open_listed
    from napari_hydrapicker.picking.prepared_run import RunOptions, as_before
    from napari_hydrapicker.picking.results import MicrographResult

    job = RelionJob(o)
    job.begin()
    check(pixel_size, threshold)
    if j < 1:
        raise ParameterError(f"--j {j}: give 1 or more threads")
    listed = open_listed(in_mics)
    if not listed.opened:
        raise MicrographError(
            f"none of the micrographs can be opened ({next(iter(listed.problems.values()))}); RELION's "
            f"jobs run in the project's folder: {in_mics}"
        )
    micrographs = list(listed.opened.values())
    doubt_scale(micrographs, parameters.diameter_angstrom, pixel_size)

    import torch

    torch.set_num_threads(j)
    spec = spec if overwrite else as_before(spec, o)
    run = RunOptions(
        o, spec, parameters, threshold, pixel_size, device, overwrite=overwrite, resume=not overwrite
    )  # fmt: skip
    ready = prepare(run, micrographs)
    unopened = [MicrographResult.failure(path, why) for path, why in listed.problems.items()]
    results = _pick(job, ready.picker, listed.opened, ready.folder, unopened)
    failed, picked = (sum(bool(one.error) is bad for one in results) for bad in (True, False))
    if not picked:
        raise MicrographError(f"none of {counted(failed, 'micrograph')} was picked (see above)")
    if failed:
        logger.warning("%s", not_picked(failed, failed + picked))
    job.end("SUCCESS")


def _pick(
    job: RelionJob,
    picker: Picker,
    listed: Mapping[str, Micrograph],
    folder: OutputFolder,
    unopened: Sequence[MicrographResult],
) -> list[MicrographResult]:
    """Pick what is not picked yet; whatever ends it, write the job's outputs of what is.

    Raises
    ------
    SystemExit
        If the user aborts the job, in RELION or by a signal.
    """
    from napari_hydrapicker.cli.pick_run import ProgressLines, done_of, report
    from napari_hydrapicker.picking.batch import pick_all

    micrographs, failures = folder.begin(list(listed.values()), unopened)
    results = list(failures)
    progress = ProgressLines(len(micrographs))

    def left() -> str:
        return f"{done_of(folder.n_done(micrographs), len(micrographs))}; Continue does the others"

    try:
        with interruptible(left):
            for result in pick_all(picker, micrographs, folder):
                results.append(result)
                progress.advance(result)
                if job.is_to_abort:
                    raise KeyboardInterrupt
    finally:
        folder.write_tables()
        job.write_outputs(_picked(listed, folder))
        report(results, folder.settings)
    return results


def _picked(listed: Mapping[str, Micrograph], folder: OutputFolder) -> dict[str, Path]:
    """The coordinate file of each listed micrograph that is picked, by its name in the list."""
    from napari_hydrapicker.io.coordinates.star import picks_file_name
    from napari_hydrapicker.picking.results import source_of

    names = {name: folder.manifest.name_of(source_of(one)) for name, one in listed.items()}
    return {
        name: folder.settings.out / picks_file_name(own)
        for name, own in names.items()
        if own is not None and own in folder.manifest.picked
    }
