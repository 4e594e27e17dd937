"""Tables of the project file, and how one is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from napari_hydrapicker.errors import ProjectError

# Says "a project of ours" in the SQLite header: the letters HPic.
APPLICATION_ID = 0x48506963
VERSION = 1

TABLES = """
CREATE TABLE micrograph (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    path TEXT NOT NULL,
    name TEXT NOT NULL,
    rows INTEGER NOT NULL,
    cols INTEGER NOT NULL,
    pixel_size_angstrom REAL,
    frame INTEGER NOT NULL,
    n_frames INTEGER NOT NULL,
    status TEXT NOT NULL,
    labels BLOB NOT NULL DEFAULT x'',
    UNIQUE (path, frame)
);
CREATE TABLE edit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    micrograph_id INTEGER NOT NULL REFERENCES micrograph (id),
    kind TEXT NOT NULL,
    before BLOB NOT NULL,
    after BLOB NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE INDEX edit_of_micrograph ON edit (micrograph_id, id);
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

# edit.state
DONE, UNDONE, ABANDONED = 0, 1, 2


def create(path: Path) -> sqlite3.Connection:
    """Make a project file; it is complete before it has its name.

    Raises
    ------
    ProjectError
        If the file exists or cannot be made.
    """
    if path.exists():
        raise ProjectError(f"{path}: exists already; open it, or choose another name")
    draft = path.with_name(f".{path.name}.new")
    try:
        draft.unlink(missing_ok=True)
        connection = sqlite3.connect(draft, isolation_level=None)
        connection.executescript(
            f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; {TABLES}"
        )
        connection.close()
        draft.rename(path)
    except (OSError, sqlite3.Error) as error:
        raise ProjectError(f"{path}: the project cannot be made ({error}); choose another folder") from error
    return connect(path, read_only=False)


def connect(path: Path, read_only: bool) -> sqlite3.Connection:
    """Open a project file and look whether it is one, and whole.

    Raises
    ------
    ProjectError
        If it is missing, not ours, damaged, or of a newer version.
    """
    if not path.is_file():
        raise ProjectError(f"{path}: no such project file")
    uri = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rw'}"
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=2)
    except sqlite3.Error as error:
        raise ProjectError(f"{path}: cannot be opened ({error})") from error
    try:
        _check(connection, path)
        if not read_only:
            # With a write-ahead log a process that dies at any moment leaves whole transactions only.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
    except (sqlite3.Error, ValueError) as error:  # ValueError: a damaged name in SQLite's own message
        connection.close()
        raise ProjectError(f"{path}: is damaged or no project file ({error}); open a copy of it") from error
    except ProjectError:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise ProjectError(f"{path}: not a HydraPicker project; open the folder of micrographs instead")
    if version > VERSION:
        raise ProjectError(f"{path}: made by a newer version of HydraPicker; update to open it")
    (state,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if state != "ok":
        raise ProjectError(f"{path}: is damaged ({state}); restore it from a backup")
