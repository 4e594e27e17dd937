"""What an earlier run has picked into the same folder, to go on from there."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_hydrapicker import formats
from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.formats.box import BOX
from napari_hydrapicker.picks import Picks, Source

_BOX_ROUNDING_PX = 1.5  # corner and size are integers


class Earlier:
    """The picks in the files that picking writes into a folder.

    Parameters
    ----------
    out : Path
        The folder.
    chosen : sequence of str
        The formats that are written.
    done : container of str
        The micrographs that count, by name: files of others may come from elsewhere, or be half a result.

    Raises
    ------
    CoordinateFileError
        If a table of all micrographs is there, and is damaged.
    """

    def __init__(self, out: Path, chosen: Sequence[str], done: Container[str]) -> None:
        self._out = out
        self._done = done
        known = [formats.FORMATS[name] for name in chosen]
        self._single = [one for one in known if one.main is None]
        self._tables: dict[str, dict[str, Picks]] = {
            one.name: self._table(one.name)
            for one in known
            if one.main is not None and self._main(one.name).exists()
        }

    def picks(self, name: str, diameter_px: float, also: Sequence[Path] = ()) -> Picks | None:
        """Return what was picked on a micrograph; None if it is not done, or a file is missing or damaged.

        Parameters
        ----------
        name : str
            The micrograph's.
        diameter_px : float
            The particle's diameter, which not all formats keep, in pixels.
        also : sequence of Path
            Other files that must be there.
        """
        if name not in self._done:
            return None
        found = self._from_files(name) if self._single else self._from_tables(name)
        if found is None or not all(path.exists() for path in also):
            return None
        return replace(found, source=np.full(len(found), Source.PICKER, np.int8), diameter_px=diameter_px)

    def _table(self, kind: str) -> dict[str, Picks]:
        found = formats.read_paths(self._main(kind), kind)
        return {name: picks for name, picks in found.items() if name in self._done}

    def _from_files(self, name: str) -> Picks | None:
        """Read the file of one micrograph that keeps most."""
        nothing = {name: Picks.from_xy([], [])}
        files = {
            self._out / file: one.name
            for one in self._single
            for file in one.encode(nothing, self._out, formats.WriteOptions())
        }
        if not all(file.exists() for file in files):
            return None
        best = min(files, key=formats.exactness)
        try:
            # The file is the micrograph's, whatever name a reader makes of the file's.
            found = next(iter(formats.read(best, files[best]).values()))
        except CoordinateFileError:
            return None
        table = self._from_tables(name)
        return table if files[best] == BOX.name and table is not None and _rounded(table, found) else found

    def _from_tables(self, name: str) -> Picks | None:
        holding = [kind for kind, table in self._tables.items() if name in table]
        best = min(holding, key=lambda kind: formats.exactness(self._main(kind)), default=None)
        return None if best is None else self._tables[best][name]

    def _main(self, kind: str) -> Path:
        return self._out / (formats.FORMATS[kind].main or "")


def _rounded(exact: Picks, found: Picks) -> bool:
    """Whether the picks of a .box file are those of a table, not those of a run before the file was."""
    return len(exact) == len(found) and bool((np.abs(exact.yx - found.yx) <= _BOX_ROUNDING_PX).all())
