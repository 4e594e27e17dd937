"""`hydrapicker select`: the picks of some classes alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_hydrapicker.cli.pick import parse_formats
from napari_hydrapicker.errors import ParameterError


def select(
    classes: Annotated[
        Path,
        typer.Argument(
            metavar="CLASSES", help="What `classify` has written, or the data STAR of RELION's 2-D classes."
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
    format: Annotated[
        str, typer.Option(help="One or more of star,box,cbox,topaz,csv, comma separated.")
    ] = "star",
    box: Annotated[
        int | None,
        typer.Option(metavar="PX", help="Box size to write, micrograph pixels, where it is needed."),
    ] = None,
    rejected: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the picks that are left out here.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Keep the picks of some classes, and write them in any format.

    What is left out can be written too (--rejected): `hydrapicker finetune --picks KEPT --rejected REJECTED
    --partial` then makes a head of both.
    """
    if keep is not None and (reject is not None or reject_doubtful):
        raise ParameterError("--keep says which classes stay, --reject which go; give one of them")
    if keep is None and reject is None and not reject_doubtful:
        raise ParameterError("which classes? Give --keep, --reject or --reject-doubtful")
    chosen = parse_formats(format)
    kept = None if keep is None else parse_numbers("--keep", keep)
    left = [] if reject is None else parse_numbers("--reject", reject)

    from napari_hydrapicker.classes.files import kept_numbers, read_classified

    found = read_classified(classes)
    left += found.doubtful if reject_doubtful else []
    found.named(left)  # a class that is not there was mistyped
    numbers = kept_numbers(found.sizes, kept, left)
    others = [number for number in found.sizes if number not in numbers]
    work = found.named(numbers)
    if not any(map(len, work.picks.values())):
        raise ParameterError("no class is left; keep at least one")
    for name in chosen:
        work.write(out, name, box_px=box, overwrite=overwrite)
        if rejected is not None:
            found.named(others).write(rejected, name, box_px=box, overwrite=overwrite)
    total, n = sum(found.sizes.values()), sum(found.sizes[number] for number in numbers)
    typer.echo(
        f"{n} of {total} picks, in {len(numbers)} of {len(found.sizes)} classes, kept in {out} as "
        f"{', '.join(chosen)}"
    )


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
