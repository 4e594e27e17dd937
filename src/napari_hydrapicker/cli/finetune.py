"""`hydrapicker finetune`: train a head for one protein on corrected micrographs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_hydrapicker.cli.coordinate_reading import FlipY, Scale, ShowMatch, Swap, parse_reading
from napari_hydrapicker.cli.interruption import interruptible
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.wording import counted

if TYPE_CHECKING:
    from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph
    from napari_hydrapicker.training.few_shot import FewShotParameters, FewShotProgress, FewShotResult

_HARDLY_ANY = 0.1  # average precision


def finetune(
    micrographs: Annotated[
        list[str],
        typer.Argument(metavar="MICROGRAPH", help="Corrected micrographs: files, folders or patterns."),
    ],
    picks: Annotated[Path, typer.Option(help="Coordinate file, or folder of them, with the particles.")],
    diameter: Annotated[float, typer.Option(help="The particle's longest diameter, Angstrom.")],
    name: Annotated[str, typer.Option(help="Of the new head: letters, digits, '-' and '_'.")],
    partial: Annotated[
        bool, typer.Option("--partial", help="Some particles are unmarked: only the marks count.")
    ] = False,
    rejected: Annotated[
        Path | None, typer.Option(help="Coordinate file or folder with deleted picks: what is no particle.")
    ] = None,
    threshold: Annotated[
        float, typer.Option(help="Leave out picks whose figure of merit is lower than this.")
    ] = 0.0,
    flip_y: FlipY = False,
    swap: Swap = False,
    scale: Scale = 1.0,
    match: ShowMatch = False,
    pixel_size: Annotated[
        float | None, typer.Option(help="Angstrom per pixel; default: what the files state.")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="Network file; default: the bundled one.")] = None,
    library: Annotated[
        Path | None, typer.Option(help="Folder to keep the head in; default: your heads library.")
    ] = None,
    frozen_body: Annotated[
        bool, typer.Option("--frozen-body", help="Train the head alone, not a copy of the body with it.")
    ] = False,
    steps: Annotated[int | None, typer.Option(help="Most optimisation steps.")] = None,
    memory: Annotated[float | None, typer.Option(help="Gigabytes for cached features.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a head of this name.")] = False,
) -> None:
    """Train a head for one protein on a few corrected micrographs.

    The micrographs' particles are read from --picks, matched by name; a micrograph without any is skipped.
    They count as complete, all else as background, unless --partial is given. With two or more micrographs
    one in five, at least one, is held out, and decides when to stop. `hydrapicker pick --head NAME` then
    picks with the head.
    """
    _check(diameter, pixel_size, threshold, seed)
    from napari_hydrapicker.cli.finetune_examples import read_examples
    from napari_hydrapicker.cli.inputs import doubt_scale, with_pixel_size
    from napari_hydrapicker.hydra.head_record import check_head_name
    from napari_hydrapicker.picking.library import HeadLibrary, check_not_own, user_library

    check_head_name(name)
    check_not_own(name, weights)
    kept = user_library() if library is None else HeadLibrary(library)
    examples = read_examples(
        micrographs, picks, rejected, threshold, not partial, pixel_size,
        parse_reading(flip_y, swap, scale), match,
    )  # fmt: skip
    if not overwrite and name in kept.names():
        raise ParameterError(
            f"there is a head called {name!r} already; choose another --name, or --overwrite"
        )
    stated = [one.micrograph for one in examples]
    doubt_scale(stated, diameter, pixel_size)
    examples = [
        replace(one, micrograph=known)
        for one, known in zip(examples, with_pixel_size(stated, pixel_size), strict=True)
    ]

    # Not before the arguments are known to make sense: torch takes a second or two to load.
    from napari_hydrapicker.hydra.device import choose_device
    from napari_hydrapicker.hydra.weights import load
    from napari_hydrapicker.picking.library import bundled_path
    from napari_hydrapicker.training import finetune as job
    from napari_hydrapicker.training.kept_head import check_writable, keep

    model, metadata = load(weights or bundled_path(), [])
    parameters = _parameters(frozen_body, steps, memory, seed)
    target = choose_device(device)
    check_writable(kept)
    with interruptible(lambda: "no head was made"):
        with _Display() as display:
            result, record = job.finetune(
                model.to(target), metadata, examples, diameter, name, parameters, report=display.show
            )
        path = keep(kept, result, record, overwrite)
    if path.stem != name:
        typer.echo(f"{name!r} was given to another head meanwhile; this one is {path.stem!r}")
    _report(result, examples, path)


def _check(diameter: float, pixel_size: float | None, threshold: float, seed: int) -> None:
    if seed < 0:
        raise ParameterError(f"--seed {seed}: give 0 or more")
    for option, value in (("--diameter", diameter), ("--pixel-size", pixel_size)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ParameterError(f"{option} {value:g}: give a positive number of Angstrom")
    if not 0 <= threshold <= 1:
        raise ParameterError(f"--threshold {threshold:g}: give a number from 0 to 1")


def _parameters(
    frozen_body: bool, steps: int | None, memory_gb: float | None, seed: int
) -> FewShotParameters:
    from napari_hydrapicker.training.few_shot import FewShotParameters

    given: dict[str, Any] = {"seed": seed, "adapt_body": False if frozen_body else None}
    if steps is not None:
        if steps < 1:
            raise ParameterError(f"--steps {steps}: give 1 or more")
        given["steps"] = steps
    if memory_gb is not None:
        if not (math.isfinite(memory_gb) and memory_gb > 0):
            raise ParameterError(f"--memory {memory_gb:g}: give a positive number of gigabytes")
        given["memory_bytes"] = int(memory_gb * 1e9)
    return FewShotParameters(**given)


class _Display:
    """A line of progress that is written over and over."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        console = Console(stderr=True)
        hidden = not console.is_terminal  # in a log it would leave an empty line
        self._progress = Progress(*columns, console=console, transient=True, disable=hidden)
        self._task = self._progress.add_task("reading micrographs", total=None)

    def __enter__(self) -> _Display:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, p: FewShotProgress) -> None:
        text = f"{p.stage}, loss {p.loss:.2f}" if math.isfinite(p.loss) else p.stage
        if p.validation_ap is not None:
            text += f", AP {p.validation_ap:.3f}"
        self._progress.update(self._task, description=text, completed=p.done, total=p.total)


def _report(result: FewShotResult, examples: Sequence[AnnotatedMicrograph], path: Path) -> None:
    from napari_hydrapicker.training.annotated_micrograph import MARKS_DO_NOT_TELL

    before, after = result.before.ap, result.after.ap
    on = "held-out micrographs" if result.held_out else "the micrographs it was trained on"
    if result.by_area:
        on = "a held-out part of the micrograph"
    typer.echo(
        f"{counted(len(examples), 'micrograph')}, "
        f"{counted(sum(len(one.yx) for one in examples), 'particle')}, "
        f"{counted(result.steps, 'step')}, {result.seconds:.0f} s"
    )
    marks = "the marks of " if result.marks_only else ""
    typer.echo(f"AP on {marks}{on}: generic head {before:.3f}, new head {after:.3f}")
    if before < _HARDLY_ANY and not result.marks_only:
        typer.echo(
            "The generic head finds hardly any of the marked particles: are --diameter, the pixel size and "
            "the positions right?"
        )
    if result.marks_only:
        typer.echo(MARKS_DO_NOT_TELL.format("look at its picks"))
    elif result.better is False and after > before:
        typer.echo(
            f"So small a gain may be chance (standard error {result.error:.3f}): correct more, or compare "
            "the picks of both heads"
        )
    elif result.better is False:
        typer.echo(
            "The new head is no better than the generic one: correct more, or pick with the generic head"
        )
    typer.echo(f"head written to {path}")
