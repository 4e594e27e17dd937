"""What speaks for or against the micrographs of a project, and what is said when some are excluded."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.ctf import ctf_of, read_figures
from napari_hydrapicker.io.image_info import ListedFigures
from napari_hydrapicker.picking.worth import COLUMNS, ColumnRange, Values, listed_values
from napari_hydrapicker.project.edits import EditKind, Replayed
from napari_hydrapicker.project.records import Status
from napari_hydrapicker.project.session import Session
from napari_hydrapicker.wording import counted


def worth_of(session: Session, micrograph_id: int) -> Values:
    """Return what is known of a micrograph, by column; NaN where it is not."""
    record = session.record(micrograph_id)
    share = record.masked_share
    return {
        "picks": math.nan if record.status is Status.NEW else float(session.count(micrograph_id)),
        "mean_score": session.mean_score(micrograph_id),
        "doubt": session.counts.doubt(micrograph_id),
        "masked_share": math.nan if share is None else share,
        **listed_values(record.figures),
    }


def outside(session: Session, kept: ColumnRange) -> list[int]:
    """Return the micrographs that count and lie outside a range; those without a number do not."""
    return [
        record.id
        for record in session.records
        if record.status is not Status.EXCLUDED and kept.excludes(worth_of(session, record.id))
    ]


def take_list(session: Session, path: Path, listed: Mapping[str, ListedFigures] | None = None) -> int:
    """Take what another program's list states of a project's micrographs.

    Parameters
    ----------
    session
        Of the project.
    path
        The list.
    listed
        What `read_figures` has read of it, where that is done already.

    Returns
    -------
    int
        Of how many micrographs it states something.

    Raises
    ------
    CoordinateFileError
        If it is missing or damaged.
    ParameterError
        If it states nothing of these micrographs, or it cannot be told of which.
    """
    listed = read_figures(path) if listed is None else listed
    records = session.records
    found = ctf_of([record.micrograph() for record in records], listed)
    stated = {record.id: one for record, one in zip(records, found, strict=True) if one is not None}
    if not listed:
        raise ParameterError(
            f"{path}: states no defocus, CTF resolution or ice; choose what CTF estimation has written, such "
            "as micrographs_ctf.star or exposures .cs"
        )
    if not stated:
        raise ParameterError(f"{path}: has other micrographs than this project: none of its names is here")
    session.set_listed(stated)
    return len(stated)


def exclusion_message(n: int, out: bool, unknown: int = 0) -> str:
    """Say that so many micrographs were excluded, or included again; of some a number was not known."""
    if not n:
        return "No micrograph was excluded: none lies there" if out else "No micrograph is excluded there"
    done = "excluded from picking, training, classes and export" if out else "included again"
    text = f"{counted(n, 'micrograph')} {done} (Ctrl+Z undoes it)"
    if unknown:
        text += f"; {counted(unknown, 'micrograph')} without this number stayed"
    return text


def replayed_exclusion(done: Replayed, undone: bool) -> str:
    """Say what an undo or redo has done to an exclusion; "" if it was none."""
    if not done or not done.edits[0].kind.is_of_whole_micrographs:
        return ""
    out = done.edits[0].kind is EditKind.EXCLUDE
    state = "excluded" if out else "included"
    key = "Ctrl+Shift+Z redoes" if undone else "Ctrl+Z undoes"
    text = f"{counted(len(done.edits), 'micrograph')} {state} again ({key} it)"
    if done.left:
        text += f"; not {counted(len(done.left), 'micrograph')} on which something else was done since"
    return text


def as_table(session: Session) -> str:
    """Return all micrographs with their columns and whether they are excluded, as CSV."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("micrograph", *COLUMNS, "status"))
    for record in session.records:
        values = worth_of(session, record.id)
        numbers: Sequence[str] = [column.text(values[name]) for name, column in COLUMNS.items()]
        table.writerow((record.name, *numbers, record.status.value))
    return text.getvalue()
