"""What `hydrapicker pick` prints at its end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from napari_hydrapicker.picking.outputs import Settings
    from napari_hydrapicker.picking.rows import Row

_LISTED = 50


def report(rows: Sequence[Row], settings: Settings, written: bool = True) -> None:
    """Print a table of what was picked, and a line for each micrograph that was not.

    Nothing is said of the files where not all of them could be `written`.
    """
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
        seconds = "earlier" if math.isnan(row.seconds) else f"{row.seconds:.1f}"
        table.add_row(row.name, str(count), mean, seconds)
    if picked:
        Console().print(table)
    if len(picked) > _LISTED:
        typer.echo(f"({len(picked) - _LISTED} more in summary.csv)")
    if picked and written:
        total = sum(len(row.picks) for row in picked if row.picks is not None)
        typer.echo(
            f"{total} picks with FOM {settings.threshold:.2g} or more on {len(picked)} micrographs, "
            f"written as {', '.join(settings.formats)} to {settings.out}"
        )
    for row in rows:
        if row.error:
            typer.echo(f"not picked: {row.error}", err=True)
