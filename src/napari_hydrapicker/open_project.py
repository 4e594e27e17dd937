"""An open project, its micrographs, and which of them is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from psygnal import Signal

from napari_hydrapicker.errors import ProjectError
from napari_hydrapicker.micrograph import Micrograph
from napari_hydrapicker.project.project import Project
from napari_hydrapicker.project.records import MicrographRecord


class OpenProject:
    """A project that may be open, and where the user is in it.

    Signals
    -------
    micrographs_changed ()
        Micrographs were added or removed, or another project was opened.
    micrograph_changed (int)
        Status, pixel size or picks of the micrograph with this number.
    current_changed ()
        Another micrograph is shown, or none.
    """

    micrographs_changed = Signal()
    micrograph_changed = Signal(int)
    current_changed = Signal()

    def __init__(self) -> None:
        self._project: Project | None = None
        self._records: dict[int, MicrographRecord] = {}
        self.current: int | None = None

    @property
    def project(self) -> Project:
        """The open project.

        Raises
        ------
        ProjectError
            If none is open.
        """
        if self._project is None:
            raise ProjectError("no micrographs are open: open a folder or a project first")
        return self._project

    @property
    def is_open(self) -> bool:
        """Whether there is a project."""
        return self._project is not None

    @property
    def read_only(self) -> bool:
        """Whether another napari has the project open for writing."""
        return self._project is not None and self._project.read_only

    @property
    def records(self) -> list[MicrographRecord]:
        """All micrographs, in order."""
        return list(self._records.values())

    def record(self, micrograph_id: int) -> MicrographRecord:
        """Return one micrograph's record."""
        return self._records[micrograph_id]

    def add_micrographs(self, micrographs: Sequence[Micrograph]) -> int:
        """Add those that the project does not have; returns how many these are."""
        added = self.project.add_micrographs(micrographs)
        self._read_records()
        if self.current is None and self._records:
            self.set_current(next(iter(self._records)))
        return added

    def repoint(self, old: Path, new: Path) -> int:
        """Look for missing micrographs in another folder; returns how many were found."""
        found = self.project.repoint(old, new)
        self._read_records()
        self.current_changed.emit()
        return found

    def set_current(self, micrograph_id: int | None) -> None:
        """Show another micrograph.

        Raises
        ------
        ProjectError
            If the project cannot note it; it is shown none the less.
        """
        if micrograph_id == self.current:
            return
        self.current = micrograph_id
        self.current_changed.emit()
        if not self.read_only and self.current == micrograph_id:
            self.project.set_setting("current", micrograph_id)

    def neighbour(self, step: int) -> int | None:
        """Return the micrograph so many places on from the current one, or None beyond the ends."""
        order = list(self._records)
        if self.current is None:
            return None
        place = order.index(self.current) + step
        return order[place] if 0 <= place < len(order) else None

    def _read_records(self) -> None:
        self._records = {record.id: record for record in self.project.micrographs()}
        self.micrographs_changed.emit()

    def _change_record(self, number: int, **changes: Any) -> None:
        self._records[number] = replace(self._records[number], **changes)
        self.micrograph_changed.emit(number)
