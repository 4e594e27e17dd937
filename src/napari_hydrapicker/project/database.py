"""The project file as a database: one writer, whole transactions, and settings by name."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from napari_hydrapicker.errors import ParameterError, ProjectError
from napari_hydrapicker.project.lock import ProjectLock


class Database:
    """An open file; what goes wrong with it is told as `ProjectError`, with its name.

    Attributes
    ----------
    path : Path
        The file.
    read_only : bool
        Whether another window has it open; changing it then raises `ProjectError`.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: ProjectLock) -> None:
        self.path, self.read_only = path, not lock.held
        self._db, self._lock = connection, lock
        self._closed = False

    def close(self) -> None:
        """Close the file and let others write to it."""
        if not self._closed:
            self._closed = True
            self._db.close()
            self._lock.release()

    def setting(self, name: str, default: Any) -> Any:
        """Return a stored setting."""
        with self._reading():
            row = self._db.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
            return default if row is None else json.loads(row[0])

    def settings_named(self, start: str) -> dict[str, Any]:
        """Return the stored settings whose names begin so, by the rest of the name."""
        with self._reading():
            rows = self._db.execute(
                "SELECT name, value FROM setting WHERE substr(name, 1, ?) = ?", (len(start), start)
            )
            return {name[len(start) :]: json.loads(value) for name, value in rows}

    def set_setting(self, name: str, value: Any) -> None:
        """Store a setting, anything that JSON can hold."""
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, json.dumps(value)))

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make changes that belong together: all of them are in the file afterwards, or none.

        Raises
        ------
        ProjectError
            If the file cannot be written.
        """
        with self._writing():
            yield

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Say which file it is if a row cannot be read, or holds what we have never written."""
        try:
            yield
        except (sqlite3.Error, ParameterError, TypeError, ValueError) as error:
            raise ProjectError(f"{self.path}: cannot be read ({error}); restore it from a backup") from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, whole or not at all; within another it is part of that one."""
        if self.read_only:
            raise ProjectError(f"{self.path.name}: read-only, since another window has the project open")
        if self._db.in_transaction:
            yield self._db
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite takes some failures back by itself
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise ProjectError(
                f"{self.path}: cannot be written ({error}): the last change is not saved; check the disk"
            ) from error
