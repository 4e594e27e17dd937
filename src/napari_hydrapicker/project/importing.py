"""Picks of other programs, and of our own command line, as picks of an open project."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from napari_hydrapicker.errors import CoordinateFileError, MicrographError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.coordinates.folder import Key
from napari_hydrapicker.io.coordinates.frame_check import FrameCheck, Reading, Report, check_frame
from napari_hydrapicker.io.names import Match, match_names
from napari_hydrapicker.picking.consensus import ImportedPicks
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.project.database import Parts
from napari_hydrapicker.project.edits import Replayed, inside
from napari_hydrapicker.project.records import MicrographRecord, Status
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.project.settings import IMPORTED
from napari_hydrapicker.wording import counted, shortened

_LOOKED_INTO = 50  # files of a folder, to see whether they hold coordinates


@dataclass(frozen=True)
class ImportPlan:
    """Which picks go to which micrographs, and how their positions are read.

    Attributes
    ----------
    path : Path
        The file or folder that they are from.
    found : dict of micrograph number to Picks
        As the file has them, those outside the micrograph too: which these are depends on the reading.
    shapes : dict of micrograph number to (int, int)
        Rows and columns of these micrographs, pixels.
    problems : tuple of str
        How names were matched, what is left out, and why; a line each.
    remark : str
        What else the user should know; "" for nothing.
    check : FrameCheck or None
        What the images say of the positions; None where there are too few to say anything.
    reading : Reading
        How the positions are taken.
    """

    path: Path
    found: Mapping[int, Picks]
    shapes: Mapping[int, tuple[int, int]]
    problems: tuple[str, ...] = ()
    remark: str = ""
    check: FrameCheck | None = None
    reading: Reading = field(default_factory=Reading)

    def read_as(self, reading: Reading) -> ImportPlan:
        """Return the same import with the positions taken in another way."""
        return replace(self, reading=reading)

    @property
    def better(self) -> Reading | None:
        """The reading that fits the images clearly better than this one; None if there is none."""
        return self.check.best if self.check is not None and self.check.best != self.reading else None

    @property
    def question(self) -> str:
        """What the user has to be asked before the positions are taken as they stand; "" for nothing."""
        if self.check is None or not self.check.doubtful:
            return ""
        if self.check.others:
            return f"{self.path.name}: {self.check.message()}"
        outside = self.check.n_picks - self.check.as_given.inside
        lost = f", where {counted(outside, 'pick')} would lie outside them" if outside else ""
        return (
            f"{self.path.name}: these positions fit the images far better {self.check.best.description} "
            f"than as they stand{lost}"
        )

    @property
    def evidence(self) -> str:
        """The numbers on which the question is asked; "" where there is none."""
        return "" if self.check is None else self.check.message(how="it is yours to choose")

    def picks(self) -> dict[int, Picks]:
        """Return what each micrograph gets: its picks in this reading, without those outside of it."""
        return {number: self.picks_of(number) for number in self.found}

    def picks_of(self, number: int) -> Picks:
        """Return what one micrograph gets."""
        if number not in self._taken:
            picks = self.reading.apply(self.found[number], self.shapes[number])
            self._taken[number] = picks.select(inside(picks.yx, self.shapes[number]))
        return self._taken[number]

    @cached_property
    def _taken(self) -> dict[int, Picks]:
        """What micrographs get, as far as it is known already."""
        return {}

    def summary(self) -> str:
        """Say what was taken, how it can be undone, and what was left out."""
        picks = self.picks()
        taken = sum(map(len, picks.values()))
        text = f"{counted(taken, 'pick')} imported on {counted(len(picks), 'micrograph')} (Ctrl+Z undoes it)"
        if not self.reading.as_read:
            text += f", {self.reading.description}"
        outside = sum(map(len, self.found.values())) - taken
        left = [f"{counted(outside, 'pick')} outside the micrographs left out: look at the others"]
        return ". ".join([text, *self.problems, *(left if outside else []), *filter(None, [self.remark])])


def plan_import(path: Path, records: Sequence[MicrographRecord], report: Report | None = None) -> ImportPlan:
    """Read picks from a file or a folder, find the micrographs that they belong to by their names, and hold
    their positions against the images.

    This reads up to eight micrographs and may take seconds.

    Parameters
    ----------
    path : Path
        The file or folder.
    records : sequence of MicrographRecord
        The project's micrographs.
    report : callable, optional
        Called with how many micrographs have been looked at, and of how many, 0 while files are being read;
        what it raises ends the planning.

    Raises
    ------
    CoordinateFileError
        If it cannot be read, holds no coordinates, or no name in it is one of the micrographs'.
    ParameterError
        If for none of the micrographs it can be told which picks belong to it.
    """
    imported = ImportedPicks.read(path, None if report is None else lambda: report(0, 0))
    known = {record.id: record for record in records}
    match = match_names(
        {record.id: record.micrograph().full_name for record in records},
        {key: key.path for key in imported.picks},
    )
    if not match.pairs:
        match.check_unambiguous("micrographs", "picks")
        theirs, ours = (shortened(match.labels[i].values()) for i in (1, 0))
        raise CoordinateFileError(
            f"no name in it is one of these micrographs': it has {theirs}, and here are {ours}: {path}"
        )
    found = {number: imported.placed(key, known[number].shape) for number, key in match.pairs}
    shapes = {number: known[number].shape for number in found}
    problems = _of_names(match)
    check = None
    try:
        # What is not where it was can be imported to, but not looked at.
        check = check_frame(
            [(known[n].micrograph(), picks) for n, picks in found.items() if not known[n].missing],
            report=report,
        )
    except MicrographError as error:
        problems.append(f"The positions were not held against the images ({error})")
    return ImportPlan(path, found, shapes, tuple(problems), imported.remark, check)


def run_import(plan: ImportPlan, session: Session) -> None:
    """Take the picks into the project; what the user has edited stays, as when he picks again.

    Raises
    ------
    ProjectError
        If the project cannot be written.
    """
    import_in_parts(plan, session).result()


def import_in_parts(plan: ImportPlan, session: Session) -> Parts[None]:
    """Take the picks into the project as `run_import`, bit by bit: all are there in the end, or none."""
    key = f"{IMPORTED}/{plan.path.name}"

    def steps() -> Generator[None, None, None]:
        for number in plan.found:
            plan.picks_of(number)
            yield
        yield from session.importing(plan.picks(), key)

    session.suggest_threshold(0.0, key)
    return session.project.in_parts(steps())


def replayed_import(done: Replayed, records: Sequence[MicrographRecord], undone: bool) -> str:
    """Say what an undo or redo has done to an import; "" if it was none."""
    names = {record.id: record.name for record in records}
    left = shortened(names[number] for number in done.left if number in names)
    if done.left and not done:
        return (
            f"Nothing {'undone' if undone else 'redone'}: the import is the last change here, but {left} was "
            "marked complete after it: take the mark back first (key Q)"
        )
    scoring = done.edits[0].scoring if done.is_import else None
    if scoring is None:
        return ""
    picker = scoring[0 if undone else 1].picker
    name = picker.removeprefix(f"{IMPORTED}/")
    what = f"import of {name}" if name != picker else "taking in of the picks that came from elsewhere"
    text = f"The {what} is {'undone' if undone else 'done again'}"
    text += f" on {counted(len(done.edits), 'micrograph')}"
    text += f" ({'Ctrl+Shift+Z redoes' if undone else 'Ctrl+Z undoes'} it)"
    if left:
        how = "undo that there first" if undone else "import it there again"
        text += f", but not on {left}, changed or marked complete since: {how}"
    return text


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
        # Whether it holds any does not depend on how high the micrographs are.
        return bool(formats.read_paths(path, shape_of=lambda _: (0, 0)))
    except CoordinateFileError:
        return False


def _of_names(match: Match[int, Key]) -> list[str]:
    """Say which names were matched by the second rule, and which have no partner."""
    ours, theirs = match.labels
    lines = []
    other_words = [f"{ours[a]} = {theirs[b]}" for a, b in match.pairs if a not in match.exact]
    if other_words:
        lines.append(f"Matched without what programs add to names: {shortened(other_words)}")
    if match.ambiguous:
        text = match.unclear("micrographs", "picks")
        lines.append(f"{text[0].upper()}{text[1:]}; none of these got picks")
    if match.right_only:
        lines.append(f"Not here: {shortened(sorted(theirs[one] for one in match.right_only))}")
    if match.left_only:
        lines.append(f"Without picks in it: {shortened(ours[one] for one in match.left_only)}")
    return lines
