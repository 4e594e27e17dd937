"""The files of a folder of heads: what they are called, and which there are."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_path

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.heads.locking import HOME_VARIABLE
from napari_hydrapicker.heads.names import check_head_name
from napari_hydrapicker.heads.record import GENERIC

SUFFIX = ".safetensors"


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
