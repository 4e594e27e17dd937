"""A project: one file that holds all of the user's work, written edit by edit."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from natsort import natsorted, ns
from numpy.typing import NDArray

from napari_hydrapicker.errors import ParameterError, ProjectError
from napari_hydrapicker.io.edited_mask import EditedMask
from napari_hydrapicker.io.image_info import ListedFigures
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.io.names import distinct_names
from napari_hydrapicker.project import database as schema
from napari_hydrapicker.project import edit_log
from napari_hydrapicker.project.database import Database, Parts, ProjectLock
from napari_hydrapicker.project.edits import Edit, Replayed
from napari_hydrapicker.project.labels import Labels
from napari_hydrapicker.project.records import MicrographRecord, Status

_PIXEL_SIZES = (0.1, 50.0)  # Angstrom: what a micrograph can have, binned or not
_MASKED = "masked_share"
_COLUMNS = "id, path, name, rows, cols, pixel_size_angstrom, frame, n_frames, status"


class Project(Database):
    """An open project file; every method that changes it has committed when it returns."""

    SUFFIX: ClassVar[str] = ".hydrapicker"

    @classmethod
    def create(cls, path: Path) -> Project:
        """Begin a project in a new file.

        Raises
        ------
        ProjectError
            If the file exists or cannot be made.
        """
        path = Path(path)
        connection = schema.create(path)
        lock = ProjectLock(path)
        lock.acquire()
        return cls(path, connection, lock)

    @classmethod
    def open(cls, path: Path) -> Project:
        """Open a project; read-only if another window has it.

        Raises
        ------
        ProjectError
            If the file is missing, not a project, damaged, or of a newer version.
        """
        path = Path(path)
        lock = ProjectLock(path)
        writable = path.is_file() and os.access(path, os.W_OK) and lock.acquire()
        try:
            return cls(path, schema.connect(path, read_only=not writable), lock)
        except ProjectError:
            lock.release()
            raise

    @classmethod
    def default_path(cls, folder: Path) -> Path:
        """Where the project of a folder of micrographs lies: in it, or with the user's data."""
        folder = Path(folder).resolve()
        name = f"{folder.name or 'micrographs'}{cls.SUFFIX}"
        if os.access(folder, os.W_OK) or (folder / name).exists():
            return folder / name
        from platformdirs import user_data_path

        home = user_data_path("napari-hydrapicker", ensure_exists=True) / "projects"
        home.mkdir(exist_ok=True)
        return home / f"{'_'.join(folder.parts[1:])}{cls.SUFFIX}"

    def micrographs(self) -> list[MicrographRecord]:
        """Return all micrographs, in the natural order of their names.

        They distinguish the same file name in two folders, however the folders came into the project.
        """
        with self._reading():
            rows = self._db.execute(f"SELECT {_COLUMNS} FROM micrograph").fetchall()
            masks, figures = self._masks(), self._figures()
            records = [
                replace(self._record(row, masks.get(row[0])), **figures.get(row[0], {})) for row in rows
            ]
            names = distinct_names([record.micrograph().full_name for record in records])
            named = [replace(record, name=name) for record, name in zip(records, names, strict=True)]
            return natsorted(named, key=lambda record: record.name, alg=ns.IGNORECASE)

    def add_micrographs(self, micrographs: Sequence[Micrograph]) -> int:
        """Add those that are not in the project yet; returns how many these were.

        What a list states of them is kept, also of those that are there already.
        """
        with self._writing() as db:
            before = db.total_changes
            db.executemany(
                "INSERT OR IGNORE INTO micrograph (path, name, rows, cols, pixel_size_angstrom, frame,"
                " n_frames, status) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        self._stored(m.path),
                        m.name,
                        *m.shape,
                        m.pixel_size_angstrom,
                        m.frame,
                        m.n_frames,
                        Status.NEW,
                    )
                    for m in micrographs
                ],
            )
            n_added = db.total_changes - before
            listed = {(self._stored(m.path), m.frame): m.figures for m in micrographs if m.figures}
            if listed:
                rows = db.execute("SELECT id, path, frame FROM micrograph").fetchall()
                self.set_listed(
                    {number: listed[path, frame] for number, path, frame in rows if (path, frame) in listed}
                )
            return n_added

    def follow_files(self, micrographs: Sequence[Micrograph]) -> list[MicrographRecord]:
        """Take the size and pixel size of files that were replaced by others; returns what was known of them.

        Their picks and edits stay. A mask that was painted does not fit the new size, and is left out.
        """
        files = {(self._stored(one.path), one.frame): one for one in micrographs}
        with self._writing() as db:
            rows = db.execute(f"SELECT {_COLUMNS} FROM micrograph").fetchall()
            known = [(files.get((row[1], row[6])), self._record(row, None)) for row in rows]
            changed = [(before, now) for now, before in known if now and before.shape != now.shape]
            db.executemany(
                "UPDATE micrograph SET rows = ?, cols = ?, n_frames = ?,"
                " pixel_size_angstrom = coalesce(?, pixel_size_angstrom) WHERE id = ?",
                [(*now.shape, now.n_frames, now.pixel_size_angstrom, before.id) for before, now in changed],
            )
            if changed and self._masks():
                db.executemany("DELETE FROM mask WHERE micrograph_id = ?", [(one.id,) for one, _ in changed])
        return [before for before, _ in changed]

    def set_listed(self, figures: Mapping[int, ListedFigures]) -> None:
        """Keep what a list states of micrographs' images, by their numbers."""
        self._state({number: asdict(one) for number, one in figures.items()})

    def set_masked_share(self, micrograph_id: int, share: float) -> None:
        """Keep which share of a micrograph, 0..1, a picking has left out."""
        self._state({micrograph_id: {_MASKED: share}})

    def _state(self, values: Mapping[int, Mapping[str, float | None]]) -> None:
        """Write numbers of micrographs over those of the same names; others stay."""
        with self._writing() as db:
            db.execute(schema.FIGURES_TABLE)
            known = dict(db.execute("SELECT micrograph_id, stated FROM figures"))
            db.executemany(
                "INSERT OR REPLACE INTO figures VALUES (?, ?)",
                [
                    (number, json.dumps({**_numbers(known.get(number, "{}")), **own}))
                    for number, own in values.items()
                ],
            )

    def set_status(self, micrograph_id: int, status: Status) -> None:
        """Mark a micrograph."""
        with self._writing() as db:
            db.execute("UPDATE micrograph SET status = ? WHERE id = ?", (status.value, micrograph_id))

    def set_pixel_size(self, micrograph_ids: Sequence[int], angstrom: float) -> None:
        """Set micrographs' pixel size, Angstrom.

        Raises
        ------
        ParameterError
            If no micrograph can have it.
        """
        low, high = _PIXEL_SIZES
        if not low <= angstrom <= high:
            raise ParameterError(
                f"{angstrom:g} Å cannot be a micrograph's pixel size: type a number from {low:g} to {high:g}"
            )
        with self._writing() as db:
            db.executemany(
                "UPDATE micrograph SET pixel_size_angstrom = ? WHERE id = ?",
                [(float(angstrom), number) for number in micrograph_ids],
            )

    def set_mask(self, micrograph_id: int, mask: EditedMask | None) -> None:
        """Keep what the user wants left out on a micrograph; None for what is found."""
        with self._writing() as db:
            db.execute(schema.MASK_TABLE)
            if mask is None:
                db.execute("DELETE FROM mask WHERE micrograph_id = ?", (micrograph_id,))
            else:
                values = (micrograph_id, mask.block_px, mask.bits)
                db.execute("INSERT OR REPLACE INTO mask VALUES (?, ?, ?)", values)

    def relocate(self, old: Path, new: Path) -> int:
        """Look in `new` for the missing micrographs that lay in `old`; returns how many were found."""
        moved = [
            (self._stored(Path(new) / record.path.name), record.id)
            for record in self.micrographs()
            if record.missing and record.path.parent == Path(old) and (Path(new) / record.path.name).is_file()
        ]
        with self._writing() as db:
            before = db.total_changes
            db.executemany("UPDATE OR IGNORE micrograph SET path = ? WHERE id = ?", moved)
            return db.total_changes - before  # one that was added from there already is not found anew

    def labels(self, micrograph_id: int) -> Labels:
        """Return a micrograph's picks."""
        with self._reading():
            return edit_log.labels(self._db, micrograph_id)

    def all_labels(self) -> Iterator[tuple[int, Labels]]:
        """Return the picks of every micrograph that has some."""
        with self._reading():
            rows = self._db.execute("SELECT id, labels FROM micrograph WHERE length(labels) > 0")
            yield from [(number, Labels.from_bytes(data)) for number, data in rows]

    def new_ids(self, n: int) -> NDArray[np.int64]:
        """Return numbers (n,) for new picks; none is ever given twice."""
        with self._writing():
            first = int(self.setting("next_pick_id", 1))
            self.set_setting("next_pick_id", first + n)
        return np.arange(first, first + n, dtype=np.int64)

    def commit(self, edit: Edit, batch: int | None = None) -> int:
        """Apply an edit and log it; what had been undone on this micrograph can no longer be redone.

        Edits of one `new_batch` are one step for the user, which is undone and redone as one.
        """
        with self._writing() as db:
            return edit_log.commit(db, edit, batch)

    def new_batch(self) -> int:
        """Return a number for edits of several micrographs that are one step."""
        with self._reading():
            return edit_log.new_batch(self._db)

    def undo(self, micrograph_id: int) -> Replayed:
        """Do what `undoing` does at one go."""
        return Parts(self.undoing(micrograph_id)).result()

    def redo(self, micrograph_id: int) -> Replayed:
        """Do what `redoing` does at one go."""
        return Parts(self.redoing(micrograph_id)).result()

    def undoing(self, micrograph_id: int) -> Generator[None, None, Replayed]:
        """Take back a micrograph's last edit, an import on all of its micrographs; returns what was applied.

        Nothing is done where the last was a picking.
        """
        with self._reading(), self._writing() as db:
            return (yield from edit_log.undoing(db, micrograph_id))

    def redoing(self, micrograph_id: int) -> Generator[None, None, Replayed]:
        """Apply again what was undone last on a micrograph, an import on all of its; returns it."""
        with self._reading(), self._writing() as db:
            return (yield from edit_log.redoing(db, micrograph_id))

    def edits(self, micrograph_id: int) -> list[Edit]:
        """Return all edits that were made on a micrograph, also those undone, in order."""
        with self._reading():
            return edit_log.edits(self._db, micrograph_id)

    def _masks(self) -> dict[int, tuple[int, str]]:
        """Return blocks and bitmaps of the masks that were painted, by micrograph."""
        if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'mask'").fetchone():
            return {}
        return {
            number: (int(block), str(bits))
            for number, block, bits in self._db.execute("SELECT micrograph_id, block_px, bits FROM mask")
        }

    def _figures(self) -> dict[int, dict[str, Any]]:
        """Return what is known of micrographs in numbers, as the fields of their records."""
        if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'figures'").fetchone():
            return {}
        found: dict[int, dict[str, Any]] = {}
        names = [field.name for field in fields(ListedFigures)]
        for number, text in self._db.execute("SELECT micrograph_id, stated FROM figures"):
            stated = _numbers(text)
            listed = ListedFigures(**{name: stated.get(name) for name in names})
            found[number] = {"masked_share": stated.get(_MASKED), "figures": listed if listed else None}
        return found

    def _record(self, row: tuple[Any, ...], mask: tuple[int, str] | None) -> MicrographRecord:
        number, path, name, rows, cols, pixel_size, frame, n_frames, status = row
        place = (self.path.parent / path).absolute()
        status = schema.known(Status, status)
        edited = None if mask is None else EditedMask((rows, cols), *mask)
        if edited is not None:
            edited.left_out()  # damage is found now, not in the midst of work
        return MicrographRecord(
            number,
            place,
            name,
            (rows, cols),
            pixel_size,
            frame,
            n_frames,
            status,
            edited,
        )

    def _stored(self, path: Path) -> str:
        """Path as it is stored: relative below the project's folder, so that both can move together."""
        path, folder = Path(path).absolute(), self.path.parent.absolute()
        return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _numbers(text: str) -> dict[str, float]:
    """Read numbers by their names; what is damaged is left out: they can be found anew."""
    try:
        stated = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(stated, dict):
        return {}
    return {
        str(name): float(value)
        for name, value in stated.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }
