"""`hydrapicker convert`: coordinate files from one program's format into another's."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_hydrapicker.errors import CoordinateFileError, HydraPickerError, ParameterError

if TYPE_CHECKING:
    from napari_hydrapicker.picks import Picks

_FORMAT_OF = {".star": "star", ".box": "box", ".cbox": "cbox", ".txt": "topaz", ".csv": "csv", ".cs": "cs"}


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A coordinate file, or a folder of them.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A file, or a folder.")],
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="FORMAT",
            help="star, star-combined, star-particles, box, cbox, topaz, cs, csv or cryoppp; "
            "by default by OUT's extension.",
        ),
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="FORMAT", help="Of IN; by default by its content.")
    ] = None,
    box: Annotated[
        int | None, typer.Option("--box", metavar="PX", help="Box size to write, micrograph pixels.")
    ] = None,
    flip_y: Annotated[
        int | None,
        typer.Option("--flip-y", metavar="HEIGHT", help="Mirror the rows of micrographs HEIGHT pixels high."),
    ] = None,
    micrographs: Annotated[
        list[str] | None,
        typer.Option(help="The micrographs, for the names that RELION knows and for sizes; repeatable."),
    ] = None,
    micrograph_shape: Annotated[
        str | None,
        typer.Option("--micrograph-shape", metavar="ROWSxCOLS", help="Micrographs' size in pixels, for cs."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Convert coordinate files between formats.

    star-combined and star-particles name the micrographs. RELION finds them by their paths within its
    project, which --micrographs tells: files, folders, patterns, or a list such as micrographs_ctf.star.
    """
    from napari_hydrapicker import formats
    from napari_hydrapicker.cli.known_micrographs import known_micrographs

    if to is not None and to not in formats.FORMATS:
        raise ParameterError(f"--to {to}: one of {', '.join(formats.FORMATS)}")
    if flip_y is not None and flip_y < 1:
        raise ParameterError(f"--flip-y {flip_y}: give the micrographs' height in pixels")
    shape = _parse_shape(micrograph_shape)
    picks, bad, files = _read_all(source, from_)
    names, shapes = known_micrographs(micrographs, list(picks)) if micrographs else ({}, {})
    if shape is not None:
        shapes = dict.fromkeys(picks, shape)
    if flip_y is not None:
        picks = {name: one.flipped_y(flip_y) for name, one in picks.items()}
    try:
        _write(picks, out, to, overwrite=overwrite, box_px=box, shapes=shapes, micrograph_names=names)
    finally:  # what could not be read is said even if the rest cannot be written
        for error in bad:
            typer.echo(f"not converted: {error}", err=True)
    if bad:
        raise CoordinateFileError(f"{len(bad)} of {files} files in {source} were not converted (see above)")


def _write(
    picks: dict[str, Picks],
    out: Path,
    to: str | None,
    *,
    overwrite: bool,
    box_px: int | None,
    shapes: Mapping[str, tuple[int, int]],
    micrograph_names: Mapping[str, str],
) -> None:
    from napari_hydrapicker import formats
    from napari_hydrapicker.relion_names import relion_project

    if not picks:
        typer.echo("no picks to write")
        return
    target = to or _format_by_extension(out, len(picks))
    unsized = [name for name, one in picks.items() if len(one) and one.diameter_px is None]
    if formats.FORMATS[target].needs_box and box_px is None and unsized:
        raise ParameterError(f"{target} needs a box size in pixels, and {unsized[0]} has none: give --box PX")
    written = formats.write(
        picks, out, target, overwrite=overwrite, box_px=box_px, shapes=shapes,
        micrograph_names=micrograph_names, project_dir=relion_project(out.absolute()),
    )  # fmt: skip
    _report(picks, target, written, out)


def _parse_shape(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,6})[x,](\d{1,6})", text.lower(), re.ASCII)
    if match is None or "0" in match.groups():
        raise ParameterError(f"--micrograph-shape {text}: give ROWSxCOLUMNS in pixels, e.g. 4092x5760")
    return int(match[1]), int(match[2])


def _format_by_extension(out: Path, micrographs: int) -> str:
    name = None if os.path.isdir(out) else _FORMAT_OF.get(out.suffix.lower())
    if name is None:
        raise ParameterError(f"{out} does not tell the format to write: give --to FORMAT")
    return "star-particles" if name == "star" and micrographs > 1 else name


def _read_all(source: Path, format: str | None) -> tuple[dict[str, Picks], list[str], int]:
    """Return the picks by micrograph, the errors of bad files in a folder, and the number of files."""
    from napari_hydrapicker import formats

    if not os.path.isdir(source):
        return formats.read(source, format), [], 1
    files = sorted(_files_in(source), key=formats.exactness)
    picks: dict[str, Picks] = {}
    origin: dict[str, Path] = {}
    bad: list[str] = []
    spare: list[Path] = []
    for file in files:
        try:
            found = formats.read(file, format)
            for name in found.keys() & picks.keys():
                if formats.exactness(origin[name]) == formats.exactness(file):
                    raise CoordinateFileError(f"{file}: {name} was already read from {origin[name]}")
        except CoordinateFileError as error:
            bad.append(str(error))
            continue
        new = {name: one for name, one in found.items() if name not in picks}
        picks |= new
        origin |= dict.fromkeys(new, file)
        if found and not new:
            spare.append(file)
    if spare:
        more = f" and {len(spare) - 1} more" if len(spare) > 1 else ""
        typer.echo(f"left out {spare[0]}{more}: other files hold more of the same micrographs", err=True)
    return picks, bad, len(files)


def _files_in(folder: Path) -> list[Path]:
    """List the coordinate files of a folder, without those that a combined STAR in it lists."""
    from napari_hydrapicker import formats
    from napari_hydrapicker.formats._star_lists import listed_files

    candidates = sorted(folder.iterdir())
    files = [file for file in candidates if formats.may_hold_coordinates(file) and file.is_file()]
    if not files:
        raise CoordinateFileError(f"{folder}: no coordinate files ({', '.join(sorted(formats.EXTENSIONS))})")
    listed: set[Path] = set()
    for file in files:
        try:
            if file.suffix.lower() == ".star" and formats.detect(file) == "star-combined":
                listed |= {one.resolve() for one in listed_files(file).values()}
        except HydraPickerError:
            continue  # reported when it is read
    return [file for file in files if file.resolve() not in listed]


def _report(picks: dict[str, Picks], target: str, written: list[Path], out: Path) -> None:
    width = max(len(name) for name in picks)
    for name, one in picks.items():
        typer.echo(f"{name:{width}}  {len(one):6d}")
    total = sum(len(one) for one in picks.values())
    files = f"{len(written)} files" if len(written) > 1 else "1 file"
    typer.echo(f"{total} picks on {len(picks)} micrographs written as {target} to {out} ({files})")
