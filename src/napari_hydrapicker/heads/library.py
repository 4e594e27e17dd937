"""A folder of heads."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from platformdirs import user_data_path

from napari_hydrapicker.errors import HydraPickerError, ParameterError, WeightsError
from napari_hydrapicker.heads.names import check_head_name
from napari_hydrapicker.heads.reading import read_record
from napari_hydrapicker.heads.record import GENERIC, HeadRecord

if TYPE_CHECKING:
    from napari_hydrapicker.hydra.head import Head

HOME_VARIABLE = "HYDRAPICKER_HOME"
SUFFIX = ".safetensors"


def user_library() -> HeadLibrary:
    """Return the user's own library: in ``$HYDRAPICKER_HOME/heads``, or in the user data folder."""
    home = os.environ.get(HOME_VARIABLE)
    base = Path(home).expanduser() if home else user_data_path("napari-hydrapicker", appauthor=False)
    return HeadLibrary(base / "heads")


@dataclass(frozen=True)
class HeadLibrary:
    """A folder whose files ``NAME.safetensors`` are heads; it is made when the first is added.

    A head's name is that of its file. Two programs can use a folder at a time.
    """

    folder: Path

    def names(self) -> list[str]:
        """Names of all heads' files, sorted, unread."""
        if not self.folder.is_dir():
            return []
        files = (path for path in self.folder.glob(f"*{SUFFIX}") if not path.name.startswith("."))
        return sorted(path.name.removesuffix(SUFFIX) for path in files)

    def read(self) -> tuple[list[HeadRecord], list[str]]:
        """Return the records of all heads by name, and what is wrong with files that are none."""
        records, problems = [], []
        for name in self.names():
            try:
                records.append(self.record(name))
            except HydraPickerError as error:
                problems.append(str(error))
        return records, problems

    def records(self) -> list[HeadRecord]:
        """Return the records of all heads that can be read, by name."""
        return self.read()[0]

    def record(self, name: str) -> HeadRecord:
        """Return a head's record; its name is the file's, whatever it was called when it was trained."""
        return read_record(self.path(name)).model_copy(update={"name": name})

    def path(self, name: str) -> Path:
        """Return a head's file.

        Raises
        ------
        ParameterError
            If there is no such head.
        """
        check_head_name(name)
        path = self.folder / f"{name}{SUFFIX}"
        if not path.is_file():
            known = ", ".join(self.names()) or "none"
            raise ParameterError(f"{self.folder}: there is no head called {name!r}; there are: {known}")
        return path

    def load(self, name: str) -> tuple[Head, HeadRecord]:
        """Read a head with its tensors."""
        from napari_hydrapicker.hydra.head_file import load_head

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
        from napari_hydrapicker.hydra.head_file import save_head

        with self._lock():
            path = self._free(record.name, overwrite)
            save_head(path, head, record)
        return path

    def rename(self, old: str, new: str) -> None:
        """Give a head another name."""
        with self._lock():
            source, target = self.path(old), self._free(new)
            _moved(lambda: source.rename(target), source)

    def delete(self, name: str) -> None:
        """Delete a head for good."""
        with self._lock():
            path = self.path(name)
            _moved(path.unlink, path)

    def export(self, name: str, target: Path, overwrite: bool = False) -> Path:
        """Copy a head to a file, or into a folder; returns the copy."""
        source = self.path(name)
        copy = target / source.name if target.is_dir() else target.with_suffix(SUFFIX)
        if copy.exists() and not overwrite:
            raise ParameterError(f"{copy} exists: choose another file, or let it be replaced")
        _copy(source, copy)
        return copy

    def import_file(self, path: Path, name: str | None = None, overwrite: bool = False) -> HeadRecord:
        """Copy a head's file into the library, under its own name or another.

        Raises
        ------
        WeightsError
            If it is no head, or damaged.
        """
        from napari_hydrapicker.hydra.head_file import load_head

        record = load_head(path)[1]
        wanted = record.name if name is None else name
        with self._lock():
            _copy(path, self._free(wanted, overwrite))
        return self.record(wanted)

    def _free(self, name: str, overwrite: bool = False) -> Path:
        check_head_name(name)
        if name == GENERIC:
            raise ParameterError(f"{GENERIC!r} is the name of the network's own head; choose another name")
        path = self.folder / f"{name}{SUFFIX}"
        if path.exists() and not overwrite:
            raise ParameterError(
                f"{self.folder}: there is a head called {name!r} already; choose another name, or replace it"
            )
        return path

    def _lock(self) -> FileLock:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = os.access(self.folder, os.W_OK)
        except OSError as error:
            raise WeightsError(f"{self.folder}: cannot be made ({error.strerror or error})") from error
        if not probe:
            raise WeightsError(f"{self.folder}: cannot be written; set {HOME_VARIABLE} to another folder")
        return FileLock(self.folder / ".lock", timeout=30)


def find(name: str, libraries: Sequence[HeadLibrary]) -> HeadLibrary | None:
    """Return the first library that has a head of this name, or None."""
    return next((library for library in libraries if name in library.names()), None)


def _copy(source: Path, target: Path) -> None:
    """Copy a file so that the target is whole at any time."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(source, part)
        os.replace(part, target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise WeightsError(f"{target}: cannot be written ({error.strerror or error})") from error


def _moved(action: Callable[[], object], path: Path) -> None:
    try:
        action()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be changed ({error.strerror or error})") from error
