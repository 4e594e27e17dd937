"""`hydrapicker convert`: coordinate files from one program's format into another's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_hydrapicker.cli.coordinate_reading import (
    FlipY,
    Scale,
    Shape,
    ShowMatch,
    Swap,
    open_known,
    parse_reading,
    parse_shape,
    show_match,
    warn_of_frame,
)
from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.wording import by_number, counted, shortened

if TYPE_CHECKING:
    from napari_hydrapicker.io.coordinates.conversion import NamedPicks
    from napari_hydrapicker.io.coordinates.folder import Key
    from napari_hydrapicker.io.coordinates.frame_check import Reading
    from napari_hydrapicker.io.micrograph import Micrograph
    from napari_hydrapicker.picks import Picks


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A coordinate file, or a folder of them.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A file, or a folder.")],
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="FORMAT",
            help=f"One of {', '.join(formats.FORMATS)}; by default by OUT's extension.",
        ),
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="FORMAT", help="Of IN; by default by its content.")
    ] = None,
    box: Annotated[
        int | None, typer.Option("--box", metavar="PX", help="Box size to write, micrograph pixels.")
    ] = None,
    flip_y: FlipY = False,
    swap: Swap = False,
    scale: Scale = 1.0,
    threshold: Annotated[
        float | None, typer.Option(help="Leave out picks of a lower score; those without one stay.")
    ] = None,
    micrographs: Annotated[
        list[str] | None,
        typer.Option(
            help="The micrographs, for RELION's names, for sizes, and to check positions; repeatable."
        ),
    ] = None,
    micrograph_shape: Shape = None,
    match: ShowMatch = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Convert coordinate files between formats.

    star-combined and star-particles name the micrographs. RELION finds them by their paths within its
    project, which --micrographs names: files, folders, patterns, or a list such as micrographs_ctf.star.
    Picks and micrographs are matched by name; what has no partner is skipped and listed.
    """
    from napari_hydrapicker.io.coordinates.conversion import NamedPicks
    from napari_hydrapicker.io.coordinates.folder import ShapeIndex, scan_folder

    if to is not None and to not in formats.FORMATS:
        raise ParameterError(f"--to {to}: one of {', '.join(formats.FORMATS)}")
    if from_ is not None and from_ not in {**formats.FORMATS, **formats.READ_ONLY}:
        known_formats = ", ".join([*formats.FORMATS, *formats.READ_ONLY])
        raise ParameterError(f"--from {from_}: unknown coordinate format; one of {known_formats}")
    if threshold is not None and not math.isfinite(threshold):
        raise ParameterError(f"--threshold {threshold:g}: give a number")
    if match and not micrographs:
        raise ParameterError("--match shows which picks belong to which micrographs: give --micrographs too")
    reading, shape = parse_reading(flip_y, swap, scale), parse_shape(micrograph_shape)
    known = open_known(micrographs) if micrographs else []
    sizes = ShapeIndex({one.full_name: one.shape for one in known})
    content = scan_folder(source, from_, lambda name: sizes(name) or shape)
    try:
        work = _named(content.picks, known, match) if known else NamedPicks.by_files(content.picks, shape)
        if known:
            warn_of_frame(source, work.samples, reading)
        _write(_read_as(work, reading, threshold), out, to, overwrite=overwrite, box_px=box)
    finally:  # what could not be read is said even if the rest cannot be written
        _report_files(content.problems, content.left_out, content.spare)
    if content.problems:
        were = by_number(len(content.problems), "was", "were")
        raise CoordinateFileError(
            f"{len(content.problems)} of {counted(content.n_files, 'file')} in {source} {were} not "
            "converted (see above)"
        )


def _named(picks: Mapping[Key, Picks], known: Sequence[Micrograph], show: bool) -> NamedPicks:
    """Name micrographs as they are called themselves; skip and list what has no partner."""
    from napari_hydrapicker.io.coordinates.conversion import NamedPicks, match_picks

    found = match_picks(picks, known)
    show_match(found, "picks", "micrographs", show)
    if picks and not found.pairs:
        raise ParameterError(
            f"--micrographs: none of them has the name of picks, which are those of "
            f"{shortened(key.label for key in picks)}; they are {shortened(one.name for one in known)}"
        )
    return NamedPicks.by_micrographs([(picks[key], known[i]) for key, i in found.pairs])


def _read_as(work: NamedPicks, reading: Reading, threshold: float | None) -> NamedPicks:
    if reading.flip_y and (unsized := work.without_shape()) is not None:
        raise ParameterError(
            f"--flip-y needs the height of {unsized}: give --micrographs or --micrograph-shape"
        )
    return work.read_as(reading, threshold)


def _write(work: NamedPicks, out: Path, to: str | None, *, overwrite: bool, box_px: int | None) -> None:
    from napari_hydrapicker.io.coordinates.conversion import format_for

    if not work.picks:
        typer.echo("no picks to write")
        return
    target = to or format_for(out, len(work.picks))
    if target is None:
        raise ParameterError(f"{out} does not say which format to write: give --to FORMAT")
    if formats.FORMATS[target].needs_box and box_px is None and (unsized := work.without_box()) is not None:
        raise ParameterError(f"{target} needs a box size in pixels, and {unsized} has none: give --box PX")
    written = work.write(out, target, box_px=box_px, overwrite=overwrite)
    _report(work.picks, target, written, out)


def _report_files(problems: Sequence[str], left_out: Sequence[str], spare: Sequence[Path]) -> None:
    for problem in problems:
        typer.echo(f"not converted: {problem}", err=True)
    for line in left_out:
        typer.echo(f"left out: {line}", err=True)
    if spare:
        typer.echo(f"left out {shortened(spare, 1)}: other files hold more of the same micrographs", err=True)


def _report(picks: Mapping[str, Picks], target: str, written: list[Path], out: Path) -> None:
    width = max(len(name) for name in picks)
    for name, one in picks.items():
        typer.echo(f"{name:{width}}  {len(one):6d}")
    total = sum(len(one) for one in picks.values())
    typer.echo(
        f"{counted(total, 'pick')} on {counted(len(picks), 'micrograph')} written as {target} to {out} "
        f"({counted(len(written), 'file')})"
    )
