"""`hydrapicker consensus`: several lists of picks joined into one, with votes and a joint score."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_hydrapicker.cli.coordinate_reading import ShowMatch, open_known, warn_of_frame
from napari_hydrapicker.cli.pick import parse_formats
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.wording import counted, shortened

if TYPE_CHECKING:
    from napari_hydrapicker.cli.pick_lists import PickList, Reach, Shared
    from napari_hydrapicker.io.micrograph import Micrograph
    from napari_hydrapicker.picking.consensus import Consensus


_LISTED = 50
_MOST_WEIGHT = 1_000_000


def consensus(
    picks: Annotated[
        list[Path], typer.Argument(metavar="PICKS", help="Two or more folders or files, any format.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    diameter: Annotated[
        float | None,
        typer.Option(
            help="The particle's longest diameter, Angstrom: picks up to a quarter of it apart join."
        ),
    ] = None,
    distance: Annotated[
        float | None, typer.Option(help="Picks up to this apart join, pixels; instead of the quarter.")
    ] = None,
    pixel_size: Annotated[
        float | None, typer.Option(help="Angstrom per pixel; default: what picking noted.")
    ] = None,
    votes: Annotated[int, typer.Option(help="Keep what at least this many lists have.")] = 1,
    threshold: Annotated[float, typer.Option(help="Least joint score to keep, 0..1.")] = 0.0,
    weight: Annotated[
        list[float] | None,
        typer.Option(help="How much a list counts; repeatable, one for each of PICKS in their order."),
    ] = None,
    format: Annotated[
        str, typer.Option(help="One or more of star,box,cbox,topaz,csv, comma separated.")
    ] = "star",
    micrographs: Annotated[
        list[str] | None,
        typer.Option(help="The micrographs, for sizes and to check the positions; repeatable."),
    ] = None,
    match: ShowMatch = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Join several lists of picks by distance, with votes and a joint score.

    Writes coordinates for each micrograph that all lists hold, with the joint score as figure of merit,
    and summary.csv with the votes, into the folder --out.
    """
    _check(picks, diameter, distance, pixel_size)
    _check_kept(picks, votes, threshold, weight)
    chosen = parse_formats(format)

    from napari_hydrapicker.cli.pick_lists import Reach, join, read_lists
    from napari_hydrapicker.io.coordinates.folder import ShapeIndex

    known = open_known(micrographs) if micrographs else []
    lists = read_lists(picks, ShapeIndex({one.full_name: one.shape for one in known}))
    weights = dict(zip([one.name for one in lists], weight or [1.0] * len(lists), strict=True))
    shared, missing = join(lists)
    for one in shared if match else []:
        typer.echo("  =  ".join(key.path for key in one.keys))
    for path, own in zip(picks, lists, strict=True):
        _doubt(path, own, known)
    reach = Reach(distance, diameter, pixel_size)
    joined = [_join_one(one, reach, weights) for one in shared]
    kept = [one.select((one.votes >= votes) & (one.picks.score >= threshold)) for one in joined]
    _write(shared, kept, reach, out, chosen, overwrite)
    _report(shared, kept, out, chosen)
    if missing:
        typer.echo(f"Note: not every list has {shortened(missing, 1)}: skipped")


def _doubt(path: Path, own: PickList, known: Sequence[Micrograph]) -> None:
    """Hold a list's positions against the micrographs, if there are some."""
    from napari_hydrapicker.io.names import match_names

    found = match_names(
        {key: key.path for key in own.picks}, {i: one.full_name for i, one in enumerate(known)}
    )
    warn_of_frame(
        path,
        [(known[i], own.picks[key]) for key, i in found.pairs],
        how=f"convert them first: hydrapicker convert {path} OUT --micrographs ... {{options}}",
    )


def _check(
    picks: Sequence[Path], diameter: float | None, distance: float | None, pixel_size: float | None
) -> None:
    if len(picks) < 2:
        raise ParameterError(f"{picks[0]}: a consensus needs two lists of picks or more")
    if diameter is None and distance is None:
        raise ParameterError("how far apart may picks of a particle lie? Give --diameter or --distance")
    units = (("--diameter", diameter, "Angstrom"), ("--distance", distance, "pixels"))
    for option, value, unit in (*units, ("--pixel-size", pixel_size, "Angstrom")):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ParameterError(f"{option} {value:g}: give a positive number of {unit}")


def _check_kept(picks: Sequence[Path], votes: int, threshold: float, weight: list[float] | None) -> None:
    if not 1 <= votes <= len(picks):
        raise ParameterError(f"--votes {votes}: give a number from 1 to {len(picks)}, the number of lists")
    if not 0 <= threshold <= 1:
        raise ParameterError(f"--threshold {threshold:g}: give a number from 0 to 1")
    if weight and len(weight) != len(picks):
        raise ParameterError(
            f"--weight: {len(weight)} given for {counted(len(picks), 'list')}; give one for each"
        )
    for value in weight or []:
        if not 0 < value <= _MOST_WEIGHT:
            raise ParameterError(f"--weight {value:g}: give a positive number up to {_MOST_WEIGHT:,}")


def _join_one(shared: Shared, reach: Reach, weights: Mapping[str, float]) -> Consensus:
    from napari_hydrapicker.picking.consensus import consensus as join_picks

    joined = join_picks(shared.picks, reach.distance(shared), weights)
    return replace(joined, picks=replace(joined.picks, diameter_px=reach.diameter_px(shared)))


def _write(
    shared: Sequence[Shared],
    kept: Sequence[Consensus],
    reach: Reach,
    out: Path,
    chosen: Sequence[str],
    overwrite: bool,
) -> None:
    """Write all files, or none of them if one exists or cannot be made of these picks."""
    from napari_hydrapicker.io import coordinates as formats
    from napari_hydrapicker.io.files import write_files

    unsized = any(len(one.picks) and one.picks.diameter_px is None for one in kept)
    boxed = [name for name in chosen if formats.FORMATS[name].needs_box]
    if unsized and boxed:
        raise ParameterError(
            f"--format {boxed[0]} needs the particles' size: give --diameter, and --pixel-size where no "
            "summary.csv states it"
        )
    files: dict[Path, bytes] = {}
    for folder in sorted({one.key.folder for one in shared}):
        inside = [pair for pair in zip(shared, kept, strict=True) if pair[0].key.folder == folder]
        picks = {one.key.name: joined.picks for one, joined in inside}
        files[out / folder / formats.PICKING_SUMMARY] = _summary(inside, reach)
        for name in chosen:
            contents = formats.FORMATS[name].encode(picks, out / folder, formats.WriteOptions())
            files |= {out / folder / file: content for file, content in contents.items()}
    write_files(files, overwrite)


def _summary(rows: Sequence[tuple[Shared, Consensus]], reach: Reach) -> bytes:
    """Make the table of micrographs: what picking notes of them, and how many picks have how many votes."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    votes = range(1, len(rows[0][0].picks) + 1)
    known = ("micrograph", "picks", "mean_score", "pixel_size_angstrom", "rows", "columns")
    table.writerow([*known, *(f"votes_{n}" for n in votes)])
    for one, joined in rows:
        size = reach.pixel_size(one)
        mean = f"{joined.picks.score.mean():.4f}" if len(joined.picks) else ""
        shape = one.scale[0] if one.scale else ("", "")
        counts = (int((joined.votes == n).sum()) for n in votes)
        table.writerow(
            [one.key.name, len(joined.picks), mean, "" if size is None else f"{size:.6g}", *shape, *counts]
        )
    return text.getvalue().encode()


def _report(shared: Sequence[Shared], kept: Sequence[Consensus], out: Path, chosen: Sequence[str]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("micrograph", overflow="fold")
    lists = len(shared[0].picks)
    for heading in ("picks", *(counted(n, "vote") for n in range(1, lists + 1))):
        table.add_column(heading, justify="right")
    for one, joined in list(zip(shared, kept, strict=True))[:_LISTED]:
        counts = (int((joined.votes == n).sum()) for n in range(1, lists + 1))
        table.add_row(one.key.name, str(len(joined.picks)), *map(str, counts))
    Console().print(table)
    if len(shared) > _LISTED:
        typer.echo(f"({len(shared) - _LISTED} more in summary.csv)")
    total = sum(len(joined.picks) for joined in kept)
    typer.echo(
        f"{counted(total, 'pick')} on {counted(len(shared), 'micrograph')}, written as "
        f"{', '.join(chosen)} to {out}"
    )
