"""A folder of heads, and heads side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_hydrapicker.errors import HydraPickerError, ParameterError
from napari_hydrapicker.hydra.head_record import GENERIC, OF_MARKS, HeadRecord, read_record
from napari_hydrapicker.picking.model_files import (
    HOME_VARIABLE,
    SUFFIX,
    changing,
    file_of,
    names_in,
    remove,
    user_folder,
    with_suffix,
)

if TYPE_CHECKING:
    from napari_hydrapicker.hydra.layers import Head

__all__ = ["HOME_VARIABLE", "SUFFIX", "HeadLibrary", "find", "user_library"]


@dataclass(frozen=True)
class FigureRow:
    """One figure of merit of several heads; None where a head's record does not have it."""

    figure: str
    before: tuple[float | None, ...]
    after: tuple[float | None, ...]


@dataclass(frozen=True)
class Comparison:
    """Some heads in the order asked for."""

    records: tuple[HeadRecord, ...]

    @property
    def rows(self) -> list[FigureRow]:
        """All figures that any of the heads has, in the order of their first mention."""
        names = {
            name: None for one in self.records for name in (*one.figures_after, *one.figures_before)
        }  # a dictionary keeps the order
        return [
            FigureRow(
                name,
                tuple(one.figures_before.get(name) for one in self.records),
                tuple(one.figures_after.get(name) for one in self.records),
            )
            for name in names
        ]

    @property
    def same_body(self) -> bool:
        """Whether one network can use them all."""
        return len({one.parent for one in self.records}) < 2

    @property
    def same_measure(self) -> bool:
        """Whether their figures were measured on the same micrographs, known by their checksums.

        Those are the held-out ones, or all where none was held out; all of what is on them, or some marks.
        Only then do the figures say which of two heads is the better.
        """
        return len({_measured_on(one) for one in self.records}) < 2


def _measured_on(record: HeadRecord) -> tuple[str, bool, frozenset[str]]:
    marks = any(OF_MARKS in figure for figure in record.figures_after)
    held_out = frozenset(one.sha256 for one in record.micrographs if one.use == "validation")
    if held_out:
        return "validation", marks, held_out
    return "training", marks, frozenset(one.sha256 for one in record.micrographs)


def user_library() -> HeadLibrary:
    """Return the user's own library: in ``$HYDRAPICKER_HOME/heads``, or in the user data folder."""
    return HeadLibrary(user_folder())


@dataclass(frozen=True)
class HeadLibrary:
    """A folder whose files ``NAME.safetensors`` are heads; it is made when the first is added.

    A head's name is that of its file. Programs may share a folder: changes wait for one another, and a
    file is replaced or removed as a whole. Reading needs no lock, so that a folder can be read-only.
    """

    folder: Path

    def names(self) -> list[str]:
        """Names of all heads' files, sorted, unread.

        Raises
        ------
        WeightsError
            If there is a folder that cannot be read.
        """
        return names_in(self.folder)

    def read(self) -> tuple[list[HeadRecord], list[str]]:
        """Return the records of all heads by name, and what is wrong with files that are none."""
        records, problems = [], []
        for name in self.names():
            try:
                records.append(self.record(name))
            except ParameterError as error:  # of the name alone
                problems.append(f"{self.folder / (name + SUFFIX)}: {error}")
            except HydraPickerError as error:
                problems.append(str(error))
        return records, problems

    def records(self) -> list[HeadRecord]:
        """Return the records of all heads that can be read, by name."""
        return self.read()[0]

    def problems(self) -> list[str]:
        """Say what is wrong with the files that cannot be read, naming each."""
        return self.read()[1]

    def record(self, name: str) -> HeadRecord:
        """Return a head's record; its name is the file's, whatever it was called when it was trained."""
        return read_record(self.path(name)).model_copy(update={"name": name})

    def compare(self, names: Sequence[str]) -> Comparison:
        """Put the figures of some heads side by side."""
        return Comparison(tuple(self.record(name) for name in names))

    def path(self, name: str) -> Path:
        """Return a head's file.

        Raises
        ------
        ParameterError
            If there is no such head.
        """
        path = file_of(self.folder, name)
        if name not in self.names():
            known = ", ".join(self.names()) or "none"
            raise ParameterError(f"{self.folder}: there is no head called {name!r}; there are: {known}")
        return path

    def load(self, name: str) -> tuple[Head, HeadRecord]:
        """Read a head with its tensors."""
        from napari_hydrapicker.hydra.weights import load_head

        head, record = load_head(self.path(name))
        return head, record.model_copy(update={"name": name})

    def add(self, head: Head, record: HeadRecord, overwrite: bool = False) -> Path:
        """Keep a head; returns its file.

        Raises
        ------
        ParameterError
            If there is one of that name, and it is not to be replaced.
        WeightsError
            If the folder cannot be written.
        """
        from napari_hydrapicker.hydra.weights import save_head

        with changing(self.folder):
            path = self._free(record.name, overwrite)
            save_head(path, head, record)
        return path

    def rename(self, old: str, new: str) -> None:
        """Give a head another name, in its record too: a copy of the file tells it wherever it goes."""
        from napari_hydrapicker.hydra.weights import save_head

        with changing(self.folder):
            head, record = self.load(old)
            save_head(self._free(new), head, record.model_copy(update={"name": new}))
            remove(self.path(old))

    def delete(self, name: str) -> None:
        """Delete a head for good."""
        with changing(self.folder):
            remove(self.path(name))

    def export(self, name: str, target: Path, overwrite: bool = False) -> Path:
        """Copy a head to a file, or into a folder; returns the copy.

        Raises
        ------
        ParameterError
            If there is no such head, or a file is in the way that is not to be replaced.
        WeightsError
            If the head is damaged, or the copy cannot be written.
        """
        from napari_hydrapicker.hydra.weights import save_head

        head, record = self.load(name)
        copy = file_of(target, name) if target.is_dir() else with_suffix(target)
        if copy.exists() and not overwrite:
            raise ParameterError(f"{copy} exists: choose another file, or let it be replaced")
        save_head(copy, head, record)
        return copy

    def import_file(self, path: Path, name: str | None = None, overwrite: bool = False) -> HeadRecord:
        """Take a copy of a head's file into the library, under its own name or another.

        Raises
        ------
        ParameterError
            If there is a head of that name, and it is not to be replaced.
        WeightsError
            If the file is no head, or is damaged, or the folder cannot be written.
        """
        from napari_hydrapicker.hydra.weights import load_head

        head, record = load_head(path)
        record = record.model_copy(update={"name": record.name if name is None else name})
        self.add(head, record, overwrite)
        return record

    def _free(self, name: str, overwrite: bool = False) -> Path:
        """Path for a head of this name, which is not there yet or is to be replaced."""
        path = file_of(self.folder, name)
        if path.exists() and not overwrite:
            raise ParameterError(
                f"{self.folder}: there is a head called {name!r} already; choose another name, or replace it"
            )
        return path


def find(name: str, libraries: Sequence[HeadLibrary]) -> HeadLibrary | None:
    """Return the first library that has a head of this name, or None; the generic head is in none."""
    if name == GENERIC:
        return None
    return next((library for library in libraries if name in library.names()), None)
