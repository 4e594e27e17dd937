"""The generators of cGAN pickers that the user has: folders of files, read without torch."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from safetensors import SafetensorError, safe_open

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.heads.files import SUFFIX, names_in, user_folder
from napari_hydrapicker.heads.locking import changing
from napari_hydrapicker.heads.names import check_head_name, free_name

BUNDLED: Final = "bundled"
"""What the generator that comes with the package is called; no other may be."""
_FORMAT = "napari-hydrapicker cgan"  # `gan.weights.FORMAT`, which is not to be had without torch
_OTHERS = {
    "napari-hydrapicker": "a network of HydraPicker",
    "napari-hydrapicker head": "a head of HydraPicker",
}
_CHOOSE = "choose a generator, made with “Make a picker” or with hydrapicker train --picker cgan"


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
