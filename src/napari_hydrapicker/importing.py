"""Picks of other programs, and of our own command line, as picks of an open project."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_hydrapicker import formats
from napari_hydrapicker.errors import CoordinateFileError, MicrographError
from napari_hydrapicker.picking.imported import ImportedPicks
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project.edit import EditKind
from napari_hydrapicker.project.records import MicrographRecord
from napari_hydrapicker.project.status import Status
from napari_hydrapicker.session import Session
from napari_hydrapicker.settings import IMPORTED

_LOOKED_INTO = 50  # files of a folder, to see whether they hold coordinates
_FEW = 3  # names that fit into a message


@dataclass(frozen=True)
class ImportPlan:
    """Which picks go to which micrographs.

    Attributes
    ----------
    path : Path
        The file or folder that they are from.
    picks : dict of micrograph number to Picks
        What is taken.
    problems : tuple of str
        What is left out, and why; a line each.
    remark : str
        What else the user should know; "" for nothing.
    """

    path: Path
    picks: Mapping[int, Picks]
    problems: tuple[str, ...] = ()
    remark: str = ""

    def summary(self) -> str:
        """Say what was taken, and what was left out."""
        n = sum(map(len, self.picks.values()))
        text = f"{_number(n, 'pick')} imported on {_number(len(self.picks), 'micrograph')}"
        return ". ".join([text, *self.problems, *([self.remark] if self.remark else [])])


def plan_import(path: Path, records: Sequence[MicrographRecord]) -> ImportPlan:
    """Read picks from a file or a folder, and find the micrographs that they belong to by their names.

    Raises
    ------
    CoordinateFileError
        If it cannot be read, holds no coordinates, or no name in it is one of the micrographs'.
    """
    imported = ImportedPicks.read(path)
    taken: dict[int, Picks] = {}
    problems: list[str] = []
    without, outside = [], 0
    shared = {name for name, n in Counter(record.name for record in records).items() if n > 1}
    known = {key.name for key in imported.picks}
    for record in records:
        if record.name not in known:
            without.append(record.name)
            continue
        if record.name in shared:
            problems.append(f"two micrographs are called {record.name}: neither got picks")
            shared.discard(record.name)
            known.discard(record.name)
            continue
        try:
            picks = imported.of(record.name)
        except MicrographError as error:
            problems.append(str(error))
            continue
        inside = ((picks.yx >= -0.5) & (picks.yx < np.array(record.shape) - 0.5)).all(axis=1)
        outside += int((~inside).sum())
        taken[record.id] = picks.select(inside)
    if not taken:
        theirs, ours = _some([key.name for key in imported.picks]), _some([r.name for r in records])
        raise CoordinateFileError(
            f"no name in it is one of these micrographs': it has {theirs}, and here are {ours}: {path}"
        )
    names = {record.name for record in records}
    unmatched = sorted({key.name for key in imported.picks if key.name not in names})
    if unmatched:
        problems.append(f"Not here: {_some(unmatched)}")
    if without:
        problems.append(f"Without picks in it: {_some(without)}")
    if outside:
        problems.append(f"{_number(outside, 'pick')} outside the micrographs left out: look at the others")
    return ImportPlan(path, taken, tuple(problems), imported.remark)


def run_import(plan: ImportPlan, session: Session) -> None:
    """Take the picks into the project; what the user has edited stays, as when he picks again.

    Raises
    ------
    ProjectError
        If the project cannot be written.
    """
    key = f"{IMPORTED}/{plan.path.name}"
    for number, picks in plan.picks.items():
        session.put_picks(number, picks, EditKind.IMPORT, key)
    session.suggest_threshold(0.0, key)


def coordinates_beside(folder: Path, records: Sequence[MicrographRecord]) -> Path | None:
    """Return a folder if it has coordinate files beside micrographs of which none is picked yet; quickly."""
    if not records or any(record.status is not Status.NEW for record in records):
        return None
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
    except OSError:
        return None
    candidates = [folder / name for name in names if formats.may_hold_coordinates(Path(name))]
    for path in candidates[:_LOOKED_INTO]:
        try:
            formats.detect(path)
        except CoordinateFileError:
            continue
        return folder
    return None


def holds_coordinates(path: Path) -> bool:
    """Whether a file that was dropped is one of coordinates, and not a list of micrographs."""
    if not path.is_file() or not formats.may_hold_coordinates(path):
        return False
    try:
        return bool(formats.read(path))
    except CoordinateFileError:
        return False


def _number(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return f"{', '.join(names[:_FEW])}{more}"
