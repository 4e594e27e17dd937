"""The files of heads and generators that a user keeps: folders, names, locks. Without torch."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from platformdirs import user_data_path
from safetensors import SafetensorError, safe_open

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.hydra.head_record import GENERIC, check_head_name, free_name
from napari_hydrapicker.io.files import locked

HOME_VARIABLE: Final = "HYDRAPICKER_HOME"
WAIT_SECONDS = 30.0

SUFFIX = ".safetensors"
BUNDLED: Final = "bundled"
"""What the generator that comes with the package is called; no other may be."""
_FORMAT = "napari-hydrapicker cgan"  # `cgan.weights.FORMAT`, which is not to be had without torch
_OTHERS = {
    "napari-hydrapicker": "a network of HydraPicker",
    "napari-hydrapicker head": "a head of HydraPicker",
}
_CHOOSE = "choose a generator, made with “Make a picker” or with hydrapicker cgan train"
_HEAD_MB = 16


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


def user_folder() -> Path:
    """Return the folder of the user's own heads: ``$HYDRAPICKER_HOME/heads``, or in the user data folder."""
    home = os.environ.get(HOME_VARIABLE)
    base = Path(home).expanduser() if home else user_data_path("napari-hydrapicker", appauthor=False)
    return base / "heads"


def names_in(folder: Path) -> list[str]:
    """Names of all heads' files, sorted, unread; none where there is no such folder.

    Raises
    ------
    WeightsError
        If there is a folder that cannot be read.
    """
    try:
        files = os.listdir(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise WeightsError(f"{folder}: cannot be read ({error.strerror or error})") from error
    return sorted(
        file.removesuffix(SUFFIX) for file in files if file.endswith(SUFFIX) and not file.startswith(".")
    )


def file_of(folder: Path, name: str) -> Path:
    """Return the place of a head's file in a folder, whether it is there or not.

    Raises
    ------
    ParameterError
        If the name cannot be that of a head in a file.
    """
    check_head_name(name)
    if name == GENERIC:
        raise ParameterError(f"{GENERIC!r} is the name of the network's own head; choose another name")
    return folder / f"{name}{SUFFIX}"


def with_suffix(path: Path) -> Path:
    """Return a path whose file is called as heads' files are."""
    return path.with_name(path.name.removesuffix(SUFFIX) + SUFFIX)


def remove(path: Path) -> None:
    """Delete a head's file.

    Raises
    ------
    WeightsError
        If the system refuses it.
    """
    try:
        path.unlink()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be deleted ({error.strerror or error})") from error


@dataclass(frozen=True)
class GeneratorLibrary:
    """A folder whose files ``NAME.safetensors`` are generators; it is made when the first is added."""

    folder: Path

    def names(self) -> list[str]:
        """Names of all files, sorted, unread.

        Raises
        ------
        WeightsError
            If there is a folder that cannot be read.
        """
        return names_in(self.folder)

    def path(self, name: str) -> Path:
        """Where a generator of this name is, or would be."""
        return self.folder / f"{name}{SUFFIX}"

    def add(self, file: Path, name: str) -> None:
        """Keep a copy of a generator's file, in place of one of that name; it is whole once it has the name.

        Raises
        ------
        WeightsError
            If the file cannot be read, or the folder not written.
        """
        with changing(self.folder):
            part = self.folder / f".{name}{SUFFIX}.part"
            try:
                shutil.copyfile(file, part)
                os.replace(part, self.path(name))
            except OSError as error:
                raise WeightsError(
                    f"{self.path(name)}: cannot be written ({error.strerror or error}); make room, or choose "
                    "another folder"
                ) from error

    @staticmethod
    def free_name(name: str, libraries: Sequence[GeneratorLibrary]) -> str:
        """Return a name that none of the libraries has: this one, or this one with a number."""
        taken = {one for library in libraries for one in library.names()}
        return free_name(name, taken)


def user_generators() -> GeneratorLibrary:
    """Return the user's own, a folder beside that of his heads."""
    return GeneratorLibrary(user_folder().with_name("generators"))


def project_generators(project: Path) -> GeneratorLibrary:
    """Return those of a project, in a folder beside its file."""
    return GeneratorLibrary(project.with_name(f"{project.name}-generators"))


def check_name(name: str) -> None:
    """Refuse names that cannot stand for a file on every system.

    Raises
    ------
    ParameterError
        If `name` is not 1 to 64 letters, digits, hyphens or underscores, or has a meaning of its own.
    """
    if name == BUNDLED:
        raise ParameterError(f"{name!r} is the picker that comes with the program: choose another name")
    try:
        check_head_name(name)
    except ParameterError as error:
        raise ParameterError(str(error).replace("of a head", "of a picker")) from None


def find_generator(chosen: str, libraries: Sequence[GeneratorLibrary]) -> Path:
    """Return the file of a generator: the first library's that has one of this name, or the file named.

    Raises
    ------
    ParameterError
        If there is neither.
    """
    if Path(chosen).suffix or Path(chosen).is_absolute():
        if not Path(chosen).is_file():
            raise ParameterError(
                f"{chosen}: there is no such file any more: choose another generator in Pick"
            )
        return Path(chosen)
    for library in libraries:
        if chosen in library.names():
            return library.path(chosen)
    known = ", ".join(dict.fromkeys(name for library in libraries for name in library.names())) or "none"
    raise ParameterError(
        f"there is no generator called {chosen!r} in {' or '.join(str(one.folder) for one in libraries)}; "
        f"there are: {known}"
    )


def generator_file(given: Path) -> Path:
    """Return the file that is meant by a path: that path, or, if it is a bare name, a kept generator's file.

    Raises
    ------
    ParameterError
        If no generator of this name is kept.
    """
    if given.suffix or given.exists():
        return given
    return find_generator(str(given), [user_generators()])


def check_file(path: Path) -> None:
    """Look whether a file is a generator, by its header: damage further on is found when it is loaded.

    Raises
    ------
    WeightsError
        If it cannot be read, or is none.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            kind = (file.metadata() or {}).get("format")
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from error
    except SafetensorError as error:
        raise WeightsError(f"{path}: not a safetensors file, or damaged ({error}): {_CHOOSE}") from error
    if kind != _FORMAT:
        what = _OTHERS.get(kind or "", "a file of another program")
        raise WeightsError(f"{path}: {what}, not a generator: {_CHOOSE}")


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
