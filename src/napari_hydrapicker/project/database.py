"""The project file as a database: one writer, whole transactions, tables, and settings by name."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any, Generic, TypeVar

from filelock import FileLock, Timeout

from napari_hydrapicker.errors import HydraPickerError, ParameterError, ProjectError

# Says "a project of ours" in the SQLite header: the letters HPic.
APPLICATION_ID = 0x48506963
VERSION = 1
# Of the micrographs whose mask the user has painted. It is made with the first of them and needs no version
# of its own: a project of a version before gets it when it is wanted, and that version leaves it alone.
MASK_TABLE = """
CREATE TABLE IF NOT EXISTS mask (
    micrograph_id INTEGER PRIMARY KEY REFERENCES micrograph (id),
    block_px INTEGER NOT NULL,
    bits TEXT NOT NULL
)
"""
# Numbers of micrographs besides their picks, as JSON by name; made as that of the masks is.
FIGURES_TABLE = """
CREATE TABLE IF NOT EXISTS figures (
    micrograph_id INTEGER PRIMARY KEY REFERENCES micrograph (id),
    stated TEXT NOT NULL
)
"""
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
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    batch INTEGER,
    scoring TEXT
);
CREATE INDEX edit_of_micrograph ON edit (micrograph_id, id);
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
# What projects of before had not: older programs leave these alone, so that the version is the same.
_ADDED_TO_EDIT = {"batch": "INTEGER", "scoring": "TEXT"}
_INDEX_OF_BATCH = "CREATE INDEX IF NOT EXISTS edit_of_batch ON edit (batch) WHERE batch IS NOT NULL"
# edit.state
DONE, UNDONE, ABANDONED = 0, 1, 2

Result = TypeVar("Result")
Word = TypeVar("Word", bound=Enum)


class UnknownWordError(ParameterError):
    """The file has a word that this version does not know: a newer one may."""


def known(kind: type[Word], word: object) -> Word:
    """Return what a word, or a number that stands for one, means in the file.

    Raises
    ------
    UnknownWordError
        If it means nothing here.
    """
    try:
        return kind(word)
    except ValueError:
        raise UnknownWordError(f"{word!r:.40} is no {kind.__name__.lower()} that is known here") from None


class ProjectLock:
    """Lock of one project file."""

    def __init__(self, project: Path) -> None:
        self._lock = FileLock(project.with_name(f".{project.name}.lock"), timeout=0)
        self.held = False

    def acquire(self) -> bool:
        """Try to get the lock; False if another process or window has it, or the folder is read-only."""
        try:
            self._lock.acquire()
        except (Timeout, OSError):
            return False
        self.held = True
        return True

    def release(self) -> None:
        """Give the lock back, if it is held."""
        if self.held:
            self._lock.release()
            self.held = False


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
            _add_what_is_new(connection)
        connection.execute("PRAGMA foreign_keys = ON")
    except (sqlite3.Error, ValueError) as error:  # ValueError: a damaged name in SQLite's own message
        connection.close()
        raise ProjectError(f"{path}: is damaged or no project file ({error}); open a copy of it") from error
    except ProjectError:
        connection.close()
        raise
    return connection


def _add_what_is_new(connection: sqlite3.Connection) -> None:
    """Give an older project the columns that it lacks, one by one: a next time does what is left."""
    there = {row[1] for row in connection.execute("PRAGMA table_info(edit)")}
    if not there:
        return  # a damaged one: reading says so
    for name, kind in _ADDED_TO_EDIT.items():
        if name not in there:
            connection.execute(f"ALTER TABLE edit ADD COLUMN {name} {kind}")
    connection.execute(_INDEX_OF_BATCH)


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


class Parts(Generic[Result]):
    """A change of a project that is made bit by bit: between two bits the window answers.

    It may keep a transaction open all the while, so that all of it is in the file afterwards or none.

    Parameters
    ----------
    steps : generator
        Does a little up to each yield, and returns what comes of it all.

    Attributes
    ----------
    done : bool
        Whether nothing is left to do, be it well or not.
    """

    def __init__(self, steps: Generator[None, None, Result]) -> None:
        self._steps = steps
        self._result: Result
        self._error: HydraPickerError | None = None
        self.running = self.done = False

    def work(self, seconds: float, steps: int = 1) -> bool:
        """Go on for a while, and for so many steps at least; returns whether all is done.

        Raises
        ------
        HydraPickerError
            If it cannot be done, whoever was at it when that came out.
        """
        end = time.monotonic() + seconds
        while not self.done and (steps > 0 or time.monotonic() < end):
            self._step()
            steps -= 1
        if self._error is not None:
            raise self._error
        return self.done

    def result(self) -> Result:
        """Return what has come of it, doing all that is left first; raises as `work`."""
        self.finish()
        if self._error is not None:
            raise self._error
        return self._result

    def finish(self) -> None:
        """Do all that is left, for somebody else who waits; what goes wrong is told to whom it concerns."""
        while not (self.done or self.running):
            self._step()

    def _step(self) -> None:
        self.running = True
        try:
            next(self._steps)
        except StopIteration as end:
            self.done, self._result = True, end.value
        except HydraPickerError as error:
            self.done, self._error = True, error
        except BaseException:
            self.done = True
            raise
        finally:
            self.running = False


class Database:
    """An open file; what goes wrong with it is a `ProjectError` with its name.

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
        self._parts: Parts[Any] | None = None
        self._later: dict[str, Any] = {}  # settings made while there is work in parts

    def close(self) -> None:
        """Close the file and let others write to it."""
        if not self._closed:
            self.finish_parts()
            self._closed = True
            self._db.close()
            self._lock.release()

    def in_parts(self, steps: Generator[None, None, Result]) -> Parts[Result]:
        """Return a change that is to be made bit by bit; whatever else is written comes before or after."""
        self.finish_parts()
        self._parts = parts = Parts(self._with_later(steps))
        return parts

    @property
    def changing(self) -> bool:
        """Whether a change is being made in parts; what can wait should."""
        return self._parts is not None and not self._parts.done

    def finish_parts(self) -> None:
        """Do at once what is left of a change in parts."""
        if self._parts is not None and not self._parts.running:
            self._parts.finish()
            self._parts = None

    def _with_later(self, steps: Generator[None, None, Result]) -> Generator[None, None, Result]:
        """Make a change, then the settings that came meanwhile, even if it fails."""
        try:
            return (yield from steps)
        finally:
            later, self._later = self._later, {}
            for name, value in later.items():
                self.set_setting(name, value)

    def setting(self, name: str, default: Any) -> Any:
        """Return a stored setting."""
        if name in self._later:
            return self._later[name]
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
        """Store a setting, anything that JSON can hold; after a change in parts, if there is one."""
        if self.changing and not (self.read_only or (self._parts and self._parts.running)):
            self._later[name] = value
            return
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, json.dumps(value)))

    @contextmanager
    def transaction(self) -> Iterator[None]:
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
        """Name the file if a row cannot be read, or holds what we have never written."""
        try:
            yield
        except UnknownWordError as error:
            raise ProjectError(
                f"{self.path}: cannot be read ({error}): a newer version of HydraPicker has probably made "
                "it; update to open it. If this is the newest, the file is damaged: restore it from a backup"
            ) from error
        except (sqlite3.Error, ParameterError, TypeError, ValueError) as error:
            raise ProjectError(f"{self.path}: cannot be read ({error}); restore it from a backup") from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, whole or not at all; within another it is part of that one."""
        if self.read_only:
            raise ProjectError(f"{self.path.name}: read-only, since another window has the project open")
        self.finish_parts()
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
