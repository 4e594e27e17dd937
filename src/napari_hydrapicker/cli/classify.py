"""`hydrapicker classify`: 2-D classes of picks, to see what was picked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_hydrapicker.cli.coordinate_reading import open_known, warn_of_frame
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.wording import counted

if TYPE_CHECKING:
    from napari_hydrapicker.classes.classify import Classes, Progress


def classify(
    picks: Annotated[Path, typer.Argument(metavar="PICKS", help="Folder or file with picks, any format.")],
    micrographs: Annotated[
        list[str], typer.Option(help="Files, folders, patterns or other programs' lists; repeatable.")
    ],
    diameter: Annotated[float, typer.Option(help="The particle's longest diameter, Angstrom.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    classes: Annotated[
        int | None, typer.Option(help="How many classes; by default one for each 50 picks, 4 to 30.")
    ] = None,
    max_picks: Annotated[
        int, typer.Option(help="Make the classes of this many picks, drawn evenly from all micrographs.")
    ] = 3000,
    sample_only: Annotated[
        bool,
        typer.Option("--sample-only", help="Leave the other picks in no class: see what is picked, fast."),
    ] = False,
    threshold: Annotated[
        float | None, typer.Option(help="Leave out picks of a lower score; those without one stay.")
    ] = None,
    ctf: Annotated[
        Path | None,
        typer.Option(help="List with the defocus (micrographs_ctf.star, exposures .cs): flips phases."),
    ] = None,
    pixel_size: Annotated[
        float | None, typer.Option(help="Angstrom per pixel; default: the files' own.")
    ] = None,
    light: Annotated[bool, typer.Option("--light", help="Particles are light on dark.")] = False,
    seed: Annotated[int, typer.Option(help="The same seed gives the same classes.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Sort picks into classes and average each, to see what was picked.

    Writes classes.png, a picture of the averages; classes.mrcs, the averages; classes.csv, what is known of
    each; and particles.star, the picks with their classes, into the folder --out. Then `hydrapicker select`
    keeps the classes that are particles.
    """
    from napari_hydrapicker.cli.inputs import with_pixel_size
    from napari_hydrapicker.errors import check_positive
    from napari_hydrapicker.io.coordinates.folder import read_matched

    check_positive(diameter=diameter, pixel_size=pixel_size)
    known = with_pixel_size(open_known(micrographs), pixel_size)
    found, match = read_matched(picks, known)
    for line in match.skipped("micrographs", "picks", True):
        typer.echo(line, err=True)
    pairs = [(one, own) for one, own in zip(known, found, strict=True) if own is not None]
    if not pairs:
        raise ParameterError(f"{picks}: no picks for these micrographs; are they the right ones?")
    warn_of_frame(
        picks, pairs, how=f"convert them first: hydrapicker convert {picks} OUT --micrographs ... {{options}}"
    )
    if not overwrite:
        _check_free(out)

    from napari_hydrapicker.classes.classify import classify as classify_picks
    from napari_hydrapicker.classes.files import write_classes

    named = {one.name: own if threshold is None else own.above(threshold) for one, own in pairs}
    with _progress() as progress:
        made = classify_picks(
            named, [one for one, _ in pairs], diameter, classes=classes, max_picks=max_picks,
            assign_all=not sample_only, ctf=ctf, light=light, seed=seed, progress=progress,
        )  # fmt: skip
    write_classes(made, out, overwrite)
    _report(made, out)


def _check_free(out: Path) -> None:
    """Refuse before the work what would be refused after it."""
    taken = [out / name for name in ("classes.png", "classes.mrcs", "classes.csv", "particles.star")]
    existing = next((path for path in taken if path.exists()), None)
    if existing is not None:
        raise ParameterError(f"{existing} exists already; choose another folder, or give --overwrite")


@contextmanager
def _progress() -> Iterator[Progress | None]:
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1)
        yield lambda what, done, of: bar.update(task, description=what, completed=done, total=of)


def _report(made: Classes, out: Path) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("class", "picks", "resolution, Å", "confidence", "mean score"):
        table.add_column(heading, justify="right")
    table.add_column("doubt")
    for one in made.classes:
        numbers = (one.resolution_angstrom, one.confidence, one.mean_score)
        shown = [f"{n:.{d}f}" if n < 1e6 else "" for n, d in zip(numbers, (1, 2, 2), strict=True)]
        table.add_row(str(one.number), str(one.size), *shown, ", ".join(one.doubts))
    Console().print(table)
    total = sum(one.size for one in made.classes)
    typer.echo(
        f"{counted(total, 'pick')} in {counted(len(made.classes), 'class')}; look at "
        f"{out / 'classes.png'}, then keep some:"
    )
    doubtful = ",".join(map(str, made.doubtful))
    typer.echo(f"hydrapicker select {out} --reject {doubtful or 'NUMBERS'} --out kept")
