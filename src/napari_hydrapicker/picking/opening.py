"""Opening many micrographs whose results go by their names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from napari_hydrapicker.errors import HydraPickerError
from napari_hydrapicker.micrograph import Micrograph, open_micrographs, with_distinct_names
from napari_hydrapicker.picking.rows import Row


def open_all(paths: Iterable[Path], listed: Iterable[Micrograph] = ()) -> tuple[list[Micrograph], list[Row]]:
    """Open files (headers only); return the micrographs, and a row for each that cannot be picked.

    Output files go by the micrograph's name: the same file name in two folders is two micrographs, whose
    names have these folders before them. Of two files of one folder and name the second is refused. `listed`
    are micrographs that are open already.
    """
    opened: list[Micrograph] = []
    bad: list[Row] = []
    for path in paths:
        try:
            opened += open_micrographs(path)
        except HydraPickerError as error:
            bad.append(Row(path.name, error=str(error)))
    micrographs: dict[str, Micrograph] = {}
    for one in with_distinct_names([*opened, *listed]):
        other = micrographs.setdefault(one.name, one)
        if other is not one:
            message = f"{one.path}: shares its name with {other.path}; pick it into another folder"
            bad.append(Row(one.path.name, error=message))
    return list(micrographs.values()), bad
