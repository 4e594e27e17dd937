"""The log of edits: what is done, undone and abandoned. All within the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator

from napari_hydrapicker.project.database import ABANDONED, DONE, UNDONE, known
from napari_hydrapicker.project.edits import Edit, EditKind, Replayed, Scoring
from napari_hydrapicker.project.labels import Labels
from napari_hydrapicker.project.records import Status


def labels(db: sqlite3.Connection, micrograph_id: int) -> Labels:
    """Return a micrograph's picks; none if there is no such micrograph."""
    row = db.execute("SELECT labels FROM micrograph WHERE id = ?", (micrograph_id,)).fetchone()
    return Labels.empty() if row is None else Labels.from_bytes(row[0])


def commit(db: sqlite3.Connection, edit: Edit, batch: int | None = None) -> int:
    """Apply an edit and log it, if need be as one of a batch; returns its number in the log."""
    _apply(db, edit)
    db.execute(
        "UPDATE edit SET state = ? WHERE micrograph_id = ? AND state = ?",
        (ABANDONED, edit.micrograph_id, UNDONE),
    )
    cursor = db.execute(
        "INSERT INTO edit (micrograph_id, kind, before, after, batch, scoring) VALUES (?, ?, ?, ?, ?, ?)",
        (
            edit.micrograph_id,
            edit.kind.value,
            edit.before.to_bytes(),
            edit.after.to_bytes(),
            batch,
            _scoring_as_text(edit),
        ),
    )
    return int(cursor.lastrowid or 0)


def new_batch(db: sqlite3.Connection) -> int:
    """Return a number for edits of several micrographs that are one step for the user, undone as one."""
    (batch,) = db.execute("SELECT coalesce(max(batch), 0) + 1 FROM edit").fetchone()
    return int(batch)


def undoing(db: sqlite3.Connection, micrograph_id: int) -> Generator[None, None, Replayed]:
    """Take back a micrograph's last edit, if the user can undo it, with all of its batch, one by one; returns
    the inverses."""
    found = _last_done(db, micrograph_id)
    if found is None:
        return Replayed()
    number, batch = found
    (kind,) = db.execute("SELECT kind FROM edit WHERE id = ?", (number,)).fetchone()
    # Imports had no batch once, and what they changed besides the picks was not logged.
    if not known(EditKind, kind).undoable or (kind == EditKind.IMPORT and batch is None):
        return Replayed()
    numbers, left = ([number], []) if batch is None else _movable(db, batch, DONE)
    edits = []
    for one in numbers:
        edits.append(_logged(db, one).inverse())
        _apply(db, edits[-1])
        db.execute("UPDATE edit SET state = ? WHERE id = ?", (UNDONE, one))
        yield
    return Replayed(tuple(edits), tuple(left))


def redoing(db: sqlite3.Connection, micrograph_id: int) -> Generator[None, None, Replayed]:
    """Apply a micrograph's edit that was undone last, with all of its batch, one by one; returns these."""
    found = _first_undone(db, micrograph_id)
    if found is None:
        return Replayed()
    number, batch = found
    numbers, left = ([number], []) if batch is None else _movable(db, batch, UNDONE)
    abandoned = "SELECT micrograph_id FROM edit WHERE batch = ? AND state = ?"
    left += [row[0] for row in db.execute(abandoned, (batch, ABANDONED))]
    edits = []
    for one in numbers:
        edits.append(_logged(db, one))
        _apply(db, edits[-1])
        db.execute("UPDATE edit SET state = ? WHERE id = ?", (DONE, one))
        yield
    return Replayed(tuple(edits), tuple(left))


def edits(db: sqlite3.Connection, micrograph_id: int) -> list[Edit]:
    """Return all edits of a micrograph in the order in which they were made."""
    rows = db.execute(
        "SELECT kind, before, after FROM edit WHERE micrograph_id = ? ORDER BY id", (micrograph_id,)
    )
    return [_edit(micrograph_id, *row) for row in rows]


def _apply(db: sqlite3.Connection, edit: Edit) -> None:
    after = edit.apply(labels(db, edit.micrograph_id))
    db.execute("UPDATE micrograph SET labels = ? WHERE id = ?", (after.to_bytes(), edit.micrograph_id))


def _last_done(db: sqlite3.Connection, micrograph_id: int) -> tuple[int, int | None] | None:
    """Number and batch of the edit that is the next to be undone."""
    row: tuple[int, int | None] | None = db.execute(
        "SELECT id, batch FROM edit WHERE micrograph_id = ? AND state = ? ORDER BY id DESC LIMIT 1",
        (micrograph_id, DONE),
    ).fetchone()
    return row


def _first_undone(db: sqlite3.Connection, micrograph_id: int) -> tuple[int, int | None] | None:
    """Number and batch of the edit that is the next to be redone."""
    row: tuple[int, int | None] | None = db.execute(
        "SELECT id, batch FROM edit WHERE micrograph_id = ? AND state = ? ORDER BY id LIMIT 1",
        (micrograph_id, UNDONE),
    ).fetchone()
    return row


def _movable(db: sqlite3.Connection, batch: int, state: int) -> tuple[list[int], list[int]]:
    """Return which edits of a batch are the next on their micrographs, and on which they are not.

    A micrograph that was marked complete after the edit stays: without it the mark would say that what it
    brought is background.
    """
    turn = _last_done if state == DONE else _first_undone
    numbers: list[int] = []
    left: list[int] = []
    query = (
        "SELECT edit.id, micrograph_id, scoring, status FROM edit JOIN micrograph ON micrograph.id ="
        " micrograph_id WHERE batch = ? AND state = ? ORDER BY edit.id"
    )
    for number, micrograph_id, scoring, status in db.execute(query, (batch, state)).fetchall():
        found, was = turn(db, micrograph_id), _scoring_from_text(scoring)
        marked_since = status == Status.COMPLETE and was is not None and was[0].frozen is None
        if found is not None and found[0] == number and not marked_since:
            numbers.append(number)
        else:
            left.append(micrograph_id)
    return numbers, left


def _logged(db: sqlite3.Connection, number: int) -> Edit:
    row = db.execute(
        "SELECT micrograph_id, kind, before, after, scoring FROM edit WHERE id = ?", (number,)
    ).fetchone()
    return _edit(*row)


def _edit(micrograph_id: int, kind: str, before: bytes, after: bytes, scoring: str | None = None) -> Edit:
    rows = Labels.from_bytes(before), Labels.from_bytes(after)
    return Edit(micrograph_id, known(EditKind, kind), *rows, _scoring_from_text(scoring))


def _scoring_as_text(edit: Edit) -> str | None:
    if edit.scoring is None:
        return None
    return json.dumps([[one.picker, one.frozen] for one in edit.scoring])


def _scoring_from_text(text: str | None) -> tuple[Scoring, Scoring] | None:
    if text is None:
        return None
    before, after = (
        Scoring(str(picker), None if frozen is None else float(frozen)) for picker, frozen in json.loads(text)
    )
    return before, after
