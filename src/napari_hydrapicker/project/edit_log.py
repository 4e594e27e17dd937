"""The log of edits: what is done, undone and abandoned. All within the caller's transaction."""

from __future__ import annotations

import sqlite3

from napari_hydrapicker.project.database import ABANDONED, DONE, UNDONE
from napari_hydrapicker.project.edits import Edit, EditKind
from napari_hydrapicker.project.labels import Labels


def labels(db: sqlite3.Connection, micrograph_id: int) -> Labels:
    """Return a micrograph's picks; none if there is no such micrograph."""
    row = db.execute("SELECT labels FROM micrograph WHERE id = ?", (micrograph_id,)).fetchone()
    return Labels.empty() if row is None else Labels.from_bytes(row[0])


def commit(db: sqlite3.Connection, edit: Edit) -> int:
    """Apply an edit and log it; returns its number in the log."""
    _apply(db, edit)
    db.execute(
        "UPDATE edit SET state = ? WHERE micrograph_id = ? AND state = ?",
        (ABANDONED, edit.micrograph_id, UNDONE),
    )
    cursor = db.execute(
        "INSERT INTO edit (micrograph_id, kind, before, after) VALUES (?, ?, ?, ?)",
        (edit.micrograph_id, edit.kind.value, edit.before.to_bytes(), edit.after.to_bytes()),
    )
    return int(cursor.lastrowid or 0)


def undo(db: sqlite3.Connection, micrograph_id: int) -> Edit | None:
    """Take back the last edit, if it was by hand; returns its inverse."""
    found = _find(db, micrograph_id, DONE, "DESC")
    if found is None or not found[1].kind.by_hand:
        return None
    number, edit = found
    _apply(db, edit.inverse())
    db.execute("UPDATE edit SET state = ? WHERE id = ?", (UNDONE, number))
    return edit.inverse()


def redo(db: sqlite3.Connection, micrograph_id: int) -> Edit | None:
    """Apply the edit that was undone last; returns it."""
    found = _find(db, micrograph_id, UNDONE, "ASC")
    if found is None:
        return None
    number, edit = found
    _apply(db, edit)
    db.execute("UPDATE edit SET state = ? WHERE id = ?", (DONE, number))
    return edit


def edits(db: sqlite3.Connection, micrograph_id: int) -> list[Edit]:
    """Return all edits of a micrograph in the order in which they were made."""
    rows = db.execute(
        "SELECT kind, before, after FROM edit WHERE micrograph_id = ? ORDER BY id", (micrograph_id,)
    )
    return [_edit(micrograph_id, *row) for row in rows]


def _apply(db: sqlite3.Connection, edit: Edit) -> None:
    after = edit.apply(labels(db, edit.micrograph_id))
    db.execute("UPDATE micrograph SET labels = ? WHERE id = ?", (after.to_bytes(), edit.micrograph_id))


def _find(db: sqlite3.Connection, micrograph_id: int, state: int, order: str) -> tuple[int, Edit] | None:
    row = db.execute(
        "SELECT id, kind, before, after FROM edit WHERE micrograph_id = ? AND state = ?"
        f" ORDER BY id {order} LIMIT 1",
        (micrograph_id, state),
    ).fetchone()
    return None if row is None else (row[0], _edit(micrograph_id, *row[1:]))


def _edit(micrograph_id: int, kind: str, before: bytes, after: bytes) -> Edit:
    return Edit(micrograph_id, EditKind(kind), Labels.from_bytes(before), Labels.from_bytes(after))
