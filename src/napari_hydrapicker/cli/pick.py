"""`hydrapicker pick`: pick particles on micrographs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_hydrapicker.cli.pick_report import report
from napari_hydrapicker.cli.pickers import PickerName
from napari_hydrapicker.errors import MicrographError, ParameterError

if TYPE_CHECKING:
    from napari_hydrapicker.micrograph import Micrograph
    from napari_hydrapicker.picking.batch import Settings
    from napari_hydrapicker.picking.picker import Picker
    from napari_hydrapicker.picking.rows import Row

_FORMATS = ("star", "box", "cbox", "topaz", "csv")
_MICROGRAPHS = "Files, folders or patterns, or lists of them (RELION's .star, cryoSPARC's .cs)."


def pick(
    micrographs: Annotated[list[str], typer.Argument(metavar="MICROGRAPH", help=_MICROGRAPHS)],
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
    library: Annotated[
        Path | None, typer.Option(help="Folder to look for the head in before your heads library.")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Network or generator file, or name of your own generator; default: the bundled."),
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
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on: leave out what was picked into --out before.")
    ] = False,
) -> None:
    """Pick particles on micrographs.

    Writes coordinates for each micrograph, and summary.csv, into the folder --out. Positions are centres in
    pixels of the micrograph; the figure of merit is the probability of a particle.
    """
    from napari_hydrapicker.cli.pick_input import doubt_scale, open_named

    _check(diameter, pixel_size, threshold, border)
    _check_picker(picker, head, library, tile, no_split)
    if overwrite and resume:
        raise ParameterError("--overwrite replaces what --resume would keep; give one of them")
    chosen = parse_formats(format)
    opened, rows = open_named(micrographs)
    doubt_scale(opened, diameter, pixel_size)

    # Not before the arguments are known to make sense: torch takes a second or two to load.
    from napari_hydrapicker.picking import batch

    loaded = _load(picker, weights, head, library, device, tile, not no_split)
    least = loaded.threshold if threshold is None else threshold
    settings = batch.Settings(
        out, diameter, chosen, pixel_size, least, border, not no_mask, overlay, overwrite, resume
    )
    batch.check_outputs(opened, settings)
    bad = len(rows)
    try:
        _pick_with_progress(loaded, opened, settings, rows)
    except KeyboardInterrupt:
        done = f"{len(rows) - bad} of {len(opened)} micrographs are done"
        how = "--resume in place of --overwrite" if overwrite else "--resume"
        typer.echo(f"interrupted: {done}; the same command with {how} does the others", err=True)
        raise
    finally:  # an interrupted run keeps what it has
        try:
            batch.write_tables(rows, settings)
        finally:  # what was not picked is said even on a full disk
            report(rows, settings)
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


def _check_picker(
    picker: PickerName, head: str | None, library: Path | None, tile: int | None, no_split: bool
) -> None:
    """Refuse options of the other picker."""
    hydra_only = {"--head": head, "--library": library, "--tile": tile}
    others = hydra_only if picker is PickerName.CGAN else {"--no-split": no_split or None}
    for option, value in others.items():
        if value is not None:
            raise ParameterError(f"{option}: not for --picker {picker}; leave it out")


def _load(
    picker: PickerName,
    weights: Path | None,
    head: str | None,
    library: Path | None,
    device: str,
    tile: int | None,
    split: bool,
) -> Picker:
    if picker is PickerName.CGAN:
        from napari_hydrapicker.picking.cgan import CGanPicker
        from napari_hydrapicker.picking.generators import find_generator, user_generators

        if weights is not None and not weights.suffix and not weights.exists():
            weights = find_generator(str(weights), [user_generators()])
        return CGanPicker.load(weights, device, split)
    from napari_hydrapicker.heads.library import HeadLibrary
    from napari_hydrapicker.picking.hydra import HydraNetPicker

    libraries = [] if library is None else [HeadLibrary(library)]
    return HydraNetPicker.load(weights, head or "generic", device, tile, libraries)


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
