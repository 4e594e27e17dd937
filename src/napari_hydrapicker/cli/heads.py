"""`hydrapicker heads`: the heads that you keep."""

from __future__ import annotations

import json as json_writer
from pathlib import Path
from typing import Annotated

import typer

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.heads.library import HeadLibrary, user_library
from napari_hydrapicker.heads.record import HeadRecord

heads = typer.Typer(no_args_is_help=True, help="List and manage the heads that you keep.")
Library = Annotated[Path | None, typer.Option("--library", help="Folder; default: your heads library.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of a head.")]


def _library(folder: Path | None) -> HeadLibrary:
    return user_library() if folder is None else HeadLibrary(folder)


@heads.command("list")
def list_heads(
    library: Library = None,
    json: Annotated[bool, typer.Option("--json", help="Print all records as JSON.")] = False,
) -> None:
    """List all heads."""
    kept = _library(library)
    records, problems = kept.read()
    if json:
        typer.echo(json_writer.dumps([one.model_dump(mode="json") for one in records], indent=2))
    elif records:
        _table(records)
    else:
        typer.echo(f"no heads in {kept.folder}; hydrapicker finetune makes one")
    for problem in problems:
        typer.echo(f"not a head: {problem}", err=True)


@heads.command()
def show(name: Name, library: Library = None) -> None:
    """Print all that is known of a head."""
    typer.echo(_library(library).record(name).model_dump_json(indent=2))


@heads.command()
def compare(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Heads to compare.")],
    library: Library = None,
) -> None:
    """Print the figures of some heads side by side."""
    kept = _library(library)
    _table([kept.record(name) for name in names])


@heads.command()
def rename(old: Name, new: Annotated[str, typer.Argument(metavar="NEW")], library: Library = None) -> None:
    """Give a head another name."""
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
    if not yes and not typer.confirm(f"Delete {path}?"):
        raise ParameterError(f"{name} was not deleted")
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
    record = _library(library).import_file(file, name, overwrite)
    typer.echo(f"{record.name}: pick with --head {record.name}")


def _table(records: list[HeadRecord]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("head", overflow="fold")
    for heading in ("diameter (Å)", "micrographs", "particles", "AP before", "AP after", "measured on"):
        table.add_column(heading, justify="right")
    table.add_column("made")
    for one in records:
        particles = sum(use.particles for use in one.micrographs)
        before, after, on = figures(one)
        table.add_row(
            one.name, f"{one.diameter_angstrom:g}", str(len(one.micrographs)), str(particles), before, after,
            on, one.created[:16].replace("T", " "),
        )  # fmt: skip
    Console().print(table)


def figures(record: HeadRecord) -> tuple[str, str, str]:
    """AP of the head it started from and of its own, and whether of held-out micrographs, in words."""
    for key, on in (("validation_ap", "held-out ones"), ("training_ap", "trained ones")):
        if key in record.figures_after:
            before = record.figures_before.get(key)
            return "-" if before is None else f"{before:.3f}", f"{record.figures_after[key]:.3f}", on
    return "-", "-", "-"
