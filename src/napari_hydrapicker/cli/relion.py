"""`hydrapicker relion`: pick as a job of RELION's type *External*."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_hydrapicker.cli.interruption import EXIT_CODE, interruptible
from napari_hydrapicker.cli.options import ContrastName, PickerName, Quality
from napari_hydrapicker.errors import MicrographError, ParameterError
from napari_hydrapicker.io.relion_job import RelionJob

if TYPE_CHECKING:
    from napari_hydrapicker.io.micrograph import Micrograph
    from napari_hydrapicker.picking.base import Picker
    from napari_hydrapicker.picking.manifest import MicrographResult
    from napari_hydrapicker.picking.outputs import OutputFolder

logger = logging.getLogger(__name__)

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


def relion(
    in_mics: Annotated[Path, typer.Option("--in_mics", help="RELION gives it: the micrographs STAR file.")],
    o: Annotated[Path, typer.Option(_FOLDER, help="RELION gives it: the job's folder.")],
    diameter: Annotated[float, typer.Option(help="The particle's longest diameter, Angstrom.")],
    j: Annotated[int, typer.Option("--j", help="RELION gives it: number of threads.")] = 1,
    threshold: Annotated[
        float | None, typer.Option(help="Least figure of merit, 0..1. Default: the network's.")
    ] = None,
    border: Annotated[
        float | None, typer.Option(help="Leave out what is this near to an edge, Angstrom.")
    ] = None,
    pixel_size: Annotated[
        float | None,
        typer.Option("--pixel-size", "--pixel_size", help="Angstrom per pixel; default: the list's."),
    ] = None,
    picker: Annotated[PickerName, typer.Option(help="hydra, or cgan.")] = PickerName.HYDRA,
    head: Annotated[str | None, typer.Option(help="Head: generic, one of your library, or its file.")] = None,
    library: Annotated[Path | None, typer.Option(help="Folder to look for the head in first.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Network or generator; default: the bundled.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    quality: Annotated[Quality, typer.Option(help="hydra: fast, or best at eight times the cost.")] = (
        Quality.FAST
    ),
    contrast: Annotated[ContrastName, typer.Option(help="hydra: dark or light particles, or auto.")] = (
        ContrastName.AUTO
    ),
    no_mask: Annotated[
        bool, typer.Option("--no-mask", "--no_mask", help="Pick carbon film, bad ice and blank strips too.")
    ] = False,
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
    from napari_hydrapicker.cli.pick_loading import picker_spec
    from napari_hydrapicker.cli.prepared_run import RunOptions, prepared
    from napari_hydrapicker.io.relion_job import open_listed
    from napari_hydrapicker.picking.manifest import MicrographResult
    from napari_hydrapicker.picking.parameters import PickParameters

    job = RelionJob(o)
    job.begin()
    check(diameter, pixel_size, threshold, border)
    if j < 1:
        raise ParameterError(f"--j {j}: give 1 or more threads")
    listed = open_listed(in_mics)
    if not listed.opened:
        raise MicrographError(
            f"none of the micrographs can be opened ({next(iter(listed.problems.values()))}); RELION's "
            f"jobs run in the project's folder: {in_mics}"
        )
    spec = picker_spec(picker, weights, head, library, quality=quality, contrast=contrast)
    parameters = PickParameters(diameter_angstrom=diameter, border_angstrom=border, use_mask=not no_mask)
    micrographs = list(listed.opened.values())
    doubt_scale(micrographs, diameter, pixel_size)

    import torch

    torch.set_num_threads(j)
    run = RunOptions(o, spec, parameters, threshold, pixel_size, device, overwrite=overwrite)
    loaded, folder = prepared(run, micrographs)
    unopened = [MicrographResult.failure(path, why) for path, why in listed.problems.items()]
    results = _pick(job, loaded, listed.opened, folder, unopened)
    failed, picked = (sum(bool(one.error) is bad for one in results) for bad in (True, False))
    if not picked:
        raise MicrographError(f"none of {failed} micrographs was picked (see above)")
    if failed:
        logger.warning("%d of %d micrographs were not picked (see above)", failed, failed + picked)
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
    from napari_hydrapicker.cli.pick_run import ProgressLines, report
    from napari_hydrapicker.picking.batch import pick_all

    micrographs, failures = folder.begin(list(listed.values()), unopened)
    results = list(failures)
    progress = ProgressLines(len(micrographs))

    def left() -> str:
        done = folder.n_done(micrographs)
        return f"{done} of {len(micrographs)} micrographs are done; Continue does the others"

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
    from napari_hydrapicker.picking.manifest import source_of

    names = {name: folder.manifest.name_of(source_of(one)) for name, one in listed.items()}
    return {
        name: folder.settings.out / picks_file_name(own)
        for name, own in names.items()
        if own is not None and own in folder.manifest.picked
    }
