"""The models there are: bundled with the package, kept by the user or beside a project. Without torch.

A network comes with heads of its own; more heads, and generators of the cGAN picker, are kept in folders.
What identifies a model is the content of its file, wherever it lies: see `model_files`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from platformdirs import user_data_path
from pydantic_core import from_json

from napari_hydrapicker.errors import HydraPickerError, ParameterError, WeightsError
from napari_hydrapicker.hydra.head_record import (
    GENERIC,
    Comparison,
    HeadRecord,
    check_head_name,
    free_name,
    read_record,
)
from napari_hydrapicker.io.files import locked
from napari_hydrapicker.io.safetensors import GET_ANOTHER, NETWORK, read_header

if TYPE_CHECKING:
    from napari_hydrapicker.hydra.layers import Head

HOME_VARIABLE: Final = "HYDRAPICKER_HOME"
WAIT_SECONDS = 30.0
SUFFIX: Final = ".safetensors"
BUNDLED: Final = "bundled"
"""What the generator that comes with the package is called; no other may be."""
_HEAD_MB = 16


def _bundled(name: str) -> Path:
    return Path(str(resources.files("napari_hydrapicker"))) / "weights" / name


def bundled_path() -> Path:
    """Path of the network that comes with the package.

    Raises
    ------
    WeightsError
        If the installation lacks it.
    """
    path = _bundled("compact.safetensors")
    if not path.is_file():
        raise WeightsError(f"{path}: the bundled network is missing. Install napari-hydrapicker again.")
    return path


def bundled_generator() -> Path | None:
    """Path of the generator that comes with the package; None where none does."""
    path = _bundled("cgan.safetensors")
    return path if path.is_file() else None


def head_names(path: Path | None = None) -> list[str]:
    """Names of a network's own heads, of the bundled one by default; the generic one is the first.

    Raises
    ------
    WeightsError
        If the file is none of ours or cannot be read.
    """
    path = path or bundled_path()
    try:
        content = from_json(read_header(path, NETWORK).get("metadata", ""))
    except ValueError as error:
        raise WeightsError(f"{path}: its description is not JSON ({error}). {GET_ANOTHER}") from error
    names = content.get("heads") if isinstance(content, dict) else None
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        raise WeightsError(f"{path}: it does not say which heads it has. {GET_ANOTHER}")
    return names


def check_not_own(name: str, path: Path | None = None) -> None:
    """Refuse a name for a kept head that one of the network's own has: that one would be picked with.

    Raises
    ------
    ParameterError
        If the network, by default the bundled one, has a head of this name.
    WeightsError
        If its file is none of ours or cannot be read.
    """
    if name in head_names(path):
        raise ParameterError(f"the network has a head called {name!r} of its own; choose another name")


def changing(folder: Path) -> AbstractContextManager[None]:
    """Make a folder, and keep other programs from changing it meanwhile.

    Raises
    ------
    WeightsError
        If the folder cannot be made or written, or another program does not let go of it.
    """
    return locked(
        folder,
        WAIT_SECONDS,
        lambda what: WeightsError(f"{folder}: {what}"),
        f"another program has been changing it for {WAIT_SECONDS:g} s; try again later",
        f"choose another folder, or set {HOME_VARIABLE} to one",
    )


@dataclass(frozen=True)
class ModelLibrary:
    """A folder whose files ``NAME.safetensors`` are models of one kind; it is made when the first is added.

    A model's name is that of its file. Programs may share a folder: changes wait for one another, and a file
    is replaced or removed as a whole. Reading needs no lock, so that a folder can be read-only.
    """

    folder: Path
    noun: ClassVar[str] = "model"

    def names(self) -> list[str]:
        """Names of all models' files, sorted, unread; none where there is no such folder.

        Raises
        ------
        WeightsError
            If there is a folder that cannot be read.
        """
        try:
            files = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise WeightsError(f"{self.folder}: cannot be read ({error.strerror or error})") from error
        return sorted(
            file.removesuffix(SUFFIX) for file in files if file.endswith(SUFFIX) and not file.startswith(".")
        )

    def path(self, name: str) -> Path:
        """Return a model's file.

        Raises
        ------
        ParameterError
            If there is no such model.
        """
        path = self.place(name)
        if name not in self.names():
            known = ", ".join(self.names()) or "none"
            raise ParameterError(
                f"{self.folder}: there is no {self.noun} called {name!r}; there are: {known}"
            )
        return path

    def place(self, name: str) -> Path:
        """Return where a model of this name is, or would be.

        Raises
        ------
        ParameterError
            If the name cannot be that of a model in a file.
        """
        check_head_name(name)
        return self.folder / f"{name}{SUFFIX}"

    def delete(self, name: str) -> None:
        """Delete a model for good.

        Raises
        ------
        ParameterError, WeightsError
            If there is no such model; if the system refuses it.
        """
        with changing(self.folder):
            self._remove(name)

    def _remove(self, name: str) -> None:
        path = self.path(name)
        try:
            path.unlink()
        except OSError as error:
            raise WeightsError(f"{path}: cannot be deleted ({error.strerror or error})") from error


Library = TypeVar("Library", bound=ModelLibrary)


def find(name: str, libraries: Sequence[Library]) -> Library | None:
    """Return the first library that has a model of this name, or None; the generic head is in none."""
    if name == GENERIC:
        return None
    return next((library for library in libraries if name in library.names()), None)


def names_of(libraries: Sequence[ModelLibrary]) -> list[str]:
    """Names of the models in some libraries, each once."""
    return list(dict.fromkeys(name for library in libraries for name in library.names()))


def user_folder() -> Path:
    """Return the folder of the user's own heads: ``$HYDRAPICKER_HOME/heads``, or in the user data folder."""
    home = os.environ.get(HOME_VARIABLE)
    base = Path(home).expanduser() if home else user_data_path("napari-hydrapicker", appauthor=False)
    return base / "heads"


def user_library() -> HeadLibrary:
    """Return the user's own heads."""
    return HeadLibrary(user_folder())


def user_generators() -> GeneratorLibrary:
    """Return the user's own generators, in a folder beside that of the heads."""
    return GeneratorLibrary(user_folder().with_name("generators"))


def project_generators(project: Path) -> GeneratorLibrary:
    """Return those of a project, in a folder beside its file."""
    return GeneratorLibrary(project.with_name(f"{project.name}-generators"))


@dataclass(frozen=True)
class HeadLibrary(ModelLibrary):
    """A folder of heads."""

    noun: ClassVar[str] = "head"

    def place(self, name: str) -> Path:
        """As `ModelLibrary.place`; the generic head is in no file of its own."""
        if name == GENERIC:
            raise ParameterError(f"{GENERIC!r} is the name of the network's own head; choose another name")
        return super().place(name)

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

    def record(self, name: str) -> HeadRecord:
        """Return a head's record; its name is the file's, whatever it was called when it was trained."""
        return read_record(self.path(name)).model_copy(update={"name": name})

    def compare(self, names: Sequence[str]) -> Comparison:
        """Put the figures of some heads side by side."""
        return Comparison(tuple(self.record(name) for name in names))

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
            self._remove(old)

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
        file = f"{name if target.is_dir() else target.name.removesuffix(SUFFIX)}{SUFFIX}"
        copy = target / file if target.is_dir() else target.with_name(file)
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
        path = self.place(name)
        if path.exists() and not overwrite:
            raise ParameterError(
                f"{self.folder}: there is a head called {name!r} already; choose another name, or replace it"
            )
        return path


def check_room(libraries: Sequence[Path]) -> None:
    """Refuse a training whose head could be kept in none of some folders, as things are.

    Parameters
    ----------
    libraries
        Folders; those that are not there yet will be made.

    Raises
    ------
    WeightsError
        If none of them can be written, or has room for a head.
    """
    problems = [_obstacle(folder) for folder in libraries]
    if problems and all(problems):
        raise WeightsError(f"there is nowhere to keep the head: {'; '.join(problems)}")


def _obstacle(folder: Path) -> str:
    """What would keep a head from being saved in a folder; "" for nothing that can be seen beforehand."""
    there = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    if not (there.is_dir() and os.access(there, os.W_OK)):
        return f"{folder} cannot be written"
    left = shutil.disk_usage(there).free >> 20
    return f"on the disk of {folder} {left} MB are left, not {_HEAD_MB}" if left < _HEAD_MB else ""


@dataclass(frozen=True)
class GeneratorLibrary(ModelLibrary):
    """A folder of generators."""

    noun: ClassVar[str] = "generator"

    def place(self, name: str) -> Path:
        """As `ModelLibrary.place`; none may be called as the bundled one."""
        if name == BUNDLED:
            raise ParameterError(f"{name!r} is the picker that comes with the program: choose another name")
        try:
            return super().place(name)
        except ParameterError as error:
            raise ParameterError(str(error).replace("of a head", "of a picker")) from None

    def add(self, file: Path, name: str) -> None:
        """Keep a copy of a generator's file, in place of one of that name; it is whole once it has the name.

        Raises
        ------
        WeightsError
            If the file cannot be read, or the folder not written.
        """
        path = self.place(name)
        with changing(self.folder):
            part = path.with_name(f".{path.name}.part")
            try:
                shutil.copyfile(file, part)
                os.replace(part, path)
            except OSError as error:
                raise WeightsError(
                    f"{path}: cannot be written ({error.strerror or error}); make room, or choose another "
                    "folder"
                ) from error

    @staticmethod
    def free_name(name: str, libraries: Sequence[GeneratorLibrary]) -> str:
        """Return a name that none of the libraries has: this one, or this one with a number."""
        return free_name(name, names_of(libraries))


def check_name(name: str) -> None:
    """Refuse names that a generator cannot have; raises as `GeneratorLibrary.place`."""
    GeneratorLibrary(Path()).place(name)
