"""Opening many micrographs whose results go by their names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.micrograph import Micrograph, open_micrographs
from napari_hydrapicker.picking.rows import Row


def open_all(paths: Iterable[Path], listed: Iterable[Micrograph] = ()) -> tuple[list[Micrograph], list[Row]]:
    """Open files (headers only); return the micrographs, and a row for each that cannot be picked.

    Output files go by the micrograph's name: of two that share it the second is refused, unless both are
    one and the same file. `listed` are micrographs that are open already.
    """
    micrographs: dict[str, Micrograph] = {}
    bad: list[Row] = []
    for path in paths:
        try:
            opened = open_micrographs(path)
        except HydraPickerError as error:
            bad.append(Row(path.name, error=str(error)))
            continue
        bad += _add(opened, micrographs)
    bad += _add(listed, micrographs)
    return list(micrographs.values()), bad


def _add(opened: Iterable[Micrograph], micrographs: dict[str, Micrograph]) -> list[Row]:
    """Add micrographs under their names; return a row for each name that is taken."""
    bad: list[Row] = []
    for one in opened:
        other = micrographs.setdefault(one.name, one)
        if other is one or (one.frame == other.frame and os.path.samefile(one.path, other.path)):
            continue
        message = f"{one.path}: shares its name with {other.path}; pick it into another folder"
        bad.append(Row(one.path.name, error=message))
    return bad
