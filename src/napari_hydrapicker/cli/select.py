"""`hydrapicker select`: the picks of some classes, or of some micrographs, alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_hydrapicker.cli.pick import parse_formats
from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.picking.worth import ColumnRange
from napari_hydrapicker.wording import by_number, counted

if TYPE_CHECKING:
    from napari_hydrapicker.io.coordinates.conversion import NamedPicks
    from napari_hydrapicker.picking.selection import Selection


def select(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="PICKS",
            help="What `classify` has written, or the data STAR of RELION's 2-D classes; with --where "
            "alone any picks.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the picks that are kept.")],
    keep: Annotated[
        str | None, typer.Option(metavar="NUMBERS", help="Classes to keep, such as 1,3,5-8.")
    ] = None,
    reject: Annotated[
        str | None, typer.Option(metavar="NUMBERS", help="Classes to leave out; all others are kept.")
    ] = None,
    reject_doubtful: Annotated[
        bool, typer.Option("--reject-doubtful", help="Leave out what `classify` has called doubtful.")
    ] = False,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=LOW:HIGH",
            help="Keep micrographs within this range, as doubt=:0.4 or defocus_um=0.5:3; repeatable.",
        ),
    ] = None,
    list_: Annotated[
        list[Path] | None,
        typer.Option(
            "--list",
            help="RELION's or cryoSPARC's list: states defocus and more, and is written without the "
            "micrographs that are left out; repeatable.",
        ),
    ] = None,
    format: Annotated[
        str, typer.Option(help="One or more of star,box,cbox,topaz,csv, comma separated.")
    ] = "star",
    box: Annotated[
        int | None,
        typer.Option(metavar="PX", help="Box size to write, micrograph pixels, where it is needed."),
    ] = None,
    rejected: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the picks of rejected classes here.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Keep the picks of some classes, or of some micrographs, and write them in any format.

    What is rejected can be written too (--rejected): `hydrapicker finetune --picks KEPT --rejected REJECTED
    --partial` then makes a head of both. Ranges are of the columns of summary.csv; a micrograph of which the
    number is not known is kept.
    """
    of_classes = keep is not None or reject is not None or reject_doubtful
    if keep is not None and (reject is not None or reject_doubtful):
        raise ParameterError("--keep says which classes stay, --reject which go; give one of them")
    if not of_classes and not where:
        raise ParameterError(
            "which ones? Give --keep, --reject or --reject-doubtful for classes, --where for micrographs"
        )
    if rejected is not None and not of_classes:
        raise ParameterError("--rejected is for the picks of rejected classes: give --reject or --keep too")
    if list_ and not where:
        raise ParameterError("--list is for ranges of what it states: give --where too")
    chosen = parse_formats(format)
    ranges = [ColumnRange.parse(text) for text in where or ()]
    kept = None if keep is None else parse_numbers("--keep", keep)
    left = [] if reject is None else parse_numbers("--reject", reject)

    if of_classes:
        work, others, said = _of_classes(source, kept, left, reject_doubtful)
    else:
        work, others, said = _of_picks(source), None, "{} {picks}"
    total = _count(work)
    lists: dict[Path, bytes] = {}
    if ranges:
        from napari_hydrapicker.picking.selection import select_micrographs
        from napari_hydrapicker.picking.tables import read_worth

        selection = select_micrographs(work.picks, read_worth(source), list_ or (), ranges)
        lists = _lists(selection, list_ or (), out)
        work = _only(work, selection.kept)
        others = None if others is None else _only(others, selection.kept)
        if not selection.kept:
            raise ParameterError("no micrograph with picks is within all ranges; widen one")
    if not _count(work):
        raise ParameterError("no class is left; keep at least one")
    for name in chosen:
        work.write(out, name, box_px=box, overwrite=overwrite)
        if rejected is not None and others is not None:
            others.write(rejected, name, box_px=box, overwrite=overwrite)
    if lists:
        from napari_hydrapicker.io.files import write_files

        write_files(lists, overwrite)
    n = _count(work)
    number = f"{n} of {total}" if ranges else f"{n}"
    picks = by_number(total if ranges else n, "pick", "picks")
    typer.echo(f"{said.format(number, picks=picks)} kept in {out} as {', '.join(chosen)}")
    if ranges:
        _report(selection, lists)


def _of_classes(
    source: Path, keep: list[int] | None, left: list[int], reject_doubtful: bool
) -> tuple[NamedPicks, NamedPicks, str]:
    """Return the picks of the classes that are kept, those of the others, and what there is to say."""
    from napari_hydrapicker.classes.files import kept_numbers, read_classified

    found = read_classified(source)
    left += found.doubtful if reject_doubtful else []
    found.named(left)  # a class that is not there was mistyped
    numbers = kept_numbers(found.sizes, keep, left)
    others = [number for number in found.sizes if number not in numbers]
    total = sum(found.sizes.values())
    said = f"{{}} of {counted(total, 'pick')}, in {len(numbers)} of {counted(len(found.sizes), 'class')},"
    return found.named(numbers), found.named(others), said


def _of_picks(source: Path) -> NamedPicks:
    from napari_hydrapicker.evaluation.micrograph_sizes import read_summaries
    from napari_hydrapicker.io.coordinates.conversion import NamedPicks
    from napari_hydrapicker.io.coordinates.folder import ShapeIndex, read_folder

    shapes = ShapeIndex({key.path: shape for key, (shape, _) in read_summaries(source).items()})
    work = NamedPicks.by_files(read_folder(source, shapes))
    known = {name: shape for name in work.picks if (shape := shapes(name)) is not None}
    return replace(work, shapes=known)


def _only(work: NamedPicks, names: Sequence[str]) -> NamedPicks:
    return replace(work, picks={name: own for name, own in work.picks.items() if name in set(names)})


def _count(work: NamedPicks) -> int:
    return sum(map(len, work.picks.values()))


def _lists(selection: Selection, lists: Sequence[Path], out: Path) -> dict[Path, bytes]:
    """Return the lists to write, of the same names as those that were given."""
    made: dict[Path, bytes] = {}
    for listing in lists:
        target = out / listing.name
        if target.absolute() == listing.absolute() or target in made:
            raise CoordinateFileError(f"{target}: another list would be written there; choose another --out")
        made[target], _ = selection.list_without_excluded(listing)
    return made


def _report(selection: Selection, lists: dict[Path, bytes]) -> None:
    n, kept = len(selection.excluded), len(selection.kept)
    why = "; ".join(f"{count} not {one}" for one, count in selection.reasons)
    typer.echo(f"{counted(kept, 'micrograph')} with picks kept, {n} left out: {why}")
    if selection.unknown:
        typer.echo(f"Kept though a number is not known of them: {selection.unknown}")
    for path in lists:
        typer.echo(f"{path}: the list without the micrographs that are left out")


def parse_numbers(option: str, text: str) -> list[int]:
    """Return the numbers of ``1,3,5-8``.

    Raises
    ------
    ParameterError
        If it is not of that form.
    """
    numbers: list[int] = []
    for part in text.replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not dash)) or len(first) > 6 or len(last) > 6:
            raise ParameterError(f"{option} {text}: give numbers of classes, such as 1,3,5-8")
        numbers += range(int(first), int(last or first) + 1)
    return sorted(set(numbers))
