"""`hydrapicker pick`: pick particles on micrographs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_hydrapicker.cli.pickers import PickerName
from napari_hydrapicker.errors import MicrographError, ParameterError

if TYPE_CHECKING:
    from napari_hydrapicker.micrograph import Micrograph
    from napari_hydrapicker.picking.batch import Row, Settings
    from napari_hydrapicker.picking.picker import Picker

_FORMATS = ("star", "box", "cbox", "topaz", "csv")
_LISTED = 50


def pick(
    micrographs: Annotated[
        list[str], typer.Argument(metavar="MICROGRAPH...", help="Files, folders or patterns.")
    ],
    diameter: Annotated[float, typer.Option(help="The particle's longest diameter, Angstrom.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    pixel_size: Annotated[
        float | None, typer.Option(help="Angstrom per pixel; default: what the files state.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="Least figure of merit, 0..1; 0 keeps all candidates. Default: the network's."),
    ] = None,
    border: Annotated[
        float | None,
        typer.Option(help="Leave out what is this near to an edge, Angstrom; half the diameter by default."),
    ] = None,
    format: Annotated[
        str, typer.Option(help=f"One or more of {','.join(_FORMATS)}, comma separated.")
    ] = "star",
    overlay: Annotated[bool, typer.Option("--overlay", help="Draw a picture of each micrograph.")] = False,
    picker: Annotated[
        PickerName, typer.Option(help="hydra, or cgan, which was trained without any particle.")
    ] = PickerName.HYDRA,
    head: Annotated[
        str | None, typer.Option(help="Head: generic (the default), one of your library, or its file.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Network or generator file; default: the bundled one.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    no_mask: Annotated[
        bool, typer.Option("--no-mask", help="Pick carbon film, bad ice and blank strips too.")
    ] = False,
    tile: Annotated[
        int | None, typer.Option(help="Side of tiles, working pixels (21 a particle), to save memory.")
    ] = None,
    no_split: Annotated[
        bool, typer.Option("--no-split", help="cgan: leave out merged marks, as in the paper.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Pick particles on micrographs.

    Writes coordinates for each micrograph, and summary.csv, into the folder --out. Positions are centres
    in pixels of the micrograph; the figure of merit is the probability of a particle.
    """
    from napari_hydrapicker.micrograph import find_micrographs

    _check(diameter, pixel_size, threshold, border)
    _check_picker(picker, head, tile, no_split)
    chosen = parse_formats(format)
    paths = find_micrographs(micrographs)

    # Not before the arguments are known to make sense: torch takes a second or two to load.
    from napari_hydrapicker.picking import batch

    loaded = _load(picker, weights, head, device, tile, not no_split)
    least = loaded.threshold if threshold is None else threshold
    settings = batch.Settings(
        out, diameter, chosen, pixel_size, least, border, not no_mask, overlay, overwrite
    )
    opened, rows = batch.open_all(paths)
    batch.check_outputs(opened, settings)
    try:
        _pick_with_progress(loaded, opened, settings, rows)
    finally:  # an interrupted run keeps what it has
        batch.write_tables(rows, settings)
        _report(rows, settings)
    failed = [row for row in rows if row.error]
    if failed:
        raise MicrographError(f"{len(failed)} of {len(rows)} micrographs were not picked (see above)")


def _check(diameter: float, pixel_size: float | None, threshold: float | None, border: float | None) -> None:
    for option, value in (("--diameter", diameter), ("--pixel-size", pixel_size)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ParameterError(f"{option} {value:g}: give a positive number of Angstrom")
    if border is not None and not (math.isfinite(border) and border >= 0):
        raise ParameterError(f"--border {border:g}: give 0 or more Angstrom")
    if threshold is not None and not 0 <= threshold <= 1:
        raise ParameterError(f"--threshold {threshold:g}: give a number from 0 to 1")


def _check_picker(picker: PickerName, head: str | None, tile: int | None, no_split: bool) -> None:
    """Refuse options of the other picker."""
    given = {"--head": head is not None, "--tile": tile is not None, "--no-split": no_split}
    for option in ("--head", "--tile") if picker is PickerName.CGAN else ("--no-split",):
        if given[option]:
            raise ParameterError(f"{option}: not for --picker {picker}; leave it out")


def _load(
    picker: PickerName, weights: Path | None, head: str | None, device: str, tile: int | None, split: bool
) -> Picker:
    if picker is PickerName.CGAN:
        from napari_hydrapicker.picking.cgan import CGanPicker

        return CGanPicker.load(weights, device, split)
    from napari_hydrapicker.picking.hydra import HydraNetPicker

    return HydraNetPicker.load(weights, head or "generic", device, tile)


def parse_formats(text: str) -> tuple[str, ...]:
    """Return the formats that --format names, each once; ParameterError for one that is not known."""
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in _FORMATS]
    if unknown or not names:
        raise ParameterError(f"--format {text}: give one or more of {','.join(_FORMATS)}")
    return names


def _pick_with_progress(
    picker: Picker, micrographs: Sequence[Micrograph], settings: Settings, rows: list[Row]
) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from napari_hydrapicker.picking import batch

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("picking", total=len(micrographs))
        for row in batch.pick_all(picker, micrographs, settings):
            rows.append(row)
            progress.advance(task)


def _report(rows: Sequence[Row], settings: Settings) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    picked = [row for row in rows if row.picks is not None]
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("micrograph", overflow="fold")
    for heading in ("picks", "mean FOM", "seconds"):
        table.add_column(heading, justify="right")
    for row in picked[:_LISTED]:
        count = len(row.picks) if row.picks is not None else 0
        mean = f"{row.mean_score:.2f}" if count else "-"
        table.add_row(row.name, str(count), mean, f"{row.seconds:.1f}")
    if picked:
        Console().print(table)
    if len(picked) > _LISTED:
        typer.echo(f"({len(picked) - _LISTED} more in summary.csv)")
    if picked:
        total = sum(len(row.picks) for row in picked if row.picks is not None)
        typer.echo(
            f"{total} picks with FOM {settings.threshold:.2g} or more on {len(picked)} micrographs, "
            f"written as {', '.join(settings.formats)} to {settings.out}"
        )
    for row in rows:
        if row.error:
            typer.echo(f"not picked: {row.error}", err=True)
