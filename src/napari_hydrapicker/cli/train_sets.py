"""Data sets as the options of `hydrapicker train` name them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_hydrapicker.errors import ParameterError

if TYPE_CHECKING:
    from napari_hydrapicker.training.assembly import RealSet


def names_in(text: str) -> list[str]:
    """Return the names in a list that commas separate."""
    return [name.strip() for name in text.split(",") if name.strip()]


def shared_head(text: str) -> tuple[str, list[str]]:
    """Read HEAD=STRUCTURE,STRUCTURE: a head, and the structures that share it.

    Raises
    ------
    ParameterError
        If the head or its structures are missing.
    """
    head, _, members = text.partition("=")
    if not (head.strip() and names_in(members)):
        raise ParameterError(f"--group {text}: give HEAD=STRUCTURE,STRUCTURE")
    return head.strip(), names_in(members)


def real_set(text: str) -> RealSet:
    """Read NAME:MICROGRAPHS:COORDINATES:DIAMETER[:DY,DX], a labelled data set; lengths in Angstrom.

    Raises
    ------
    ParameterError
        If a part is missing, or a number is none.
    """
    from napari_hydrapicker.training.assembly import RealSet

    try:
        name, micrographs, coordinates, diameter, *shift = text.split(":")
        dy, dx = map(float, shift[0].split(",")) if shift else (0.0, 0.0)
        return RealSet(name, micrographs, Path(coordinates), float(diameter), (dy, dx))
    except ValueError:
        raise ParameterError(f"--real {text}: give NAME:MICROGRAPHS:COORDINATES:DIAMETER[:DY,DX]") from None
