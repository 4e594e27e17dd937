"""Data sets as the options of `hydrapicker train` name them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_hydrapicker.errors import ParameterError

if TYPE_CHECKING:
    from napari_hydrapicker.training.assembly import RealSet


def names_in(text: str) -> list[str]:
    """Return the names in a list that commas separate."""
    return [name.strip() for name in text.split(",") if name.strip()]


def shared_heads(texts: Sequence[str]) -> dict[str, list[str]]:
    """Read some HEAD=STRUCTURE,STRUCTURE: heads, and the structures that share each.

    Raises
    ------
    ParameterError
        If a head or its structures are missing, or one is there twice.
    """
    groups: dict[str, list[str]] = {}
    for text in texts:
        head, _, members = (part.strip() for part in text.partition("="))
        if not (head and names_in(members)):
            raise ParameterError(f"--group {text}: give HEAD=STRUCTURE,STRUCTURE")
        if head in groups:
            raise ParameterError(f"--group {text}: {head!r} is there twice; name all its structures at once")
        for member in names_in(members):
            if any(member in others for others in groups.values()):
                raise ParameterError(f"--group {text}: {member!r} has a head already; give it one")
        groups[head] = names_in(members)
    return groups


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
