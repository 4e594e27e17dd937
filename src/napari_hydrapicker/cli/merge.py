"""`hydrapicker merge`: put together what the shards of a job array have picked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.wording import by_number, counted


def merge(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The --out of all shards.")],
    quiet: Annotated[bool, typer.Option("--quiet", help="Print warnings and errors only.")] = False,
) -> None:
    """Put together what the shards of `hydrapicker pick --shard` have picked into one folder.

    Writes the tables that one run would have written, and its picking.jsonl.
    """
    from napari_hydrapicker.cluster import shards

    merged = shards.merge(folder)
    if not quiet:
        failed = (
            f"; {merged.n_failed} {by_number(merged.n_failed, 'was', 'were')} not picked (see summary.csv)"
            if merged.n_failed
            else ""
        )
        typer.echo(
            f"{counted(merged.n_picks, 'pick')} on {counted(merged.n_micrographs, 'micrograph')} in "
            f"{folder}{failed}"
        )
    if merged.unfinished:
        named = ", ".join(map(str, merged.unfinished))
        raise CoordinateFileError(
            f"shards that are not done: {named}; give their commands again, with --resume if they had "
            "begun, then merge again"
        )
