"""`hydrapicker heads`: the heads that you keep."""

from __future__ import annotations

import json as json_writer
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.head_record import OF_MARKS, Comparison, HeadRecord, read_record
from napari_hydrapicker.picking.library import HeadLibrary, check_not_own, head_names, user_library
from napari_hydrapicker.wording import counted

heads = typer.Typer(no_args_is_help=True, help="List and manage the heads that you keep.")
_MEASURED_ON = {
    "validation": "held-out", "training": "trained",
    f"validation{OF_MARKS}": "marks", f"training{OF_MARKS}": "marks",
}  # fmt: skip
Library = Annotated[Path | None, typer.Option("--library", help="Folder; default: your heads library.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of a head.")]


def _library(folder: Path | None) -> HeadLibrary:
    return user_library() if folder is None else HeadLibrary(folder)


@heads.command("list")
def list_heads(
    library: Library = None,
    json: Annotated[bool, typer.Option("--json", help="Print all records as JSON.")] = False,
) -> None:
    """List all heads, and name those that come with the network."""
    kept = _library(library)
    records, problems = kept.read()
    if json:
        typer.echo(json_writer.dumps([one.model_dump(mode="json") for one in records], indent=2))
    elif records:
        _table(records)
    else:
        typer.echo(f"no heads in {kept.folder}; hydrapicker finetune makes one")
    if not json:
        typer.echo(f"the bundled network has the heads {', '.join(head_names())}")
    for problem in problems:
        typer.echo(f"not a head: {problem}", err=True)


@heads.command()
def show(name: Name, library: Library = None) -> None:
    """Print all that is known of a head."""
    typer.echo(_library(library).record(name).model_dump_json(indent=2))


@heads.command()
def compare(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Heads to compare.")],
    library: Library = None,
) -> None:
    """Print what some heads were made with, and their figures, side by side."""
    compared = _library(library).compare(names)
    _compare_table(compared)
    if not compared.same_measure:
        typer.echo(
            "measured on different micrographs or marks: the figures do not say which head is the better"
        )
    if not compared.same_body:
        typer.echo("trained on different networks: no network can use them all")


@heads.command()
def rename(old: Name, new: Annotated[str, typer.Argument(metavar="NEW")], library: Library = None) -> None:
    """Give a head another name."""
    check_not_own(new)
    _library(library).rename(old, new)
    typer.echo(f"{old} is now {new}")


@heads.command()
def delete(
    name: Name,
    library: Library = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a head for good."""
    kept = _library(library)
    path = kept.path(name)
    if not yes and not _agreed(f"Delete {path}?"):
        raise ParameterError(f"{name} was not deleted; --yes deletes without asking")
    kept.delete(name)
    typer.echo(f"{name} is deleted")


@heads.command()
def export(
    name: Name,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="File, or a folder that is there.")],
    library: Library = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
) -> None:
    """Copy a head to a file, to give it to others."""
    typer.echo(f"written to {_library(library).export(name, target, overwrite)}")


@heads.command("import")
def import_head(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Of a head.")],
    name: Annotated[str | None, typer.Option(help="Other name to keep it under.")] = None,
    library: Library = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a head of this name.")] = False,
) -> None:
    """Take a head's file into the library."""
    check_not_own(name or read_record(file).name)
    record = _library(library).import_file(file, name, overwrite)
    typer.echo(f"{record.name}: pick with --head {record.name}")


def _agreed(question: str) -> bool:
    try:
        return typer.confirm(question)
    except typer.Abort:  # there is nobody to answer
        typer.echo()
        return False


def _table(records: list[HeadRecord]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("head", overflow="fold")
    # Two lines a heading, so that the table fits a terminal of 80 columns.
    for heading in (
        "diameter\n(Å)",
        "micro-\ngraphs",
        "particles",
        "AP\nbefore",
        "AP\nafter",
        "measured\non",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("made", no_wrap=True)
    for one in records:
        particles = sum(use.particles for use in one.micrographs)
        diameter, count = f"{one.diameter_angstrom:g}", str(len(one.micrographs))
        table.add_row(one.name, diameter, count, str(particles), *figures(one), one.created[:10])
    Console().print(table)


def figures(record: HeadRecord) -> tuple[str, str, str]:
    """AP of the head it started from and of its own, and on which micrographs."""
    for key, on in _MEASURED_ON.items():
        after, before = record.figures_after.get(f"{key}_ap"), record.figures_before.get(f"{key}_ap")
        if after is not None:
            return "-" if before is None else f"{before:.3f}", f"{after:.3f}", on
    return "-", "-", "-"


def _compare_table(compared: Comparison) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for one in compared.records:
        table.add_column(one.name, justify="right", overflow="fold")
    facts: dict[str, Callable[[HeadRecord], str]] = {
        "diameter (Å)": lambda one: f"{one.diameter_angstrom:g}",
        "made": lambda one: one.created[:16].replace("T", " "),
        "network's body": lambda one: one.parent[:8],
        "trained on": lambda one: _count(one, "training"),
        "held out": lambda one: _count(one, "validation"),
        "labels": lambda one: "partial" if one.partial else "complete",
        "threshold": lambda one: f"{one.threshold:.2f}",
    }
    for heading, fact in facts.items():
        table.add_row(heading, *map(fact, compared.records))
    for row in compared.rows:
        heading = _heading(row.figure)
        for when, values in (("before", row.before), ("after", row.after)):
            table.add_row(f"{heading}, {when}", *("-" if v is None else f"{v:.3f}" for v in values))
    Console().print(table)


def _heading(figure: str) -> str:
    on, _, name = figure.rpartition("_")
    return f"{name.upper()}, {_MEASURED_ON[on]}" if on in _MEASURED_ON else figure


def _count(record: HeadRecord, use: str) -> str:
    uses = [one for one in record.micrographs if one.use == use]
    return f"{len(uses)} ({counted(sum(one.particles for one in uses), 'particle')})" if uses else "-"
