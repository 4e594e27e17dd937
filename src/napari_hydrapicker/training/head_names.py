"""Names of heads made from names of data sets."""

from __future__ import annotations

import re
from collections.abc import Sequence

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.heads.names import check_head_name
from napari_hydrapicker.hydra.model import GENERIC

_LONGEST = 56  # leaves room for a number within the 64 characters of a head's name


def head_names(data_sets: Sequence[str]) -> list[str]:
    """Name of the head of each data set, in their order.

    Characters that a head's name cannot hold become hyphens. Data sets of the same name share a head;
    different ones whose heads would be called alike, or whose name is reserved, are numbered.

    Raises
    ------
    ParameterError
        If a data set has no name.
    """
    made: dict[str, str] = {}
    for name in data_sets:
        if name not in made:
            made[name] = _free(name, set(made.values()))
    return [made[name] for name in data_sets]


def _free(data_set: str, taken: set[str]) -> str:
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", data_set).strip("-_")[:_LONGEST]
    if not plain:
        raise ParameterError(
            f"data set {data_set!r}: no head can be called so; name it with letters or digits"
        )
    number, name = 1, plain
    while name in taken or not _allowed(name):
        number += 1
        name = f"{plain}-{number}"
    return name


def _allowed(name: str) -> bool:
    try:
        check_head_name(name)
    except ParameterError:  # a reserved word: its characters and its length are right
        return False
    return name != GENERIC
