"""Options and words that all commands which read coordinate files share: how positions are meant, and "
"names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_hydrapicker.errors import MicrographError, ParameterError
from napari_hydrapicker.wording import first_of

if TYPE_CHECKING:
    from napari_hydrapicker.io.coordinates.frame_check import Reading
    from napari_hydrapicker.io.micrograph import Micrograph
    from napari_hydrapicker.io.names import Match
    from napari_hydrapicker.picks import Picks


FlipY = Annotated[
    bool, typer.Option("--flip-y", help="Positions count y from the other edge: turn them upside down.")
]
Swap = Annotated[bool, typer.Option("--swap", help="Positions have x and y swapped.")]
Scale = Annotated[
    float,
    typer.Option(
        "--scale", metavar="FACTOR", help="Multiply positions, e.g. by 4 if made on images binned 4x."
    ),
]
ShowMatch = Annotated[
    bool, typer.Option("--match", help="Show which names were matched, and what has no partner.")
]
Shape = Annotated[
    str | None,
    typer.Option("--micrograph-shape", metavar="ROWSxCOLS", help="Size of all micrographs in pixels."),
]


def parse_reading(flip_y: bool, swap: bool, scale: float) -> Reading:
    """Return how positions are to be read.

    Raises
    ------
    ParameterError
        If the scale is no positive number.
    """
    from napari_hydrapicker.io.coordinates.frame_check import Reading

    if not (math.isfinite(scale) and 1e-3 <= scale <= 1e3):
        raise ParameterError(f"--scale {scale:g}: give a factor from 0.001 to 1000")
    return Reading(flip_y, swap, scale)


def parse_shape(text: str | None) -> tuple[int, int] | None:
    """Return rows and columns of ``4092x5760``.

    Raises
    ------
    ParameterError
        If it is not of that form.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,6})[x,](\d{1,6})", text.lower(), re.ASCII)
    if match is None or "0" in match.groups():
        raise ParameterError(f"--micrograph-shape {text}: give ROWSxCOLUMNS in pixels, e.g. 4092x5760")
    return int(match[1]), int(match[2])


def open_known(paths: Sequence[str]) -> list[Micrograph]:
    """Open the micrographs of ``--micrographs``: files, folders, patterns, or other programs' lists.

    Raises
    ------
    MicrographError
        If a micrograph cannot be opened.
    """
    from napari_hydrapicker.io.lists import open_any

    opened, problems = open_any(paths)
    if problems:
        raise MicrographError(first_of(problems))
    return opened


def show_match(match: Match[Any, Any], left: str, right: str, all_of_it: bool, both: bool = True) -> None:
    """Print what was matched, if `all_of_it` is wanted, and always what of both sides, or the left, is "
    "skipped."""
    for line in match.lines(left, right) if all_of_it else []:
        typer.echo(line)
    for line in match.skipped(left, right, both):
        typer.echo(line, err=True)


def warn_of_frame(
    origin: Path | str,
    samples: Iterable[tuple[Micrograph, Picks]],
    given: Reading | None = None,
    how: str | None = None,
) -> None:
    """Warn where another reading of the positions fits the micrographs clearly better.

    A micrograph that cannot be read is named in a warning, too: the check shall stop nothing.

    Parameters
    ----------
    origin : Path or str
        File or folder of the positions.
    samples : iterable of (Micrograph, Picks)
        The positions as the file has them.
    given : Reading, optional
        How they are going to be read.
    how : str, optional
        What to do, where it is not giving options to the same command; ``{options}`` stands for these.
    """
    from napari_hydrapicker.io.coordinates.frame_check import check_frame

    try:
        check = check_frame(samples, given)
    except MicrographError as error:
        _warn(f"{origin}: the positions were not held against the micrographs ({error})")
        return
    if check is not None and check.doubtful:
        action = None if how is None else how.format(options=check.best.options)
        _warn(f"{origin}: {check.message(action)}")


def _warn(message: str) -> None:
    typer.echo(f"hydrapicker: warning: {message}", err=True)
